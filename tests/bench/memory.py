"""Memory of one web worker after a thousand mixed requests: the proportional set size, shared pages divided."""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.servers import donate_web, fetch
from tests.bench.site import CAMPAIGN, site

PATHS = (
    "/zh/",
    "/en/",
    "/zh/campaigns",
    "/en/campaigns?q=xinhuang",
    f"/zh/c/{CAMPAIGN}",
    f"/en/c/{CAMPAIGN}",
    f"/zh/give/{CAMPAIGN}",
    f"/en/give/{CAMPAIGN}?amount=15",
    "/zh/ledger",
    "/en/ledger/3",
    f"/c/{CAMPAIGN}/ledger.csv",
    "/zh/how-to-check",
    "/en/status",
    "/zh/sign-in",
    "/en/complain",
    "/en/nothing-here",
)


def measure(requests: int = 1_000) -> Iterator[Figure]:
    with site(5_000) as world:
        environ = world.environ | {"DONATE_WORKERS": "1"}
        before = _python_processes()
        with donate_web(environ) as port:
            for number in range(requests):
                status, _, _ = fetch(port, f"{PATHS[number % len(PATHS)]}")
                assert status in (200, 302, 404), (PATHS[number % len(PATHS)], status)
            started = _python_processes() - before
            largest = max(_proportional_megabytes(pid) for pid in started)
        yield Figure("one web worker after 1,000 mixed requests", largest, "MB PSS", ceiling=120)


def _python_processes() -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"donate.cli" in command or b"multiprocessing" in command:
                found.add(int(entry.name))
    return found


def _proportional_megabytes(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
