"""What a pass adds to the tree, and what the log signs of itself."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from donate.db import Database, Role
from donate.publiclog import sealing, tree
from donate.publiclog.publishing import Publisher
from donate.tlog.merkle import root_of
from donate.tlog.tiles import grow
from tests.publiclog.conftest import ORIGIN
from tests.publiclog.factories import checkpoints, log_donations, published_size, stored_hashes


def test_every_pass_signs_the_root_over_all_lines(database: Database, publisher: Publisher, book_id: int) -> None:
    log_donations(database, publisher, book_id, 1, 20, 300)
    hashes = stored_hashes(database)
    signed = checkpoints(database)
    assert len(signed) == 3
    assert signed[-1].size == len(hashes)
    assert [point.root for point in signed] == [root_of(hashes[: point.size]) for point in signed]
    assert {point.origin for point in signed} == {ORIGIN}


def test_stored_nodes_are_those_over_full_tiles(database: Database, publisher: Publisher, book_id: int) -> None:
    log_donations(database, publisher, book_id, 200, 200, 200)
    with database.reading() as session:
        nodes = session.execute(
            sa.text("SELECT level, node_index, hash FROM log_node ORDER BY level, node_index")
        ).all()
    expected = grow([], 0, stored_hashes(database)).nodes
    assert [tuple(row) for row in nodes] == [(node.level, node.index, node.hash) for node in expected]
    assert len(nodes) == 2


def test_lines_from_before_there_was_a_key_are_signed_at_the_next_start(
    database: Database, publisher: Publisher, book_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_donations(database, None, book_id, 300, 300)
    assert checkpoints(database) == []
    monkeypatch.setattr(sealing, "BLOCK_LEAVES", 256)
    publisher.start(database)
    hashes = stored_hashes(database)
    assert [(point.size, point.root) for point in checkpoints(database)] == [(len(hashes), root_of(hashes))]
    assert published_size(database) == len(hashes)


def test_a_pass_without_a_publisher_leaves_its_lines_to_the_next(
    database: Database, publisher: Publisher, book_id: int
) -> None:
    log_donations(database, publisher, book_id, 10)
    log_donations(database, None, book_id, 10)
    log_donations(database, publisher, book_id, 10)
    hashes = stored_hashes(database)
    assert checkpoints(database)[-1].root == root_of(hashes)


def test_a_start_with_nothing_new_signs_nothing(database: Database, publisher: Publisher, book_id: int) -> None:
    log_donations(database, publisher, book_id, 3)
    publisher.start(database)
    assert len(checkpoints(database)) == 1


def test_a_pass_that_is_undone_leaves_no_trace_in_what_the_next_one_signs(
    database: Database, publisher: Publisher, book_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_donations(database, publisher, book_id, 260)
    with monkeypatch.context() as broken:
        broken.setattr("donate.publiclog.log.add_checkpoint", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            log_donations(database, publisher, book_id, 5)
    log_donations(database, publisher, book_id, 7)
    assert checkpoints(database)[-1].root == root_of(stored_hashes(database))


@pytest.mark.parametrize("table", ["log_node", "checkpoint", "log_key"])
@pytest.mark.parametrize("role", list(Role))
def test_nobody_changes_what_was_signed(
    database: Database, publisher: Publisher, book_id: int, table: str, role: Role
) -> None:
    log_donations(database, publisher, book_id, 300)
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(DBAPIError), database.transaction(role) as session:
            session.execute(sa.text(statement))


def test_the_web_writes_nothing_of_the_log(database: Database, publisher: Publisher) -> None:
    for table in ("log_node", "checkpoint", "log_key", "log_head", "book_close"):
        with pytest.raises(DBAPIError, match="permission denied"), database.transaction(Role.WEB) as session:
            session.execute(sa.text(f"INSERT INTO {table} DEFAULT VALUES"))


def test_a_size_is_signed_once(database: Database, publisher: Publisher, book_id: int) -> None:
    log_donations(database, publisher, book_id, 3)
    with database.reading() as session:
        signed = tree.newest(session)
    assert signed is not None
    with pytest.raises(DBAPIError, match="checkpoint_pkey"), database.transaction(Role.SEQUENCER) as session:
        session.execute(
            sa.text("INSERT INTO checkpoint VALUES (:size, :root, '', now())"),
            {"size": signed.size, "root": bytes(32)},
        )
