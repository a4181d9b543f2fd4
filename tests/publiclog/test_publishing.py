"""From signed to shown: no crash and no restored backup gives a size a second root."""

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from donate.db import Database, Role
from donate.publiclog.keys import KeyFolder
from donate.publiclog.memory import Memory, MemoryUnreadable
from donate.publiclog.publishing import (
    DatabaseBehind,
    DatabaseDiffers,
    MemoryLost,
    OtherLog,
    Publisher,
    publisher_of,
)
from donate.sequencer import run_pass
from tests.publiclog.factories import checkpoints, give, log_donations, published_size


class Killed(BaseException):
    """What a kill -9 looks like from inside: nothing after it runs."""


def kill_at(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(place, die)


PLACES = {
    "before the commit": "donate.publiclog.log.add_checkpoint",
    "after the commit, before the file": "donate.publiclog.memory.Memory.write",
    "after the file, before the mark": "donate.publiclog.publishing.mark_published",
}


@pytest.mark.parametrize("place", PLACES)
def test_killed_anywhere_the_next_start_goes_on_with_what_was_signed(
    database: Database, publisher: Publisher, book_id: int, log_folder: Path, place: str
) -> None:
    log_donations(database, publisher, book_id, 5)
    before = checkpoints(database)
    give(database, book_id, 5)
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, PLACES[place])
        with pytest.raises(Killed):
            run_pass(database, publisher=publisher)
    signed = checkpoints(database)
    assert published_size(database) == before[-1].size
    again = publisher_of(log_folder)
    again.start(database)
    assert checkpoints(database) == signed  # finished, never signed again
    assert published_size(database) == signed[-1].size
    assert again.memory.read() == signed[-1]
    log_donations(database, again, book_id, 5)
    assert again.memory.read() == checkpoints(database)[-1]


def test_the_file_is_never_behind_what_readers_are_shown(
    database: Database, publisher: Publisher, book_id: int
) -> None:
    for _ in range(5):
        log_donations(database, publisher, book_id, 3)
        remembered = publisher.memory.read()
        assert remembered is not None
        assert remembered.size == published_size(database)


def behind_the_triggers(database: Database, *statements: str) -> None:
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            session.execute(sa.text(statement))


def test_a_database_that_is_behind_is_refused_and_told_what_to_do(
    database: Database, publisher: Publisher, book_id: int, log_folder: Path
) -> None:
    log_donations(database, publisher, book_id, 5, 5)
    older = checkpoints(database)[0].size
    behind_the_triggers(
        database,
        f"DELETE FROM checkpoint WHERE size > {older}",
        f"DELETE FROM log_leaf WHERE log_index >= {older}",
        f"UPDATE sequencer SET next_index = {older}",
        f"UPDATE log_head SET published_size = {older}",
    )
    with pytest.raises(DatabaseBehind, match=r"Restore a newer backup.*LOG\.md"):
        publisher_of(log_folder).start(database)
    assert checkpoints(database)[-1].size == older


def roll_back(database: Database, to: int) -> None:
    """What a restored copy, or a standby that was behind, looks like to a sequencer that runs on."""
    behind_the_triggers(
        database,
        f"DELETE FROM checkpoint WHERE size > {to}",
        f"DELETE FROM receipt_number WHERE entry_id IN (SELECT entry_id FROM log_leaf WHERE log_index >= {to})",
        f"DELETE FROM log_leaf WHERE log_index >= {to}",
        f"UPDATE sequencer SET next_index = {to}",
        f"UPDATE log_head SET published_size = {to}",
    )


@pytest.mark.parametrize("lost", [2, 5, 9])
def test_a_sequencer_that_runs_on_signs_nothing_once_its_database_is_an_older_copy(
    database: Database, publisher: Publisher, book_id: int, lost: int
) -> None:
    log_donations(database, publisher, book_id, 5)
    older = checkpoints(database)[-1].size
    log_donations(database, publisher, book_id, lost)
    published = publisher.memory.read()
    roll_back(database, older)
    for _ in range(3):  # behind it, level with it, and beyond
        give(database, book_id, 4)
        with pytest.raises(DatabaseBehind):
            run_pass(database, sweep=True, publisher=publisher)
        with pytest.raises(DatabaseBehind):
            publisher.publish(database)
    assert (published_size(database), publisher.memory.read()) == (older, published)


@pytest.mark.parametrize("grown", [3, 5])
def test_a_sequencer_that_runs_on_signs_nothing_once_another_past_stands_in_its_database(
    database: Database, publisher: Publisher, book_id: int, log_folder: Path, grown: int
) -> None:
    log_donations(database, publisher, book_id, 5)
    older = checkpoints(database)[-1].size
    another = shutil.copytree(log_folder, log_folder.with_name("another"))
    log_donations(database, publisher, book_id, 3)
    published = publisher.memory.read()
    roll_back(database, older)
    other = publisher_of(another)
    other.start(database)
    log_donations(database, other, book_id, grown)
    give(database, book_id)
    with pytest.raises(DatabaseDiffers):
        run_pass(database, sweep=True, publisher=publisher)
    with pytest.raises(DatabaseDiffers):
        publisher.publish(database)
    assert publisher.memory.read() == published


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE log_leaf SET leaf_hash = decode(repeat('00', 32), 'hex') WHERE log_index = 3",
        "UPDATE log_node SET hash = decode(repeat('00', 32), 'hex')",
        "DELETE FROM log_node",
    ],
)
def test_a_database_with_another_past_is_refused(
    database: Database, publisher: Publisher, book_id: int, log_folder: Path, change: str
) -> None:
    log_donations(database, publisher, book_id, 300 if "log_node" in change else 5)
    behind_the_triggers(database, change)
    with pytest.raises(DatabaseDiffers):
        publisher_of(log_folder).start(database)


def test_a_lost_memory_is_refused_until_it_is_brought_back(
    database: Database, publisher: Publisher, book_id: int, log_folder: Path
) -> None:
    log_donations(database, publisher, book_id, 5)
    kept = shutil.copy(log_folder / "checkpoint", log_folder.parent / "kept")
    (log_folder / "checkpoint").unlink()
    with pytest.raises(MemoryLost, match="log/checkpoint"):
        publisher_of(log_folder).start(database)
    shutil.copy(kept, log_folder / "checkpoint")
    publisher_of(log_folder).start(database)


def test_an_older_memory_of_the_same_past_is_brought_up(
    database: Database, publisher: Publisher, book_id: int, log_folder: Path
) -> None:
    log_donations(database, publisher, book_id, 5)
    older = (log_folder / "checkpoint").read_bytes()
    log_donations(database, publisher, book_id, 5)
    (log_folder / "checkpoint").write_bytes(older)
    again = publisher_of(log_folder)
    again.start(database)
    assert again.memory.read() == checkpoints(database)[-1]


def test_a_key_of_another_log_is_refused(
    database: Database, publisher: Publisher, book_id: int, tmp_path: Path
) -> None:
    log_donations(database, publisher, book_id, 5)
    other = tmp_path / "other"
    KeyFolder(other).make("other.example.org/log")
    shutil.copy(publisher.memory.path, other / "checkpoint")
    with pytest.raises(OtherLog, match=r"other\.example\.org"):
        publisher_of(other).start(database)


@pytest.mark.parametrize("data", [b"", b"no note", b"a\n1\n\n", bytes(100)])
def test_a_memory_that_is_no_checkpoint_is_told(
    database: Database, publisher: Publisher, log_folder: Path, data: bytes
) -> None:
    (log_folder / "checkpoint").write_bytes(data)
    with pytest.raises(MemoryUnreadable):
        Memory(log_folder).read()
