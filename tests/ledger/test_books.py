import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from donate.ledger import books, chart
from tests.ledger.factories import open_book


def test_a_new_book_has_every_standard_account(database):
    with database.transaction() as session:
        codes = books.account_ids(session, open_book(session))
    assert set(codes) == {*chart.STANDARD_CODES, "fund:rice", "fund:soup"}


def test_opening_a_fund_twice_is_one_fund(database):
    with database.transaction() as session:
        book_id = open_book(session)
        first = books.open_fund(session, book_id=book_id, campaign="tea")
        assert books.open_fund(session, book_id=book_id, campaign="tea") == first


@pytest.mark.parametrize(
    ("mode", "provider", "livemode"),
    [("live", "sandbox", False), ("live", "sandbox", True), ("live", "stripe", False), ("sandbox", "stripe", True)],
)
def test_play_money_never_stands_in_a_live_book_nor_real_money_in_a_sandbox_one(database, mode, provider, livemode):
    with database.transaction() as session:
        book_id = open_book(session, mode=mode)
        with pytest.raises(books.BookOfOtherMode):
            books.open_merchant_account(
                session, book_id=book_id, ref="lunch", provider=provider, livemode=livemode, tariff="mainland"
            )


@pytest.mark.parametrize("code", ["fund:-soup", "_bank", "fund:", "fund:Soup", "fund:soup "])
def test_no_account_has_a_code_that_the_public_log_cannot_spell(database, code):
    with pytest.raises(IntegrityError, match="account_code"), database.transaction() as session:
        session.execute(
            text("INSERT INTO account (book_id, code, account_class, opened_at) VALUES (:id, :code, 'fund', now())"),
            {"id": open_book(session), "code": code},
        )


def test_every_reason_and_account_has_its_sentence():
    assert all(reason.sentence for reason in chart.Reason)
    assert all(kind.sentence for kind in chart.KINDS.values())


def test_every_reason_that_moves_a_fund_has_a_line_in_the_statement():
    moves_no_fund = {
        chart.Reason.DISPUTE_OPENED,
        chart.Reason.DISPUTE_WON,
        chart.Reason.SETTLEMENT,
        chart.Reason.SETTLEMENT_FAILED,
        chart.Reason.BANK_CHARGE,
        chart.Reason.INTEREST,
        chart.Reason.DISBURSEMENT_PAID,
        chart.Reason.REVERSAL,  # takes the line of what it reverses
    }
    have = {reason for kind, reason in chart.STATEMENT_LINES if kind == "fund"}
    assert have == set(chart.Reason) - moves_no_fund
