"""Seconds from `donate demo` in an empty folder to the first page that answers."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

from tests.bench.figures import Figure
from tests.bench.servers import free_port, wait_for
from tests.bench.world import open_folder


def measure() -> Iterator[Figure]:
    with open_folder() as folder:
        for name, ceiling in (("first start", 20.0), ("second start, the same world", None)):
            port = free_port()
            started = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "donate.cli", "demo", "--port", str(port)],
                env=os.environ | {"DONATE_INSTANCE": str(folder / "instance")},
                stdout=subprocess.DEVNULL,
            )
            try:
                wait_for(port, "/zh/", process, seconds=120)
                taken = time.perf_counter() - started
            finally:
                process.terminate()
                process.wait(30)
            yield Figure(f"donate demo: {name}", taken, "seconds", ceiling=ceiling)
