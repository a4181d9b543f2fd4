"""Where the embedded server lives and as whom it runs.

PostgreSQL refuses to run as root. Then it runs as a uid of its own that owns nothing but the data directory and has
no entry in /etc/passwd; no user is added. Where that uid cannot reach the instance folder (inside a home of mode
700), the data go below /var/lib, and so does a copy of the programs when it cannot reach those either. Throw-away
servers (tests) then go below /tmp, and the next one removes those whose instance folder is gone.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from donate.db.programs import programs
from donate.errors import N_, DonateError

# Free of Debian's, systemd's and most container runtimes' ranges, and below 65536 for user namespaces.
FIRST_UID = 64_100
UID_COUNT = 1_000
ELSEWHERE = Path("/var/lib/donate")
THROWAWAY = Path("/", "tmp", "donate-throwaway")
# A socket's address holds 104 characters on some systems, `/.s.PGSQL.5432` included.
LONGEST_SOCKET_FOLDER = 85
# Not the environment's temporary folder: every user of one server must find the same.
SOCKET_FOLDERS = Path("/", "tmp")
ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}


class FolderTaken(DonateError):
    sentence = N_("%(folder)s belongs to another user of this machine; choose another DONATE_INSTANCE.")
    status = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a program ended and what it said."""

    is_ok: bool
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One embedded server: its folder (locks), its data directory, its programs and the uid it runs as."""

    folder: Path
    data: Path
    bin: Path
    uid: int
    socket_folder: Path

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    @property
    def has_own_socket_folder(self) -> bool:
        """True where the data directory's path is too long for a socket, which then lies below /tmp."""
        return self.socket_folder != self.data

    def log_text(self) -> str:
        try:
            return self.log.read_text(errors="replace")[-4000:]
        except OSError:
            return ""

    def empty_log(self) -> None:
        """A log of this start only: it would otherwise grow for ever."""
        self.log.unlink(missing_ok=True)

    def start(self, options: str, users: int) -> Done:
        """Start the server; `users` is the descriptor that holds the users' lock.

        A shell around pg_ctl keeps that lock as its standard input, and pg_ctl does not: should we be killed
        meanwhile, the watcher waits until the server is up and then stops it, and does not miss it.
        """
        command: list[str | Path] = [
            self.bin / "pg_ctl",
            "-D",
            self.data,
            "-l",
            self.log,
            "-w",
            "-t",
            "60",
            "-o",
            options,
            "start",
        ]
        return _run_as(self.uid, ["/bin/sh", "-c", '"$@" </dev/null; exit $?', "sh", *command], stdin=users)

    def initdb(self, folder: Path, *options: str) -> Done:
        """Fill `folder`. initdb alone wants a uid with a name, so root lends it `nobody`'s and takes the files back."""
        if os.geteuid() != 0:
            return _run_as(self.uid, [self.bin / "initdb", "-D", folder, *options])
        nobody = pwd.getpwnam("nobody").pw_uid
        os.chown(folder, nobody, nobody)
        done = _run_as(nobody, [self.bin / "initdb", "-D", folder, *options])
        for parent, folders, files in os.walk(folder):
            for name in (".", *folders, *files):
                os.chown(os.path.join(parent, name), self.uid, self.uid, follow_symlinks=False)
        return done

    def make_socket_folder(self) -> None:
        """The folder below /tmp, where there must be one. Raises FolderTaken."""
        if not self.has_own_socket_folder:
            return
        try:
            self.socket_folder.mkdir(mode=0o700)
        except FileExistsError:
            found = self.socket_folder.lstat()
            if found.st_uid != self.uid or not stat.S_ISDIR(found.st_mode):
                raise FolderTaken(folder=self.socket_folder) from None
        else:
            if os.geteuid() == 0:
                os.chown(self.socket_folder, self.uid, self.uid)


