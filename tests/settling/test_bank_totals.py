"""What else the bank shows is matched, too, and its balance and the books' differ by nothing that has no name."""

from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from donate.db import Database, Role, reading, transaction
from donate.giving import recorded, recorded_refund
from donate.giving.recorded_models import Channel, RecordedBatch, RecordedDonation
from donate.giving.recorded_refund_models import RecordedRefund, UndoWay
from donate.ledger import books, cover, journal, stock
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.models import Book
from donate.settling import bank
from donate.settling.bank_forms import read_statement
from donate.settling.bank_matching import Candidate, candidates
from donate.settling.bank_models import BankLine, BankMatch
from donate.settling.bank_totals import BankTotals, totals_of
from tests.giving import factories as giving
from tests.giving import recorded_factories as recording
from tests.settling import factories as make

ROWS = ("A-1,15.00,2026-11-20,yunxi,,", "A-2,3.00,2026-11-20,yunxi,,")


@pytest.fixture(autouse=True)
def _raising(database):
    giving.raising()
    giving.noise()


def open_ones() -> list[Candidate]:
    with reading() as session:
        return candidates(session, recording.book_of().id)


def totals() -> BankTotals:
    with reading() as session:
        book = session.get_one(Book, recording.book_of().id)
        return totals_of(session, book, [one for one in candidates(session, book.id) if not one.is_other_sum])


def post(reason: Reason, debit: str, credit: str, amount_minor: int, key: str) -> None:
    with transaction() as session:
        legs = (Leg(debit=debit, credit=credit, amount_minor=amount_minor),)
        entry = NewEntry(
            book_id=recording.book_of().id, reason=reason, idempotency_key=key, effective_on=recording.DAY, legs=legs
        )
        journal.post(session, [entry])


def explain(line: BankLine) -> None:
    with transaction() as session:
        row = session.get_one(BankLine, line.id)
        bank.say(session, row, BankMatch.EXPLAINED, by=903, note="a deposit, sent back tomorrow")


def by_hand(line: BankLine, subject: str) -> None:
    with transaction() as session:
        bank.match_by_hand(session, session.get_one(BankLine, line.id), subject, by=903, note="seen")


def batch(*rows: str) -> RecordedBatch:
    return recording.confirm_batch(recording.enter_batch(recording.uploaded(recording.platform_file(*(rows or ROWS)))))


def reverse(reference: str) -> None:
    """A row was a mistake, as two people say."""
    with transaction() as session:
        row = session.query(RecordedDonation).filter_by(reference=reference, state="confirmed").one()
        recorded.ask_reversal(session, row, by=903, reason="记错了项目")
        recorded.book_reversal(session, row, by=904)


def anew(reference: str = "A-2", amount_minor: int = 300) -> RecordedDonation:
    return recording.confirmed(
        channel=Channel.PLATFORM, source="腾讯公益", reference=reference, amount_minor=amount_minor
    )


def row(minor: int, **changes: object):
    return make.row(amount_minor=minor, **{"booked_on": recording.DAY, **changes})


def test_money_sent_back_to_a_donor_meets_its_outgoing_line(settings, database):
    made = recording.confirmed()
    refund = recording.went_back(made, reference="TK20261123-9")
    make.upload(row(30_000), row(-10_000, words="退捐赠款 TK20261123-9", booked_on=recording.DAY + timedelta(days=30)))
    assert make.said() == ["recorded_donation", "recorded_refund"]
    assert make.bank_lines()[1].subject == str(refund.public_id)
    assert "bank_lines_match_the_ledger" not in make.failing(database)
    assert totals().is_accounted_for


def test_what_its_bank_turned_back_meets_a_line_of_its_own(settings, database):
    refund = recording.went_back(recording.confirmed(), reference="TK20261123-9")
    with transaction() as session:
        found = session.get_one(RecordedRefund, refund.id)
        recorded_refund.ask_undo(session, found, by=903, way=UndoWay.RETURNED, on=refund.sent_on, reason="x")
        recorded_refund.undo(session, found, by=904)
    make.upload(row(-10_000, reference="TK20261123-9"), row(10_000, reference="TK20261123-9 退回"))
    assert make.said() == ["recorded_refund", "recorded_refund_returned"]
    assert "bank_lines_match_the_ledger" not in make.failing(database)


def test_what_never_left_is_on_no_line(settings):
    refund = recording.went_back(recording.confirmed())
    with transaction() as session:
        found = session.get_one(RecordedRefund, refund.id)
        recorded_refund.ask_undo(session, found, by=903, way=UndoWay.MISTAKE, on=refund.sent_on, reason="x")
        recorded_refund.undo(session, found, by=904)
    assert [one.met for one in open_ones()] == [BankMatch.RECORDED_DONATION]


