"""Seconds from `donate demo` in an empty folder until it says that it is ready: all built, and pages answer."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

from tests.bench.figures import Figure
from tests.bench.servers import fetch, free_port
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
                stderr=subprocess.PIPE,
                text=True,
            )
            assert process.stderr is not None
            try:
                while not (line := process.stderr.readline()).startswith("Ready after"):
                    assert line, "the demo ended by itself"
                taken = time.perf_counter() - started
                assert fetch(port, "/zh/c/yunxi")[0] == 200
            finally:
                process.terminate()
                process.wait(30)
            yield Figure(f"donate demo: {name}", taken, "seconds", ceiling=ceiling)
