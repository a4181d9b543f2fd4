"""Processes that use an embedded server, to be killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

USER = """
import sys
from pathlib import Path
from donate.db.embedded import running
with running(Path(sys.argv[1]), fsync=False) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


class ServerUser:
    """A process that holds an embedded server in use until it is told to leave or is killed."""

    def __init__(self, instance: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(instance)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def url(self) -> str:
        """The URL, once the server answers."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            assert self.process.stderr is not None
            raise AssertionError(self.process.stderr.read())
        return line

    def leave(self) -> None:
        self.process.communicate(timeout=30)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def eventually(is_so: Callable[[], object], seconds: float = 20) -> None:
    """Wait until `is_so()`; fail after `seconds`."""
    give_up_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up_at, "did not happen in time"
        time.sleep(0.02)


def processes_mentioning(text: str) -> dict[int, str]:
    """Living processes (zombies have no command line) whose command line holds `text`, by pid."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in arguments:
            found[int(entry.name)] = arguments
    return found


def postmaster_pid(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except FileNotFoundError:
        return None


def kill_nine(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