def test_money_for_the_fee_fund_meets_its_line_by_its_reference(settings, database):
    legs = (Leg(debit="bank", credit="fee_cover", amount_minor=50_000),)
    for key, reason in (("FEE-2026-11", Reason.RECORDED_DONATION), ("FEE-OPENING", Reason.OPENING)):
        with transaction() as session:
            entry = NewEntry(
                book_id=recording.book_of().id,
                reason=reason,
                idempotency_key=cover.key_of(key),
                effective_on=recording.DAY,
                legs=legs,
                private={"reference": key},
            )
            cover.fill(session, entry)
    make.upload(row(50_000, reference="FEE-2026-11", booked_on=recording.DAY + timedelta(days=30)))
    assert make.said() == ["cover_fill"]
    assert open_ones() == []  # what was there when the book was opened is on no line
    assert "bank_lines_match_the_ledger" not in make.failing(database)
    assert (totals().opening_minor, totals().rest_minor) == (50_000, 0)


def test_what_a_school_sent_back_meets_its_line(settings, database):
    recording.confirmed()
    book_id = recording.book_of().id
    legs = (Leg(debit="bank", credit="fund:yunxi", amount_minor=500),)
    with transaction() as session:
        books.open_account(session, book_id=book_id, code="payable:school")
        back = NewEntry(
            book_id=book_id,
            reason=Reason.DISBURSEMENT_RETURNED,
            idempotency_key="returned:1",
            effective_on=recording.DAY,
            legs=legs,
            campaign="yunxi",
        )
        stock.record_return(session, back)
    make.upload(row(500))
    assert make.said() == ["disbursement_returned"]
    assert "bank_lines_match_the_ledger" not in make.failing(database)


def test_of_a_batch_with_a_reversed_row_the_payout_is_what_is_left(settings, database):
    batch()
    reverse("A-2")
    make.upload(row(1500))
    assert make.said() == ["recorded_batch"]
    assert "bank_lines_match_the_ledger" not in make.failing(database)
    assert totals().is_accounted_for


def test_what_was_recorded_anew_came_with_the_payout_of_its_file(settings, database):
    batch()
    reverse("A-2")
    anew()
    assert [(one.met, one.amount_minor, one.how) for one in open_ones()] == [
        (BankMatch.RECORDED_BATCH, 1800, "amount"),
        (BankMatch.RECORDED_BATCH, 1500, "hand"),
    ]
    make.upload(row(1800))
    assert (make.said(), open_ones()) == (["recorded_batch"], [])
    assert "bank_lines_match_the_ledger" not in make.failing(database)
    assert totals().is_accounted_for


def test_a_row_reversed_after_its_payout_was_matched_shows_until_it_is_recorded_anew(settings, database):
    batch()
    make.upload(row(1800))
    reverse("A-2")
    assert "bank_lines_match_the_ledger" in make.failing(database)
    assert (totals().rest_minor, totals().is_accounted_for) == (-300, False)
    anew()
    assert "bank_lines_match_the_ledger" not in make.failing(database)
    assert totals().is_accounted_for


def test_a_payout_without_what_was_recorded_anew_is_matched_by_a_person_and_the_rest_waits(settings, database):
    first = batch()
    reverse("A-2")
    again = anew()
    make.upload(row(1500), row(300, reference="A-2000000"))
    assert make.said() == [None, None]
    by_hand(make.bank_lines()[0], f"recorded_batch {first.public_id}")
    assert [(one.subject, one.how) for one in open_ones()] == [(str(again.public_id), "reference")]
    by_hand(make.bank_lines()[1], f"recorded_donation {again.public_id}")
    assert "bank_lines_match_the_ledger" not in make.failing(database)
    assert totals().is_accounted_for


def test_what_a_platform_paid_out_is_known_by_its_number_and_never_by_the_amount_alone(settings):
    anew("TX-20261120-7", 300)
    make.upload(row(300))
    assert make.said() == [None]
    make.upload(row(300, reference="TX-20261120-7"))
    assert make.said() == [None, "recorded_donation"]


def test_a_statement_is_kept_oldest_first_whichever_way_round_it_is(settings):
    newest_first = "day,amount,balance\n2026-11-21,-1.00,14.00\n2026-11-20,15.00,15.00\n"
    one_day = "day,amount,balance\n2026-11-21,-1.00,14.00\n2026-11-21,15.00,15.00\n"
    for content in (newest_first, one_day):
        assert [one.amount_minor for one in read_statement(content.encode(), "CNY")] == [1500, -100]
    plain = "day,amount\n2026-11-21,-1.00\n2026-11-21,15.00\n"
    assert [one.amount_minor for one in read_statement(plain.encode(), "CNY")] == [-100, 1500]


def test_equal_lines_with_their_balances_are_two_lines(settings):
    content = b"day,amount,balance\n2026-11-20,15.00,15.00\n2026-11-20,15.00,30.00\n"
    make.upload(*read_statement(content, "CNY"))
    assert [(one.running_number, one.balance_minor) for one in make.bank_lines()] == [("~1", 1500), ("~2", 3000)]


