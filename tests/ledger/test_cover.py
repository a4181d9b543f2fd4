"""The fee-cover fund's stock row: never overspent, never out of step, and made for books that were there before."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from donate.db import Database, Role, bind, transaction
from donate.folders import top_folder
from donate.ledger import cover, journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg
from tests.ledger.factories import donation, open_book


def given(book_id: int, amount_minor: int, **changes: object) -> journal.NewEntry:
    leg = Leg(debit="bank", credit="fee_cover", amount_minor=amount_minor)
    return donation(book_id, reason=Reason.OPENING, campaign=None, legs=(leg,), **changes)


def stock(book_id: int) -> int | None:
    with transaction() as session:
        found: int | None = session.scalar(
            text("SELECT available_minor FROM cover_stock WHERE book_id = :book"), {"book": book_id}
        )
        return found


def test_the_same_entry_fills_once(database: Database) -> None:
    with transaction() as session:
        book_id = open_book(session)
        open_book(session)
        for _ in range(2):
            cover.fill(session, given(book_id, 500, idempotency_key="cover:1"))
    assert stock(book_id) == 500


def test_an_entry_that_brings_nothing_is_refused(database: Database) -> None:
    with pytest.raises(cover.NotForTheCover), transaction() as session:
        cover.fill(session, donation(open_book(session)))


def test_many_at_once_never_take_more_than_there_is(database: Database) -> None:
    with transaction() as session:
        book_id = open_book(session)
        cover.fill(session, given(book_id, 100))

    def take(_: int) -> bool:
        bind(database)
        with transaction() as session:
            return cover.take(session, book_id, 9)

    with ThreadPoolExecutor(8) as pool:
        taken = sum(pool.map(take, range(40)))
    assert (taken, stock(book_id)) == (11, 1)


def test_a_book_from_before_the_stock_rows_gets_one_of_what_its_ledger_says(database: Database) -> None:
    with transaction() as session:
        old, bare = open_book(session), open_book(session)
        cover.fill(session, given(old, 700))
        spent = Leg(debit="fee_cover", credit="fund:soup", amount_minor=200)
        journal.post(session, [donation(old, reason=Reason.FEE_COVERED, legs=(spent,), campaign="soup")])
    with database.transaction(Role.OWNER) as session:
        session.execute(text("DELETE FROM cover_stock"))
        session.execute(text(revision().FILL_COVER))
    assert (stock(old), stock(bare)) == (500, 0)


def revision() -> Any:
    path = top_folder("migrations") / "versions" / "2026_11_24_15_create_limits.py"
    spec = importlib.util.spec_from_file_location("create_limits", path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    return module
