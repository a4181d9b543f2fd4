from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import text

from donate.db import Database
from donate.ledger import stock
from donate.ledger.books import open_account
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg
from donate.ledger.release import release
from tests.ledger.factories import disbursement, donation, open_book, settled_fund


@pytest.fixture
def book_id(database: Database) -> int:
    with database.transaction() as session:
        book_id = open_book(session)
        open_account(session, book_id=book_id, code="payable:school")
        settled_fund(session, book_id, 10_000)
        return book_id


def available(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(text("SELECT sum(available_minor) FROM fund_stock")) or 0


def test_an_approval_takes_from_the_stock(database, book_id):
    with database.transaction() as session:
        stock.authorise(session, disbursement(book_id, 4_000))
    assert available(database) == 6_000


def test_the_same_approval_again_takes_once(database, book_id):
    entry = disbursement(book_id, 4_000)
    for _ in range(2):
        with database.transaction() as session:
            stock.authorise(session, entry)
    assert available(database) == 6_000


def test_an_approval_beyond_settled_money_is_refused_and_leaves_nothing(database, book_id):
    with pytest.raises(stock.FundOverdrawn), database.transaction() as session:
        stock.authorise(session, disbursement(book_id, 10_001))
    assert available(database) == 10_000
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM entry WHERE reason = 'disbursement_approved'")) == 0


def test_approvals_at_once_never_overdraw(database, book_id):
    def approve(_: int) -> bool:
        try:
            with database.transaction() as session:
                stock.authorise(session, disbursement(book_id, 3_000))
        except stock.FundOverdrawn:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        approved = sum(pool.map(approve, range(8)))
    assert (approved, available(database)) == (3, 1_000)


def test_a_reversed_approval_gives_back_once(database, book_id):
    with database.transaction() as session:
        posted = stock.authorise(session, disbursement(book_id, 4_000))
    for _ in range(2):
        with database.transaction() as session:
            stock.reverse_approval(
                session,
                book_id=book_id,
                entry_id=posted.entry_id,
                idempotency_key="reversal:1",
                effective_on=date(2026, 11, 24),
                note="wrong school",
            )
    assert available(database) == 10_000


def test_returned_money_can_be_spent_again(database, book_id):
    with database.transaction() as session:
        stock.authorise(session, disbursement(book_id, 10_000))
        back = donation(
            book_id,
            reason=Reason.DISBURSEMENT_RETURNED,
            legs=(Leg(debit="bank", credit="fund:rice", amount_minor=700),),
        )
        stock.record_return(session, back)
        stock.record_return(session, back)
    assert available(database) == 700


def test_only_an_approval_from_a_fund_takes_from_stock(database, book_id):
    with pytest.raises(stock.NotADisbursement), database.transaction() as session:
        stock.authorise(session, donation(book_id))


def test_a_release_asked_twice_counts_once(database, book_id):
    with database.transaction() as session:
        entry_id = session.scalar(text("SELECT entry_id FROM fund_release"))
        release(session, book_id=book_id, entry_id=entry_id, amounts={"fund:rice": 10_000})
    assert available(database) == 10_000