def place_for(instance: Path, *, is_throwaway: bool = False) -> Place:
    """The place that belongs to `instance`, the same for every process that asks. Raises NoPrograms."""
    folder = instance.resolve() / "postgres"
    data, bin_folder = folder / "data", programs()
    uid = os.geteuid()
    if uid == 0:
        uid = _uid_for(data)
        _make_folder(folder)
        if not _can_reach(uid, folder):
            folder = _throwaway(folder) if is_throwaway else _elsewhere(folder)
            data, uid = folder / "data", _uid_for(folder / "data")
        if not _can_reach(uid, bin_folder / "postgres"):
            bin_folder = _copied_programs(bin_folder)
    return Place(folder=folder, data=data, bin=bin_folder, uid=uid, socket_folder=_socket_folder(data, uid))


def _socket_folder(data: Path, uid: int) -> Path:
    if len(str(data).encode()) <= LONGEST_SOCKET_FOLDER:
        return data
    return SOCKET_FOLDERS / f"donate-{uid}-{_digest(data)}"


def _uid_for(data: Path) -> int:
    """The owner of the data directory, or for a new one a number of our own that no user of the machine has."""
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    first = int(_digest(data), 16) % UID_COUNT
    return next(uid for step in range(UID_COUNT) if (uid := FIRST_UID + (first + step) % UID_COUNT) not in taken)


def _can_reach(uid: int, path: Path) -> bool:
    return _run_as(uid, ["/bin/sh", "-c", 'test -x "$0"', path]).is_ok


def _elsewhere(folder: Path) -> Path:
    other = ELSEWHERE / _digest(folder)
    if not other.exists():
        _make_folder(other)
        (folder / "ELSEWHERE").write_text(f"{other}\n")
        print(f"{folder} cannot be read by the database's own uid; its data are in {other}.", file=sys.stderr)
    return other


def _throwaway(folder: Path) -> Path:
    other = THROWAWAY / _digest(folder)
    _make_folder(THROWAWAY)
    if THROWAWAY.lstat().st_uid != os.geteuid():
        raise FolderTaken(folder=THROWAWAY)
    for left_over in THROWAWAY.iterdir():
        pointer = left_over / "INSTANCE"
        if pointer.exists() and not Path(pointer.read_text()).exists():
            shutil.rmtree(left_over, ignore_errors=True)
    if not other.exists():
        _make_folder(other)
        (other / "INSTANCE").write_text(str(folder))
    return other


def _make_folder(folder: Path) -> None:
    """Make the missing folders so that other uids may pass, whatever root's umask is; leave existing ones alone."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)


def _copied_programs(bin_folder: Path) -> Path:
    """A copy of the wheel's programs and libraries where every uid may read them."""
    package = bin_folder.parent.parent
    target = ELSEWHERE / f"programs-{_digest(bin_folder / 'postgres', (bin_folder / 'postgres').stat().st_mtime_ns)}"
    if not target.exists():
        _make_folder(ELSEWHERE)
        making = Path(tempfile.mkdtemp(prefix="making-", dir=ELSEWHERE))
        making.chmod(0o755)
        for part in (bin_folder.parent, package.with_name(package.name + ".libs")):
            # `a/b/lib` keeps the depth that the programs' search path for libraries counts on.
            to = making / package.name / part.name if part.parent == package else making / part.name
            shutil.copytree(part, to, symlinks=True, ignore=shutil.ignore_patterns("*.a", "include", "pkgconfig"))
        try:
            making.rename(target)
        except OSError:
            shutil.rmtree(making, ignore_errors=True)  # another process was faster
    return target / package.name / bin_folder.parent.name / "bin"


def _digest(path: Path, *more: int) -> str:
    return hashlib.sha256(repr((str(path), *more)).encode()).hexdigest()[:12]


def _run_as(uid: int, command: list[str | Path], *, stdin: int = subprocess.DEVNULL) -> Done:
    """Run with a small environment, in `/`, and as root under `uid` alone."""
    identity = uid if os.geteuid() == 0 else None
    # A file, not a pipe: the server inherits it, and a pipe would then stay open as long as the server runs.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=stdin,
            stdout=output,
            stderr=output,
            env=ENVIRONMENT,
            cwd="/",
            check=False,
            user=identity,
            group=identity,
            extra_groups=None if identity is None else [],
        )
        output.seek(0)
        return Done(is_ok=done.returncode == 0, output=output.read())
