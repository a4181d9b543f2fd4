"""Commands and processes to be watched and killed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# A part with a child of its own: like a web server and its worker. Each writes its pid into the folder.
PART = """
import os, sys, subprocess, time, signal
from donate import processes
processes.follow_lifeline()
folder, behaviour = sys.argv[1:]
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
if behaviour == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: (child.kill(), sys.exit(0)))
for pid in (os.getpid(), child.pid):
    open(os.path.join(folder, str(pid)), "w").close()
if behaviour == "dies":
    sys.exit(3)
while True:
    time.sleep(0.05)
"""
PARENT = """
import os, sys
from donate import processes
from donate.processes import Parent, Part
processes.RESTART_SECONDS = 0.1
processes.GRACE_SECONDS = 1
part, folder, *behaviours = sys.argv[1:]
parts = [
    Part(
        name=f"part {b}",
        command=(sys.executable, "-c", part, folder, b.removesuffix(" beside")),
        is_vital=not b.endswith(" beside"),
    )
    for b in behaviours
]
sys.exit(0 if Parent(parts, os.environ).run() else 1)
"""


class Family:
    """A parent with parts of the given behaviours (steady, stubborn, dies; "beside": not vital), and what became of their processes."""

    def __init__(self, folder: Path, *behaviours: str) -> None:
        self._folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", PARENT, PART, str(folder), *behaviours], stdout=subprocess.PIPE, text=True
        )

    def pids(self) -> set[int]:
        return {int(path.name) for path in self._folder.iterdir()}

    def living(self) -> set[int]:
        return {pid for pid in self.pids() if is_alive(pid)}

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=20)
        return self.process.returncode


def is_alive(pid: int) -> bool:
    """False also for a zombie, which runs nothing any more."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def eventually(is_so: Callable[[], object], seconds: float = 30) -> None:
    give_up_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up_at, "did not happen in time"
        time.sleep(0.02)


@contextmanager
def folder_for_every_uid() -> Iterator[Path]:
    """A folder that a database's own uid can reach; pytest's folders are closed to others."""
    base = Path(tempfile.mkdtemp(prefix="donate-test-"))
    base.chmod(0o755)
    yield base
    shutil.rmtree(base)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run_donate(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """One `donate` command as a user runs it, with no other settings than those given."""
    return subprocess.run(
        [sys.executable, "-m", "donate.cli", *arguments],
        env=clean_environment(**environ), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def start_donate(*arguments: str, **environ: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "donate.cli", *arguments],
        env=clean_environment(**environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def clean_environment(**environ: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DONATE_")}
    # A given key, so that a command which fails early makes no instance folder for one of its own.
    own = {"DONATE_WORKERS": "2", "DONATE_INSTANCE": "/nowhere", "DONATE_SECRET_KEY": "a key for tests only"}
    return kept | own | environ
