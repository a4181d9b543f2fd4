"""A backup holds everything, and a restore never overwrites."""

import os
import tarfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, RestrictViolation
from sqlalchemy import make_url

from donate import backup
from donate.db import Database, Role
from donate.ledger.books import open_book, open_fund
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg, NewEntry, post
from donate.sequencer import drain
from tests.cli.factories import run_donate


def silently(step: str) -> None:
    pass


def plain(database: Database, name: str | None = None) -> str:
    url = make_url(database.url).set(drivername="postgresql")
    return (url.set(database=name) if name else url).render_as_string(hide_password=False)


@pytest.fixture
def empty_database(database: Database) -> Iterator[str]:
    """The URL of a new database on the same server."""
    name = f"restored_{os.getpid()}"  # each worker's own
    with psycopg.connect(plain(database), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield plain(database, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    (folder / "ab").mkdir(parents=True)
    (folder / "ab" / "abcd").write_bytes(b"\x00 a photo \xff")
    return folder


@pytest.fixture
def with_donation(database: Database) -> Database:
    with database.transaction() as session:
        book = open_book(session, ref="a", host="a-host", currency="CNY", mode="sandbox", time_zone="Asia/Shanghai")
        open_fund(session, book_id=book.id, campaign="lunches")
        leg = Leg(debit="clearing", credit="fund:lunches", amount_minor=1500)
        entry = NewEntry(
            book_id=book.id, reason=Reason.DONATION, idempotency_key="k", effective_on=date(2026, 11, 1), legs=(leg,),
            campaign="lunches", private={"name": "李%s:"},
        )  # fmt: skip
        post(session, [entry])
    drain(database)
    return database


def rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        return {name: sorted(connection.execute(f"TABLE {name}").fetchall(), key=repr) for (name,) in tables}


def test_a_restored_backup_has_every_row_and_every_file(
    with_donation: Database, empty_database: str, files: Path, tmp_path: Path
) -> None:
    note = backup.make_backup(plain(with_donation), files, tmp_path / "b.tar", silently)
    restored = backup.restore_backup(empty_database, tmp_path / "again", tmp_path / "b.tar", silently)
    assert note == restored
    assert note.entry_count == 1
    assert rows(empty_database) == rows(plain(with_donation))
    assert (tmp_path / "again" / "ab" / "abcd").read_bytes() == b"\x00 a photo \xff"


def test_a_restored_database_refuses_what_the_first_one_refused(
    with_donation: Database, empty_database: str, files: Path, tmp_path: Path
) -> None:
    backup.make_backup(plain(with_donation), files, tmp_path / "b.tar", silently)
    backup.restore_backup(empty_database, tmp_path / "again", tmp_path / "b.tar", silently)
    with psycopg.connect(empty_database) as owner, pytest.raises(RestrictViolation):
        owner.execute("UPDATE transfer SET amount_minor = 1")
    web = psycopg.connect(empty_database, options=f"-c role=donate_{Role.WEB}")
    with web, pytest.raises(InsufficientPrivilege):
        web.execute("INSERT INTO log_leaf SELECT * FROM log_leaf")


def test_the_commands_back_up_restore_and_check_a_ledger(
    with_donation: Database, empty_database: str, files: Path, tmp_path: Path
) -> None:
    file, again = tmp_path / "b.tar", tmp_path / "again"
    first = {"DONATE_DATABASE_URL": plain(with_donation), "DONATE_INSTANCE": str(files.parent)}
    second = {"DONATE_DATABASE_URL": empty_database, "DONATE_INSTANCE": str(again)}
    written = run_donate("backup", str(file), **first)
    assert (written.returncode, "1 entries" in written.stdout) == (0, True), written.stderr
    restored = run_donate("restore", str(file), **second)
    assert (restored.returncode, "Next: donate check ledger" in restored.stdout) == (0, True), restored.stderr
    checked = run_donate("check", "ledger", **second)
    assert checked.returncode == 0, checked.stdout
    count, _, of_all = checked.stdout.splitlines()[-1].partition(" hold,")[0].partition(" of ")
    assert (count, int(count) > 20) == (of_all, True)
    before, after = rows(plain(with_donation)), rows(empty_database)
    for table in ("account_total", "campaign_total", "day_total", "receipt_number", "log_leaf"):
        assert before[table], table
        assert after[table] == before[table]
    assert [row for row in after["campaign_total"] if 1500 in row]
    assert (again / "files" / "ab" / "abcd").read_bytes() == b"\x00 a photo \xff"


def test_a_restore_over_anything_is_refused_and_changes_nothing(
    with_donation: Database, files: Path, tmp_path: Path
) -> None:
    backup.make_backup(plain(with_donation), files, tmp_path / "b.tar", silently)
    before = rows(plain(with_donation))
    with pytest.raises(backup.DatabaseNotEmpty, match="only restored into an empty one"):
        backup.restore_backup(plain(with_donation), tmp_path / "again", tmp_path / "b.tar", silently)
    assert rows(plain(with_donation)) == before


def test_files_are_not_overwritten_either(
    with_donation: Database, empty_database: str, files: Path, tmp_path: Path
) -> None:
    backup.make_backup(plain(with_donation), files, tmp_path / "b.tar", silently)
    with pytest.raises(backup.FilesNotEmpty):
        backup.restore_backup(empty_database, files, tmp_path / "b.tar", silently)


def test_a_backup_is_private_and_complete_or_absent(with_donation: Database, files: Path, tmp_path: Path) -> None:
    out = tmp_path / "b.tar"

    def look(step: str) -> None:
        assert [path for path in tmp_path.glob(".b.tar*") if path.stat().st_mode & 0o077] == [], step

    backup.make_backup(plain(with_donation), files, out, look)
    assert out.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "files"]
    with pytest.raises(backup.FileExists):
        backup.make_backup(plain(with_donation), files, out, silently)
    with pytest.raises(psycopg.OperationalError):
        backup.make_backup(plain(with_donation, "nowhere"), files, tmp_path / "c.tar", silently)
    assert not (tmp_path / "c.tar").exists()


@pytest.mark.parametrize("content", [b"", b"no tar at all", None])
def test_what_is_no_backup_is_refused(content: bytes | None, empty_database: str, files: Path, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "b.tar").write_bytes(content)
    with pytest.raises(backup.NotABackup):
        backup.restore_backup(empty_database, tmp_path / "again", tmp_path / "b.tar", silently)


def test_a_tar_of_something_else_is_refused(empty_database: str, files: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "b.tar", "w") as tar:
        tar.add(files / "ab" / "abcd", "abcd")
    with pytest.raises(backup.NotABackup):
        backup.restore_backup(empty_database, tmp_path / "again", tmp_path / "b.tar", silently)


def test_a_file_that_would_leave_its_folder_is_refused(
    with_donation: Database, empty_database: str, files: Path, tmp_path: Path
) -> None:
    backup.make_backup(plain(with_donation), files, tmp_path / "b.tar", silently)
    with tarfile.open(tmp_path / "b.tar", "a") as tar:
        tar.add(files / "ab" / "abcd", "files/../../escaped")
    with pytest.raises(backup.NotABackup):
        backup.restore_backup(empty_database, tmp_path / "again", tmp_path / "b.tar", silently)
    assert not (tmp_path / "escaped").exists()


def test_force_is_refused_with_the_reason() -> None:
    done = run_donate("restore", "--force", "b.tar")
    assert done.returncode == 2
    assert "A restore never overwrites" in done.stderr
