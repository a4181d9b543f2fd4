"""Passes: numbers, order, open lines, totals, receipt numbers."""

from datetime import date

import pytest
import sqlalchemy as sa
from donate.db import Database, Role
from donate.ledger import checks, journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg
from donate.sequencer import drain, log_order, run_pass
from donate.tlog.leaf import EntryLeaf, OpenAccount, OpenBook, OpenCampaign, decode, leaf_hash
from sqlalchemy.exc import ProgrammingError

from tests.ledger.factories import donation, open_book


@pytest.fixture
def book_id(database: Database) -> int:
    with database.transaction() as session:
        open_book(session)  # noise
        return open_book(session)


def leaves(database: Database) -> list:
    with database.reading() as session:
        rows = session.execute(sa.text("SELECT log_index, leaf, leaf_hash FROM log_leaf ORDER BY log_index")).all()
    found = [decode(leaf) for _, leaf, _ in rows]
    assert [leaf.seq for leaf in found] == [log_index for log_index, _, _ in rows] == list(range(len(rows)))
    assert all(hash_ == leaf_hash(leaf) for _, leaf, hash_ in rows)
    return found


def test_the_books_pass_all_checks_after_a_drain(database: Database, book_id: int) -> None:
    with database.transaction() as session:
        journal.post(session, [donation(book_id) for _ in range(50)])
    assert drain(database) == 50
    with database.reading() as session:
        assert [result for result in checks.run_checks(session) if not result.is_ok] == []
