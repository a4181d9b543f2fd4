"""Seconds of the whole test run, by the README's own command, once (optional: it is not run unless named)."""

import subprocess
import sys
import time
from collections.abc import Iterator
from shutil import which

from tests.bench.figures import Figure
from tests.laws.source import ROOT


def measure() -> Iterator[Figure]:
    """The command's own output is shown: a run that fails is no measurement."""
    command = test_command()
    print("$", *command, flush=True)
    started = time.perf_counter()
    ended = subprocess.run(command, cwd=ROOT)
    seconds = time.perf_counter() - started
    if ended.returncode:
        raise RuntimeError(f"the tests ended with {ended.returncode} after {seconds:.0f} seconds")
    yield Figure("the whole test run", seconds, "seconds", " ".join(command))


def test_command() -> list[str]:
    """`uv run pytest` as in the README, with the uv that its first command makes; without any, pytest itself."""
    uv = ROOT / ".uv" / "bin" / "uv"
    found = str(uv) if uv.exists() else which("uv")
    return [found, "run", "pytest"] if found else [sys.executable, "-m", "pytest"]
