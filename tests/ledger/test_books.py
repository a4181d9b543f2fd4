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