def test_balances_are_learnt_from_a_later_file_and_never_changed(settings):
    lines = "day,amount,number{0}\n2026-11-20,15.00,7{1}\n"
    for more in (("", ""), (",balance", ",15.00"), (",balance", ",99.00")):
        make.upload(*read_statement(lines.format(*more).encode(), "CNY"))
    assert [one.balance_minor for one in make.bank_lines()] == [1500]
    with pytest.raises(Exception, match="permission denied"), transaction() as session:
        session.execute(text("UPDATE bank_line SET amount_minor = 1"))


def test_every_part_of_the_difference_has_its_name(settings, database):
    """Opening balance 1000.00; 300.00 matched, 200.00 on no line yet; on lines alone: a fee, a deposit, a stranger's."""
    post(Reason.OPENING, "bank", "opening", 100_000, "opening:1")
    recording.confirmed(amount_minor=30_000, reference="JZ-20261120-1")
    recording.confirmed(amount_minor=20_000, reference="JZ-20261125-2", received_on=date(2026, 11, 25))
    make.upload(
        row(30_000, reference="JZ-20261120-1", balance_minor=135_000),
        row(7_000, balance_minor=142_000),
        row(-1_200, balance_minor=140_800),
        row(40, balance_minor=140_840),
    )
    explain(make.bank_lines()[1])
    with transaction() as session:
        fee = session.get_one(BankLine, make.bank_lines()[2].id)
        bank.say(session, fee, BankMatch.BANK_CHARGE, by=903, note="")
    found = totals()
    assert (found.bank_minor, found.books_minor, found.difference_minor) == (140_840, 148_800, 7_960)
    assert (found.open_minor, found.waiting_minor, found.explained_minor) == (20_000, 40, 7_000)
    assert (found.opening_minor, found.before_minor, found.missing_minor) == (100_000, 105_000, 0)
    assert found.is_accounted_for


def test_without_balances_the_lines_sum_is_what_the_bank_says(settings):
    recording.confirmed(amount_minor=30_000)
    make.upload(row(30_000), row(40, reference="a stranger’s"))
    found = totals()
    assert (found.balance_minor, found.bank_minor, found.before_minor, found.difference_minor) == (None, 30_040, 0, -40)
    assert found.is_accounted_for


def test_lines_that_were_in_no_file_are_missed(settings):
    make.upload(row(30_000, balance_minor=30_000), row(100, balance_minor=35_100))
    found = totals()
    assert (found.missing_minor, found.rest_minor, found.is_accounted_for) == (5_000, 0, False)
    make.upload(row(100, booked_on=recording.DAY + timedelta(days=1)))  # a line without its balance comes after
    assert (totals().bank_minor, totals().missing_minor) == (35_200, 5_000)


def test_an_entry_of_the_bank_that_no_line_can_show_is_not_accounted_for(settings):
    make.upload(row(30_000))
    post(Reason.SURPLUS_MOVED, "bank", "general", 500, "odd:1")
    assert (totals().rest_minor, totals().is_accounted_for) == (500, False)


def test_numbered_or_not_the_books_hold_the_same(settings, database):
    recording.confirmed(amount_minor=30_000)
    make.upload(row(30_000))
    before = totals()
    make.failing(database)  # numbers everything
    assert (totals(), before.books_minor) == (before, 30_000)


@pytest.mark.parametrize(
    ("locale", "heading", "words"),
    [
        ("en", "The bank’s balance and the books’", ("Not accounted for", "Lines that are missing between")),
        ("zh", "银行余额与账簿余额", ("无法说明的差额", "按余额推算缺少的流水")),
    ],
)
def test_the_treasurers_page_shows_the_whole_difference(
    client: FlaskClient, database: Database, settings, locale, heading, words
):
    recording.confirmed(amount_minor=30_000)
    make.upload(row(30_000, balance_minor=30_000), row(100, balance_minor=35_100))
    recording.sign_in(client, "treasurer")
    page = client.get(f"/{locale}/desk/bank").text
    assert (heading in page, "351.00" in page, "300.00" in page) == (True, True, True)
    assert (words[0] in page, words[1] in page) == (False, True)
    with database.transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE bank_line SET amount_minor = 29999, balance_minor = 29999 WHERE met IS NOT NULL"))
    assert words[0] in client.get(f"/{locale}/desk/bank").text


def test_the_page_says_that_all_is_accounted_for(client: FlaskClient, settings):
    recording.confirmed(amount_minor=30_000)
    make.upload(row(30_000, balance_minor=30_000))
    recording.sign_in(client, "owner")
    assert "Accounted for to the last cent" in client.get("/en/desk/bank").text
