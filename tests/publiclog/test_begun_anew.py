"""A log whose lines or whose key are lost goes on under another name, by the steps of `.github/LOG.md`; the old one stays."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from donate.db import Database, Role
from donate.publiclog import mirror
from donate.publiclog.keys import KeyFolder, NoLogKey
from donate.publiclog.publishing import DatabaseBehind, OtherLog, Publisher, publisher_of
from donate.tlog.verify import Code
from donate.tlog.verify_command import main
from tests.laws.source import ROOT
from tests.publiclog.conftest import ORIGIN
from tests.publiclog.factories import checkpoints, log_donations, stored_leaves

CHAPTER = (ROOT / ".github" / "LOG.md").read_text(encoding="utf-8").partition("### When lines are lost")[2]
FORGET = re.search(r"```sql\n(.*?)```", CHAPTER, re.DOTALL)
SECOND = f"{ORIGIN}2"


def forget_the_tree(database: Database) -> None:
    """The chapter's SQL as an owner who is no superuser runs it."""
    assert FORGET is not None
    with database.engine(Role.OWNER).connect() as connection:
        tables = ("log_node", "checkpoint", "log_key", "log_head")
        connection.exec_driver_sql("CREATE ROLE plain_owner NOSUPERUSER")
        was = connection.exec_driver_sql("SELECT current_user").scalar_one()
        try:
            for table in tables:
                connection.exec_driver_sql(f"ALTER TABLE {table} OWNER TO plain_owner")
            connection.exec_driver_sql("GRANT USAGE ON SCHEMA public TO plain_owner; SET ROLE plain_owner")
            connection.exec_driver_sql(FORGET[1].replace("BEGIN;", "").replace("COMMIT;", ""))
        finally:
            connection.exec_driver_sql("RESET ROLE")
            for table in tables:
                connection.exec_driver_sql(f'ALTER TABLE {table} OWNER TO "{was}"')
            connection.exec_driver_sql("DROP OWNED BY plain_owner; DROP ROLE plain_owner")
        connection.commit()


def begun_anew(database: Database, folder: Path) -> Publisher:
    """Step 3: what is in the folder is put away, a key of another name is made, the sequencer starts."""
    (folder / "ended").mkdir()
    for name in ("1.key", "checkpoint"):
        if (folder / name).exists():
            shutil.move(folder / name, folder / "ended" / name)
    KeyFolder(folder).make(SECOND)
    forget_the_tree(database)
    publisher = publisher_of(folder)
    publisher.start(database)
    return publisher


@pytest.fixture
def verified(database: Database, tmp_path: Path) -> Callable[..., int]:
    """A stranger's verdict on a mirror; of the log as it is now where it is of no earlier one."""

    def run(name: str, vkey: str, *more: str) -> int:
        if not (tmp_path / name).exists():
            mirror.export(database, tmp_path / name, lambda _: None)
        return main([str(tmp_path / name), "--key", vkey, "--quiet", *more])

    return run


def vkey_of(folder: Path) -> str:
    return str(KeyFolder(folder).keys()[0].verifier)


def lose_lines(database: Database, kept: int) -> None:
    """The database as an older copy would be."""
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for statement in (
            f"DELETE FROM checkpoint WHERE size > {kept}",
            f"DELETE FROM log_leaf WHERE log_index >= {kept}",
            "UPDATE campaign_total SET (received_minor, donation_count) = (SELECT count(*) * 1500, count(*) FROM log_leaf"
            " WHERE reason = 'donation' AND log_leaf.book_id = campaign_total.book_id AND log_leaf.campaign = campaign_total.campaign)",
            f"DELETE FROM log_node WHERE (node_index + 1) * 256 > {kept}",
            f"UPDATE sequencer SET next_index = {kept}",
            f"UPDATE log_head SET published_size = {kept}",
        ):
            session.execute(sa.text(statement))


def test_after_lines_are_lost_the_rest_is_signed_under_another_name_and_the_old_log_still_verifies(
    database: Database, publisher: Publisher, book_id: int, log_folder: Path, verified: Callable[..., int]
) -> None:
    log_donations(database, publisher, book_id, 290, 10)
    first, last = checkpoints(database)[-2:]
    old_key, lines = vkey_of(log_folder), stored_leaves(database)
    assert verified("old", old_key) == Code.FINE
    lose_lines(database, first.size)
    with pytest.raises(DatabaseBehind):
        publisher_of(log_folder).start(database)

    again = begun_anew(database, log_folder)
    (begun,) = checkpoints(database)
    assert (begun.origin, begun.size, begun.root) == (SECOND, first.size, first.root)
    assert stored_leaves(database) == lines[: first.size]
    assert verified("begun", vkey_of(log_folder), "--no-csv") == Code.FINE
    assert verified("old", old_key) == Code.FINE  # with the lines that are gone, to be booked again
    assert checkpoints(database)[-1].size < last.size
    log_donations(database, again, book_id, 20)
    assert checkpoints(database)[-1].size == first.size + 20


def test_the_new_log_is_not_taken_for_the_old_one(
    database: Database, publisher: Publisher, book_id: int, log_folder: Path, verified: Callable[..., int]
) -> None:
    log_donations(database, publisher, book_id, 5)
    old_key = vkey_of(log_folder)
    begun_anew(database, log_folder)
    assert verified("new", old_key) == Code.SIGNATURE
    since = ("--since", str(log_folder / "ended" / "checkpoint"))
    assert verified("new", vkey_of(log_folder), *since) == Code.FORK


def test_after_the_key_is_lost_nothing_signs_in_the_old_name_and_no_line_is_lost(
    database: Database, publisher: Publisher, book_id: int, log_folder: Path, verified: Callable[..., int]
) -> None:
    log_donations(database, publisher, book_id, 300)
    old = checkpoints(database)[-1]
    (log_folder / "1.key").unlink()
    with pytest.raises(NoLogKey):
        publisher_of(log_folder)
    KeyFolder(log_folder).make(SECOND)  # a key alone, without the steps, is refused
    with pytest.raises(OtherLog):
        publisher_of(log_folder).start(database)
    (log_folder / "1.key").unlink()

    again = begun_anew(database, log_folder)
    (begun,) = checkpoints(database)
    assert (begun.origin, begun.size, begun.root) == (SECOND, old.size, old.root)
    log_donations(database, again, book_id, 5)
    assert verified("new", vkey_of(log_folder)) == Code.FINE


def test_the_trees_tables_only_grow_again_after_the_steps(
    database: Database, publisher: Publisher, book_id: int, log_folder: Path
) -> None:
    log_donations(database, publisher, book_id, 300)
    begun_anew(database, log_folder)
    for table in ("log_node", "checkpoint", "log_key"):
        with pytest.raises(sa.exc.DBAPIError, match="never edited"), database.transaction(Role.OWNER) as session:
            session.execute(sa.text(f"DELETE FROM {table}"))
