"""One file that holds an installation: the database (pg_dump), the uploaded files, and a note of what it is.

Secrets are not in it: the environment holds them, and the instance folder its own random key.
"""

import io
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from donate import clock
from donate.db import Database, Role
from donate.db.programs import program
from donate.db.roles import make_roles
from donate.errors import N_, DonateError

FORMAT = 1
NOTE, DUMP, FILES = "backup.json", "database.dump", "files"

Progress = Callable[[str], None]


class NotABackup(DonateError):
    sentence = N_("%(file)s is not a backup made by `donate backup`: %(reason)s")


class DatabaseNotEmpty(DonateError):
    sentence = N_(
        "The database %(name)s holds %(count)s tables. A backup is only restored into an empty one: restoring over newer "
        "entries would take back what the public was already shown. Make a new database and point DONATE_DATABASE_URL at it."
    )
    status = 409


class FilesNotEmpty(DonateError):
    sentence = N_("The folder %(folder)s holds files. A backup is only restored into an installation without any.")
    status = 409


class ProgramFailed(DonateError):
    sentence = N_("%(name)s failed: %(reason)s")
    status = 500


class FileExists(DonateError):
    sentence = N_("%(file)s exists already; choose another name.")
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a backup says about itself."""

    format: int
    made_at: str
    revision: str
    entry_count: int
    log_size: int


def make_backup(url: str, files: Path, out: Path, progress: Progress) -> Note:
    """Write the database behind `url` and the folder `files` to `out`, which must not exist. Raises FileExists.

    The database is dumped first: a photo uploaded meanwhile is then an extra file and never a missing one. `out`
    appears under its name when it is complete.
    """
    if out.exists():
        raise FileExists(file=out)
    half_written = out.with_name(f".{out.name}.{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="donate-backup-", dir=out.absolute().parent) as folder:
        dump = Path(folder, DUMP)
        note = _note(url)
        progress("Writing the database")
        _run("pg_dump", url, "--format=custom", "--no-owner", "--file", str(dump))
        try:
            # Readable for its owner only from the first byte on: it holds names and addresses.
            private = os.open(half_written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(private, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
                _add_bytes(tar, NOTE, json.dumps(asdict(note), indent=1).encode())
                tar.add(dump, DUMP)
                progress("Adding the uploaded files")
                for path in _stored_files(files):
                    tar.add(path, f"{FILES}/{path.relative_to(files)}", recursive=False)
            half_written.rename(out)
        finally:
            half_written.unlink(missing_ok=True)
    return note


def restore_backup(url: str, files: Path, file: Path, progress: Progress) -> Note:
    """Fill an empty database and an empty folder from a backup.

    Raises NotABackup, DatabaseNotEmpty, FilesNotEmpty, RolesNotGranted, ProgramFailed; the database is then as it was.
    """
    with _opened_backup(file) as (tar, note), tempfile.TemporaryDirectory(prefix="donate-restore-") as folder:
        _require_empty(url, files)
        progress("Reading the backup")
        tar.extract(DUMP, folder, filter="data")
        _make_roles(url)
        progress("Restoring the database")
        _run("pg_restore", url, "--no-owner", "--exit-on-error", "--single-transaction", str(Path(folder, DUMP)))
        progress("Restoring the uploaded files")
        members = [member for member in tar.getmembers() if member.name.startswith(f"{FILES}/")]
        files.mkdir(parents=True, exist_ok=True)
        for member in members:
            member.name = member.name.removeprefix(f"{FILES}/")
            tar.extract(member, files, filter="data")
    return note


@contextmanager
def _opened_backup(file: Path) -> Iterator[tuple[tarfile.TarFile, Note]]:
    try:
        with tarfile.open(file) as tar:
            written = tar.extractfile(NOTE)
            note = Note(**json.loads(written.read())) if written else None
            if note is None or note.format != FORMAT or DUMP not in tar.getnames():
                raise NotABackup(file=file, reason="it is of another format")
            yield tar, note
    except FileNotFoundError:
        raise NotABackup(file=file, reason="there is no such file") from None
    except (tarfile.TarError, KeyError, TypeError, ValueError, IsADirectoryError):
        raise NotABackup(file=file, reason="it is no file that donate backup wrote, or it is damaged") from None


def _require_empty(url: str, files: Path) -> None:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT current_database(), count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        ).fetchone()
    name, count = row or ("", 0)
    if count:
        raise DatabaseNotEmpty(name=name, count=count)
    if any(_stored_files(files)):
        raise FilesNotEmpty(folder=files)


def _make_roles(url: str) -> None:
    """As the first revision does: roles belong to a server and not to a database, so a dump names them without making them."""
    database = Database(url, pool_size=1)
    try:
        with database.bare_transaction(Role.OWNER) as connection:
            make_roles(connection)
    finally:
        database.dispose()


def _note(url: str) -> Note:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            """
            SELECT (SELECT version_num FROM alembic_version), (SELECT count(*) FROM entry),
                   (SELECT coalesce(max(log_index) + 1, 0) FROM log_leaf)
            """
        ).fetchone()
    revision, entry_count, log_size = row or ("", 0, 0)
    made_at = clock.now().isoformat(timespec="seconds")
    return Note(format=FORMAT, made_at=made_at, revision=revision, entry_count=entry_count, log_size=log_size)


def _stored_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file()) if folder.is_dir() else iter(())


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mtime = int(clock.now().timestamp())
    tar.addfile(member, io.BytesIO(content))


def _run(name: str, url: str, *arguments: str) -> None:
    """One of PostgreSQL's programs on the database; a password goes by the environment, which others cannot read."""
    facts = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    password = facts.pop("password", None)
    conninfo = psycopg.conninfo.make_conninfo("", **facts)
    environ = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    done = subprocess.run(
        [program(name), f"--dbname={conninfo}", *arguments], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise ProgramFailed(name=name, reason=lines[0] if lines else f"exit code {done.returncode}")
