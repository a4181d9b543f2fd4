"""The parts of an installation as processes: one parent, and nothing left when it goes, however it goes.

Each part is started in a process group of its own and inherits the reading end of a pipe, its lifeline. The parent
holds the other end and never writes: end of file means that the parent is gone, kill -9 included, and the part ends
its whole group. When a part dies, the parent ends what is left of its group (a web server's workers go on serving
the port after a kill -9 of their master) and starts the part again.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

LIFELINE = "DONATE_LIFELINE"
GRACE_SECONDS = 10
RESTART_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60
# A part that dies this soon after its start, this often in a row, will not come up by trying again.
TOO_SOON_SECONDS = 10
MOST_QUICK_DEATHS = 3
# What a part borrows for a photo it gives back. Left to itself, the C library keeps it for the thread that took the
# photo in, and keeps more with every photo: a web worker stayed at 141 MB after twenty of them, and so stays near 110.
# (C libraries other than glibc ignore this.)
FRUGAL = {"MALLOC_MMAP_THRESHOLD_": str(1024 * 1024), "MALLOC_ARENA_MAX": "2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One long-running command, such as the web server.

    Without a vital part there is no sense in going on; any other one is started again for as long as it takes, since
    the site takes money without its worker and its sequencer.
    """

    name: str
    command: tuple[str, ...]
    is_vital: bool = True


@dataclass(slots=True)
class _Running:
    part: Part
    process: "subprocess.Popen[bytes]"
    started_at: float
    quick_deaths: int = 0
    restart_at: float | None = None


@dataclass
class Parent:
    """Runs parts until it is told to stop (Ctrl-C, SIGTERM, a closed terminal) or one will not stay up."""

    parts: Sequence[Part]
    environ: Mapping[str, str]
    say: Callable[[str], None] = print
    log: Path | None = None  # where the parts' own lines go; to our own output without it
    _running: list[_Running] = field(default_factory=list, init=False)
    _added: "SimpleQueue[Part]" = field(default_factory=SimpleQueue, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _stop_asked: int = field(default=0, init=False)

    def run(self, when_started: Callable[[], None] = lambda: None) -> bool:
        """Start all parts and stay until the end. False if a part would not stay up."""
        reading_end, writing_end = os.pipe()  # neither is inherited unless we say so
        try:
            with self._signals():
                for part in self.parts:
                    self._running.append(_Running(part, self._start(part, reading_end), time.monotonic()))
                if not self._stop.is_set():
                    when_started()
                try:
                    return self._watch(reading_end)
                finally:
                    self._stop_all()
        finally:
            os.close(writing_end)
            os.close(reading_end)

    def add(self, *parts: Part) -> None:
        """Start these as well; from any thread, at any time."""
        for part in parts:
            self._added.put(part)

    def stop(self) -> None:
        self._stop.set()

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    def _start(self, part: Part, lifeline: int) -> "subprocess.Popen[bytes]":
        environ = {**FRUGAL, **self.environ, LIFELINE: str(lifeline)}
        with self.log.open("ab") if self.log else nullcontext() as output:
            return subprocess.Popen(
                part.command,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(lifeline,),
                process_group=0,
            )

    def _watch(self, lifeline: int) -> bool:
        while not self._stop.wait(0.1):
            while not self._added.empty():
                part = self._added.get()
                self._running.append(_Running(part, self._start(part, lifeline), time.monotonic()))
            for running in self._running:
                if running.restart_at is None:
                    if running.process.poll() is not None and not self._mourn(running):
                        return False
                elif time.monotonic() >= running.restart_at:
                    running.restart_at = None
                    running.started_at = time.monotonic()
                    running.process = self._start(running.part, lifeline)
        return True

    def _mourn(self, running: _Running) -> bool:
        """A part has died by itself. False when there is no sense in starting it again."""
        _kill_group(running.process, signal.SIGKILL)
        was_quick = time.monotonic() - running.started_at < TOO_SOON_SECONDS
        running.quick_deaths = running.quick_deaths + 1 if was_quick else 0
        if running.quick_deaths >= MOST_QUICK_DEATHS and running.part.is_vital:
            self.say(f"The {running.part.name} does not stay up; see {self.log or 'its last lines above'}.")
            return False
        pause = min(RESTART_SECONDS * 2 ** min(running.quick_deaths, 10), LONGEST_PAUSE_SECONDS)
        when = f" in {pause:.0f} seconds" if pause > 1 else ""
        self.say(f"The {running.part.name} ended ({_how(running.process.returncode)}); it is started again{when}.")
        running.restart_at = time.monotonic() + pause
        return True

    def _stop_all(self) -> None:
        """Ask every part to end, then end what is left of every group."""
        for running in self._running:
            with suppress(ProcessLookupError):
                running.process.terminate()
        give_up_at = time.monotonic() + GRACE_SECONDS
        for running in self._running:
            while running.process.poll() is None and time.monotonic() < give_up_at and self._stop_asked < 2:
                time.sleep(0.02)
            _kill_group(running.process, signal.SIGKILL)
            running.process.wait()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """The signals that stop us; a second one does not wait for the parts."""

        def stop(*_: object) -> None:
            self._stop_asked += 1
            self._stop.set()

        wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, stop) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def follow_lifeline() -> None:
    """In a part: when the parent is gone, end our whole process group at once. Without a parent this does nothing."""
    lifeline = os.environ.pop(LIFELINE, "")
    if lifeline:
        threading.Thread(target=_end_with_parent, args=(int(lifeline),), name="lifeline", daemon=True).start()


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def follow_process(pid: int) -> None:
    """In a worker of a part: end when the process `pid`, which started us, is gone."""

    def watch() -> None:
        while os.getppid() == pid:
            time.sleep(0.25)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="follow-process", daemon=True).start()


def _kill_group(process: "subprocess.Popen[bytes]", number: int) -> None:
    """A part leads its group, whose number stays taken as long as one member lives."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"code {code}"
