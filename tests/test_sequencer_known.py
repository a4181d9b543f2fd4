"""What a sequencer keeps between passes changes nothing in what it writes."""

import pytest
import sqlalchemy as sa

from donate.db import Database, Role
from donate.ledger import journal
from donate.publiclog import log
from donate.sequencer import Known, run_pass
from tests.ledger.factories import donation, open_book


def post(database: Database, book_id: int, *keys: str) -> None:
    with database.transaction() as session:
        journal.post(session, [donation(book_id, idempotency_key=key) for key in keys])


def kinds(database: Database) -> list[str]:
    with database.reading(Role.OWNER) as session:
        return list(session.scalars(sa.text("SELECT kind FROM log_leaf ORDER BY log_index")))


def test_a_second_pass_opens_nothing_again(database: Database) -> None:
    with database.transaction() as session:
        book_id = open_book(session)
    known = Known()
    post(database, book_id, "a")
    run_pass(database, known=known)
    opened = len(kinds(database)) - 1
    post(database, book_id, "b", "c")
    run_pass(database, known=known)
    post(database, book_id, "d")
    run_pass(database)  # a sequencer that has just begun knows nothing, and sees the same
    assert len(kinds(database)) == opened + 4


def test_what_a_pass_opened_is_forgotten_with_it_when_it_is_undone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as session:
        book_id = open_book(session)
    known = Known()
    post(database, book_id, "a")
    with monkeypatch.context() as patch:
        patch.setattr(log, "append", _broken)
        with pytest.raises(LookupError):
            run_pass(database, known=known)
    run_pass(database, known=known)
    with_known = kinds(database)
    assert with_known.count("open") == len(with_known) - 1 > 0


def _broken(*_: object) -> None:
    raise LookupError
