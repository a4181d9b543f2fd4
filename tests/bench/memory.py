"""Memory of one web worker after a thousand mixed requests: the proportional set size, shared pages divided."""

import os
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.mixture import Mixture, words_of
from tests.bench.servers import donate_web
from tests.bench.site import site


def measure(requests: int = 1_000) -> Iterator[Figure]:
    """One worker answers pages, gifts from their form, signed messages, CSV files and uploads of photos."""
    with site(5_000) as world:
        environ = world.environ | {"DONATE_WORKERS": "1", "DONATE_TRUSTED_PROXIES": "1"}
        with donate_web(environ) as port:
            mixture = Mixture(world, port, {})
            mixture.run(requests)
            largest = max(map(_proportional_megabytes, _descendants(os.getpid())))
        name = f"one web worker after {mixture.requests:,} mixed requests"
        yield Figure(name, largest, "MB PSS", f"{words_of(mixture.counts)}; a gift is three requests", ceiling=120)


def _descendants(parent: int) -> set[int]:
    """Processes that this one started, and what they started: the server and its one worker are the largest."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                said = (entry / "stat").read_text()
            except OSError:
                continue
            command, _, facts = said.partition("(")[2].rpartition(")")
            if "postgres" not in command:
                parents[int(entry.name)] = int(facts.split()[1])
    found: set[int] = set()
    fresh = {parent}
    while fresh:
        fresh = {pid for pid, above in parents.items() if above in fresh}
        found |= fresh
    return found


def _proportional_megabytes(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
