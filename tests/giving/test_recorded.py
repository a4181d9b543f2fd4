"""Money that reached the host outside us: one person enters it, another confirms it, then it is booked, once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from donate import sequencer
from donate.db import Database, bind, reading, transaction
from donate.giving import checks, other_money, recorded
from donate.giving.recorded_models import Channel, RecordedDonation, RecordedState, ReversalState
from donate.giving.reference_key import key_of
from donate.giving.sources import SAME, source_key_of
from donate.ledger import books, stock
from donate.ledger.chart import Reason
from donate.ledger.checks import run_checks
from donate.ledger.journal import Leg, NewEntry
from tests.campaigns import factories as campaigns
from tests.giving import factories as make
from tests.giving import recorded_factories as factory

BOOKED = make.Booked("recorded_donation", "yunxi", "bank", "fund:yunxi", 30_000)


def found(made: RecordedDonation) -> RecordedDonation:
    return factory.again(made)


def test_what_was_entered_is_not_in_the_books(database: Database) -> None:
    factory.raising()
    made = factory.entered()
    assert (made.state, make.booked()) == (RecordedState.ENTERED, [])


def test_confirmed_by_another_person_it_is_booked_from_the_bank_to_the_fund(database: Database) -> None:
    factory.raising()
    made = factory.confirmed(proof_sha256=None)
    assert make.booked() == [BOOKED]
    with reading() as session:
        key, day, reference = session.execute(text("SELECT idempotency_key, effective_on, reference FROM entry")).one()
    assert (key, day, reference) == (f"recorded:{made.public_id}", factory.DAY, None)
    assert factory.available() == 30_000  # it is at the bank, so it may be spent


def test_who_entered_it_cannot_confirm_it(database: Database) -> None:
    factory.raising()
    made = factory.entered(by=901)
    with pytest.raises(recorded.OwnEntry), transaction() as session:
        recorded.confirm(session, session.get_one(RecordedDonation, made.id), by=901)
    assert make.booked() == []


def test_the_database_itself_refuses_one_person_in_both_parts(database: Database) -> None:
    factory.raising()
    made = factory.confirmed(by=901, confirmed_by=902)
    with pytest.raises(IntegrityError, match="two_people"), transaction() as session:
        session.execute(text("UPDATE recorded_donation SET decided_by = 901 WHERE id = :id"), {"id": made.id})


def test_two_who_confirm_at_once_book_once(database: Database) -> None:
    factory.raising()
    made = factory.entered()

    def confirm(by: int) -> None:
        bind(database)
        with transaction() as session:
            recorded.confirm(session, recorded.recorded_by_public_id(session, made.public_id), by=by)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(confirm, range(910, 926)))
    assert make.booked() == [BOOKED]
    assert factory.available() == 30_000


@pytest.mark.parametrize("again", ["20261120-77", "20261120 77", "２０２６１１２０７７", "20261120/77"])
def test_the_same_reference_is_the_same_money_however_it_is_spelled(database: Database, again: str) -> None:
    factory.raising()
    factory.entered(reference="20261120-77")
    with pytest.raises(recorded.RecordedBefore):
        factory.entered(reference=again, source="中国 农业银行", amount_minor=1)


@pytest.mark.parametrize("changes", [{"reference": "20261120-78"}, {"campaign_ref": "noise"}])
def test_another_number_or_another_hosts_book_is_other_money(database: Database, changes: dict[str, Any]) -> None:
    factory.raising()
    factory.entered(reference="20261120-77")
    factory.confirmed(**{"reference": "20261120-77", **changes})
    assert len(make.booked()) == 1


@pytest.mark.parametrize("again", ["农行", "农业银行", "ABC", "中国农业银行股份有限公司", "agricultural bank of china"])
def test_one_bank_is_one_source_whatever_it_is_called(database: Database, again: str) -> None:
    factory.raising()
    factory.entered(source="中国农业银行", reference="20261120-77")
    with pytest.raises(recorded.RecordedBefore):
        factory.entered(source=again, reference="20261120-77")


def test_no_name_means_two_institutions() -> None:
    names = [key_of(name) for line in SAME for name in line]
    assert len(names) == len(set(names))
    assert source_key_of("云溪农商银行") == "云溪农商银行"
    assert source_key_of("有限公司") == "有限公司"


OTHERS = [{"channel": Channel.CASH}, {"source": "云溪农商银行"}, {"channel": Channel.PLATFORM, "source": "腾讯公益"}]


@pytest.mark.parametrize("changes", OTHERS)
def test_the_same_number_under_another_source_or_channel_is_booked_only_with_a_reason(
    database: Database, changes: dict[str, Any]
) -> None:
    factory.raising()
    first = factory.confirmed(reference="20261120-77")
    again = factory.entered(**{"reference": "20261120/77", **changes})
    with reading() as session:
        (twin,) = other_money.twins_of(session, found(again))
        assert (twin.public_id, twin.state) == (first.public_id, RecordedState.CONFIRMED)
    with pytest.raises(other_money.OtherMoneyUnsaid), transaction() as session:
        recorded.confirm(session, session.get_one(RecordedDonation, again.id), by=902, other_money=" \u200b ")
    assert make.booked() == [BOOKED]
    with transaction() as session:
        recorded.confirm(session, session.get_one(RecordedDonation, again.id), by=902, other_money="两张回单都看过")
    assert (found(again).other_money, len(make.booked())) == ("两张回单都看过", 2)
    assert failing() == []


def test_of_two_that_wait_under_one_number_each_needs_its_reason(database: Database) -> None:
    factory.raising()
    waiting = [factory.entered(reference="77"), factory.entered(reference="77", channel=Channel.CASH)]
    for made in waiting:
        with pytest.raises(other_money.OtherMoneyUnsaid), transaction() as session:
            recorded.confirm(session, session.get_one(RecordedDonation, made.id), by=902)
    with transaction() as session:
        recorded.decline(session, session.get_one(RecordedDonation, waiting[1].id), by=902, reason="同一笔")
        recorded.confirm(session, session.get_one(RecordedDonation, waiting[0].id), by=902, other_money="unasked")
    assert (make.booked(), found(waiting[0]).other_money) == ([BOOKED], "")


def test_what_was_reversed_is_nobodys_twin(database: Database) -> None:
    factory.raising()
    made = factory.confirmed(reference="77")
    with transaction() as session:
        row = session.get_one(RecordedDonation, made.id)
        recorded.ask_reversal(session, row, by=903, reason="其实是现金")
        recorded.book_reversal(session, row, by=901)
    factory.confirmed(reference="77", channel=Channel.CASH)
    assert len(make.booked()) == 3


def test_equal_numbers_that_nobody_explained_are_found(database: Database) -> None:
    factory.raising()
    factory.confirmed(reference="77")
    factory.confirmed(reference="77", channel=Channel.CASH, other_money="另一笔")
    assert failing() == []
    with transaction() as session:
        session.execute(text("UPDATE recorded_donation SET other_money = ''"))
    assert failing() == ["equal_numbers_are_explained"]


def test_what_was_declined_may_be_entered_rightly(database: Database) -> None:
    factory.raising()
    made = factory.entered(reference="7")
    with transaction() as session:
        recorded.decline(session, session.get_one(RecordedDonation, made.id), by=901, reason="金额写错")
    assert (found(made).state, found(made).decline_reason) == (RecordedState.DECLINED, "金额写错")
    with pytest.raises(recorded.DecidedAlready), transaction() as session:
        recorded.confirm(session, session.get_one(RecordedDonation, made.id), by=902)
    assert factory.entered(reference="7").state == RecordedState.ENTERED
    assert make.booked() == []


@pytest.mark.parametrize("state", ["suspended", "executing", "closing", "closed"])
def test_a_campaign_that_no_longer_raises_still_takes_what_arrived(database: Database, state: str) -> None:
    factory.raising()
    with transaction() as session:
        session.execute(text("UPDATE campaign SET state = :state WHERE ref = 'yunxi'"), {"state": state})
    factory.confirmed()
    assert make.booked() == [BOOKED]


@pytest.mark.parametrize("state", ["submitted", "accepted"])
def test_a_campaign_that_was_never_filed_has_no_fund(database: Database, state: str) -> None:
    factory.raising()
    with transaction() as session:
        getattr(campaigns, state)(session, ref="waiting")
    with pytest.raises(recorded.NoFundYet):
        factory.entered(campaign_ref="waiting")


def test_another_hosts_campaign_is_none_of_this_book(database: Database) -> None:
    factory.raising()
    with pytest.raises(recorded.NoFundYet), transaction() as session:
        recorded.enter(session, book_id=factory.book_of().id, by=901, new=factory.new(campaign_ref="noise"))


def test_a_mistake_is_reversed_by_two_people(database: Database) -> None:
    factory.raising()
    made = factory.confirmed(reference="7")
    with transaction() as session:
        recorded.ask_reversal(session, session.get_one(RecordedDonation, made.id), by=903, reason="记错了项目")
    with pytest.raises(recorded.OwnReversal), transaction() as session:
        recorded.book_reversal(session, session.get_one(RecordedDonation, made.id), by=903)
    for _ in range(2):  # pressed twice, it is one entry
        with transaction() as session:
            recorded.book_reversal(session, session.get_one(RecordedDonation, made.id), by=901)
    assert make.booked() == [BOOKED, make.Booked("reversal", "yunxi", "fund:yunxi", "bank", 30_000)]
    assert found(made).state == RecordedState.REVERSED
    assert factory.available() == 0
    assert factory.entered(reference="7").state == RecordedState.ENTERED
    sequencer.drain(database)
    with reading() as session:
        assert [result.name for result in run_checks(session, checks.ALL_CHECKS) if not result.is_ok] == []


def test_what_was_spent_of_a_mistake_falls_on_the_general_fund(database: Database) -> None:
    factory.raising()
    made = factory.confirmed()
    book_id = factory.book_of().id
    with transaction() as session:
        books.open_account(session, book_id=book_id, code="payable:school")
        spent = NewEntry(
            book_id=book_id,
            reason=Reason.DISBURSEMENT_APPROVED,
            idempotency_key="disbursement:1",
            effective_on=factory.DAY,
            legs=(Leg(debit="fund:yunxi", credit="payable:school", amount_minor=20_000),),
            campaign="yunxi",
        )
        stock.authorise(session, spent)
    with transaction() as session:
        row = session.get_one(RecordedDonation, made.id)
        recorded.ask_reversal(session, row, by=903, reason="x")
        recorded.book_reversal(session, row, by=901)
    assert factory.available() == -20_000  # owed to what comes next
    covered = make.Booked("shortfall_covered", "yunxi", "general", "fund:yunxi", 20_000)
    assert make.booked()[-1] == covered
    sequencer.drain(database)
    with reading() as session:
        assert [result.name for result in run_checks(session, checks.ALL_CHECKS) if not result.is_ok] == []


def test_a_reversal_may_be_refused_and_asked_for_again(database: Database) -> None:
    factory.raising()
    made = factory.confirmed()
    with transaction() as session:
        row = session.get_one(RecordedDonation, made.id)
        first = recorded.ask_reversal(session, row, by=903, reason="x")
        with pytest.raises(recorded.ReversalAsked):
            recorded.ask_reversal(session, row, by=904, reason="y")
        recorded.refuse_reversal(session, row, by=901)
        assert first.state == ReversalState.REFUSED
        recorded.ask_reversal(session, row, by=904, reason="y")
    assert make.booked() == [BOOKED]


@pytest.mark.parametrize("step", [recorded.decline, recorded.ask_reversal])
def test_no_step_back_goes_without_a_reason(database: Database, step: Callable[..., object]) -> None:
    factory.raising()
    made = factory.confirmed() if step is recorded.ask_reversal else factory.entered()
    with pytest.raises(recorded.DecisionReasonMissing), transaction() as session:
        step(session, session.get_one(RecordedDonation, made.id), by=905, reason=" \u200b ")


@pytest.mark.parametrize("column", ["amount_minor", "campaign_ref", "reference", "secret", "entered_by", "received_on"])
def test_what_was_entered_is_never_edited(database: Database, column: str) -> None:
    factory.raising()
    factory.entered()
    with pytest.raises(Exception, match="permission denied"), transaction() as session:
        session.execute(text(f"UPDATE recorded_donation SET {column} = {column}"))


def test_a_recorded_donation_is_counted_and_numbered_like_any_other(database: Database) -> None:
    factory.raising()
    factory.confirmed(received_on=date(2025, 12, 31))
    sequencer.drain(database)
    with reading() as session:
        total = session.execute(
            text("SELECT received_minor, donation_count FROM campaign_total WHERE campaign = 'yunxi'")
        ).one()
        receipt = session.execute(text("SELECT year, number FROM receipt_number")).one()
    assert (tuple(total), tuple(receipt)) == ((30_000, 1), (2025, 1))


def test_a_confirmed_row_without_its_entry_is_found(database: Database) -> None:
    factory.raising()
    factory.confirmed()
    made = factory.confirmed()
    other = factory.confirmed(amount_minor=5)
    names = ["recorded_donations_are_booked"]
    assert failing() == []
    with transaction() as session:
        swapped = "UPDATE recorded_donation SET entry_id = NULL, state = 'declined' WHERE id = :id"
        session.execute(text(swapped), {"id": other.id})
        session.execute(
            text("UPDATE recorded_donation SET entry_id = :entry WHERE id = :id"),
            {"entry": other.entry_id, "id": made.id},
        )
    assert failing() == names


def failing() -> list[str]:
    with reading() as session:
        return [result.name for result in run_checks(session, checks.GIVING_CHECKS) if not result.is_ok]
