"""A database brought back from a dump or a base backup: the log goes on where nothing is lost, and only there."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from donate import backup
from donate.db import Database, bind, embedded
from donate.db.embedded_place import place_for
from donate.db.migrate import migrate
from donate.publiclog.keys import KeyFolder
from donate.publiclog.publishing import DatabaseBehind, Publisher, publisher_of
from tests.cli.factories import eventually, folder_for_every_uid, run_donate, start_donate
from tests.cli.test_backup import empty_database, plain, silently  # noqa: F401  # the fixture is used by its name
from tests.ledger.factories import open_book
from tests.publiclog.conftest import ORIGIN
from tests.publiclog.factories import checkpoints, give, log_donations

EXTRA = {"DONATE_SEQUENCER_SECONDS": "1"}


def dump(database: Database, folder: Path, name: str) -> Path:
    (folder / "files").mkdir(exist_ok=True)
    backup.make_backup(plain(database), folder / "files", folder / name, silently)
    return folder / name


def restored(url: str, file: Path, folder: Path) -> dict[str, str]:
    """The settings of the installation that now has this backup, its log's folder being the one of before."""
    settings = {"DONATE_DATABASE_URL": url, "DONATE_INSTANCE": str(folder), **EXTRA}
    done = run_donate("restore", str(file), **settings)
    assert done.returncode == 0, done.stderr
    return settings


@contextmanager
def sequencing(settings: dict[str, str]) -> Iterator[None]:
    process = start_donate("sequencer", **settings)
    try:
        yield
        assert process.poll() is None, process.communicate()[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def signed_sizes(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [size for (size,) in connection.execute("SELECT size FROM checkpoint ORDER BY size")]


def kept_by_a_stranger(settings: dict[str, str], mirror: Path, keep: Path) -> None:
    """A stranger's check of what this installation publishes, against everything the stranger ever kept."""
    done = run_donate("log", "export", str(mirror), **settings)
    assert done.returncode == 0, done.stderr
    vkey = (mirror / "vkey").read_text().strip()
    done = run_donate("verify", str(mirror), "--key", vkey, "--keep", str(keep), "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr


def refused(settings: dict[str, str]) -> str:
    """What the sequencer says as it ends without having signed anything."""
    before = signed_sizes(settings["DONATE_DATABASE_URL"])
    done = run_donate("sequencer", **settings)
    assert done.returncode != 0
    assert signed_sizes(settings["DONATE_DATABASE_URL"]) == before
    return done.stderr


def give_into(url: str, book_id: int, count: int) -> None:
    database = Database(url)
    give(database, book_id, count)
    database.dispose()


def test_an_older_dump_is_refused_and_a_newer_one_goes_on(
    database: Database,
    publisher: Publisher,
    book_id: int,
    log_folder: Path,
    empty_database: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    first = {"DONATE_DATABASE_URL": plain(database), "DONATE_INSTANCE": str(tmp_path / "first")}
    log_donations(database, publisher, book_id, 5)
    older = dump(database, tmp_path, "older.tar")
    log_donations(database, publisher, book_id, 5)
    newer = dump(database, tmp_path, "newer.tar")
    kept_by_a_stranger(first, tmp_path / "mirror", tmp_path / "keep")
    published = (log_folder / "checkpoint").read_bytes()

    behind = restored(empty_database, older, tmp_path / "behind") | {"DONATE_LOG_FOLDER": str(log_folder)}
    give_into(empty_database, book_id, 3)  # money that comes meanwhile is booked, and not lost
    said = refused(behind)
    assert "older copy" in said
    assert "Restore a newer backup" in said
    assert (log_folder / "checkpoint").read_bytes() == published

    emptied(empty_database)
    again = restored(empty_database, newer, tmp_path / "again") | {"DONATE_LOG_FOLDER": str(log_folder)}
    with sequencing(again):
        give_into(empty_database, book_id, 5)
        eventually(lambda: signed_sizes(empty_database)[-1] == checkpoints(database)[-1].size + 5)
    assert (log_folder / "checkpoint").read_bytes() != published
    kept_by_a_stranger(again, tmp_path / "mirror2", tmp_path / "keep")


def test_a_dump_without_the_file_beside_the_key_is_refused_until_any_reader_gives_it_back(
    database: Database,
    publisher: Publisher,
    book_id: int,
    log_folder: Path,
    empty_database: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    log_donations(database, publisher, book_id, 5)
    settings = restored(empty_database, dump(database, tmp_path, "d.tar"), tmp_path / "again")
    settings |= {"DONATE_LOG_FOLDER": str(log_folder)}
    assert run_donate("log", "export", str(tmp_path / "mirror"), **settings).returncode == 0
    (log_folder / "checkpoint").unlink()
    assert "Bring it back" in refused(settings)
    shutil.copy(tmp_path / "mirror" / "checkpoint", log_folder / "checkpoint")
    with sequencing(settings):
        give_into(empty_database, book_id, 1)
        eventually(lambda: signed_sizes(empty_database)[-1] == checkpoints(database)[-1].size + 1)


def emptied(url: str) -> None:
    """What the operator does before the next restore: a new, empty database."""
    name = url.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(url.replace(name, "postgres", 1), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")


@contextmanager
def brought_up(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.dispose()


def base_backup(url: str, instance: Path) -> None:
    """A copy of the running server's files, where the server of another instance expects them."""
    place = place_for(instance, is_throwaway=True)
    place.folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [embedded.program("pg_basebackup"), "--pgdata", place.data, "--dbname", url, "--checkpoint=fast", "--no-sync"],
        check=True, capture_output=True,
    )  # fmt: skip
    (place.data / "postmaster.pid").unlink(missing_ok=True)
    if os.geteuid() == 0:
        for path in [place.data, *place.data.rglob("*")]:
            os.chown(path, place.uid, place.uid, follow_symlinks=False)


def test_a_base_backup_is_refused_while_it_is_behind_and_a_later_one_goes_on(tmp_path: Path) -> None:
    KeyFolder(tmp_path / "log").make(ORIGIN)
    with folder_for_every_uid() as base, embedded.running(base / "live", fsync=False) as url:
        with brought_up(url) as live:
            migrate(live)
            bind(live)
            with live.transaction() as session:
                book_id = open_book(session)
            publisher = publisher_of(tmp_path / "log")
            publisher.start(live)
            log_donations(live, publisher, book_id, 5)
            base_backup(url, base / "early")
            log_donations(live, publisher, book_id, 5)
            base_backup(url, base / "late")
            published = checkpoints(live)[-1]
        with embedded.running(base / "early", fsync=False) as early, brought_up(early) as copy:
            with pytest.raises(DatabaseBehind):
                publisher_of(tmp_path / "log").start(copy)
            assert checkpoints(copy)[-1].size < published.size
        with embedded.running(base / "late", fsync=False) as late, brought_up(late) as copy:
            again = publisher_of(tmp_path / "log")
            again.start(copy)
            log_donations(copy, again, book_id, 5)
            assert checkpoints(copy)[-1].size == published.size + 5
            assert published in checkpoints(copy)
