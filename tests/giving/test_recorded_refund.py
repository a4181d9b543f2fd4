"""Money sent back from the bank to a recorded donation's donor: one person says it, another confirms it, once."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from donate import sequencer
from donate.db import Database, Role, reading, transaction
from donate.giving import checks, official, recorded, recorded_refund
from donate.giving.official_models import OfficialReceipt
from donate.giving.recorded_models import RecordedDonation
from donate.giving.recorded_refund_models import RecordedRefund, SentBackState, UndoWay
from donate.giving.refund_retention import forget_refund_words
from donate.ledger import books, stock
from donate.ledger.chart import Reason
from donate.ledger.checks import run_checks
from donate.ledger.journal import Leg, NewEntry
from tests.giving import back
from tests.giving import factories as make
from tests.giving import recorded_factories as factory

REFUND = make.Booked("refund", "yunxi", "fund:yunxi", "bank", 10_000)
RETURNED = make.Booked("refund_failed", "yunxi", "bank", "fund:yunxi", 10_000)
REVERSED = make.Booked("reversal", "yunxi", "bank", "fund:yunxi", 10_000)
WAYS = [(UndoWay.RETURNED, RETURNED, SentBackState.RETURNED), (UndoWay.MISTAKE, REVERSED, SentBackState.REVERSED)]


@pytest.fixture
def made(database: Database) -> RecordedDonation:
    factory.raising()
    return factory.confirmed()


def again(refund: RecordedRefund) -> RecordedRefund:
    with reading() as session:
        return session.get_one(RecordedRefund, refund.id)


def act(refund: RecordedRefund, step: str, **facts: object) -> None:
    with transaction() as session:
        getattr(recorded_refund, step)(session, session.get_one(RecordedRefund, refund.id), **facts)


def ask_undo(refund: RecordedRefund, way: UndoWay = UndoWay.RETURNED, *, by: int = 903) -> None:
    act(refund, "ask_undo", by=by, way=way, on=refund.sent_on + timedelta(days=2), reason="户名不符")


def all_failing(database: Database) -> list[str]:
    sequencer.drain(database)
    with reading() as session:
        return [result.name for result in run_checks(session, checks.ALL_CHECKS) if not result.is_ok]


def approve(amount_minor: int) -> None:
    book_id = factory.book_of().id
    with transaction() as session:
        books.open_account(session, book_id=book_id, code="payable:school")
        legs = (Leg(debit="fund:yunxi", credit="payable:school", amount_minor=amount_minor),)
        spent = NewEntry(
            book_id=book_id,
            reason=Reason.DISBURSEMENT_APPROVED,
            idempotency_key="disbursement:1",
            effective_on=factory.DAY,
            legs=legs,
            campaign="yunxi",
        )
        stock.authorise(session, spent)


def test_what_was_only_said_is_not_in_the_books(made: RecordedDonation) -> None:
    asked = factory.asked_back(made)
    assert (asked.state, len(make.booked()), factory.available()) == (SentBackState.ASKED, 1, 30_000)


def test_confirmed_by_another_person_it_leaves_the_fund_and_the_bank(
    made: RecordedDonation, database: Database
) -> None:
    refund = factory.went_back(made)
    assert make.booked()[1:] == [REFUND]
    assert (refund.state, factory.available()) == (SentBackState.BOOKED, 20_000)
    with reading() as session:
        statement = "SELECT idempotency_key, effective_on, reference FROM entry WHERE reason = 'refund'"
        key, day, reference = session.execute(text(statement)).one()
    assert (key, day, reference) == (f"recorded-refund:{refund.public_id}", refund.sent_on, None)
    assert all_failing(database) == []
    with reading() as session:
        statement = "SELECT received_minor, refunded_minor FROM campaign_total WHERE campaign = 'yunxi'"
        assert tuple(session.execute(text(statement)).one()) == (30_000, 10_000)


def test_who_said_it_cannot_confirm_it(made: RecordedDonation) -> None:
    asked = factory.asked_back(made, by=901)
    with pytest.raises(recorded_refund.OwnSentBack):
        act(asked, "confirm", by=901)
    assert len(make.booked()) == 1


def test_the_database_itself_refuses_one_person_in_both_parts(made: RecordedDonation) -> None:
    factory.went_back(made, by=901, confirmed_by=902)
    with pytest.raises(IntegrityError, match="two_people"), transaction() as session:
        session.execute(text("UPDATE recorded_refund SET decided_by = 901"))


def test_many_who_confirm_at_once_book_once(made: RecordedDonation, database: Database) -> None:
    asked = factory.asked_back(made)
    works = [lambda by=by: act(asked, "confirm", by=by) for by in range(910, 916)]
    assert back.at_once(database, *works) == ["done"] * 6
    assert make.booked()[1:] == [REFUND]
    assert factory.available() == 20_000


def test_several_parts_go_back_and_never_more_than_was_given(made: RecordedDonation) -> None:
    factory.went_back(made, amount_minor=10_000)
    factory.asked_back(made, amount_minor=15_000)
    with pytest.raises(recorded_refund.MoreThanIsLeft, match=r"At most 50\.00 CNY"):
        factory.asked_back(made, amount_minor=5_001)
    factory.went_back(made, amount_minor=5_000)
    with pytest.raises(recorded_refund.MoreThanIsLeft, match=r"At most 0\.00 CNY"):
        factory.asked_back(made, amount_minor=1)
    assert factory.available() == 15_000


def test_two_who_write_it_down_at_once_never_send_back_more_than_was_given(
    made: RecordedDonation, database: Database
) -> None:
    works = [
        lambda number=number: factory.asked_back(made, amount_minor=20_000, reference=number) for number in "12345"
    ]
    assert sorted(back.at_once(database, *works)) == ["MoreThanIsLeft"] * 4 + ["done"]


def test_one_transfer_is_recorded_once(made: RecordedDonation) -> None:
    factory.asked_back(made, reference="TK-1")
    with pytest.raises(recorded_refund.SentBackBefore):
        factory.asked_back(factory.confirmed(), reference="ＴＫ１")


def test_it_cannot_have_left_before_it_came(made: RecordedDonation) -> None:
    with pytest.raises(recorded_refund.SentBeforeItCame):
        factory.asked_back(made, sent_on=factory.DAY - timedelta(days=1))


def test_what_is_not_booked_cannot_go_back(database: Database) -> None:
    factory.raising()
    with pytest.raises(recorded.NotBooked):
        factory.asked_back(factory.entered())


def test_what_was_declined_leaves_room_for_the_right_one(made: RecordedDonation) -> None:
    asked = factory.asked_back(made, amount_minor=30_000, reference="TK-1")
    with pytest.raises(recorded.DecisionReasonMissing):
        act(asked, "decline", by=901, reason=" ")
    act(asked, "decline", by=901, reason="金额写错")
    with pytest.raises(recorded.DecidedAlready):
        act(asked, "confirm", by=902)
    factory.went_back(made, amount_minor=3_000, reference="TK-1")
    assert make.booked()[1:] == [make.Booked("refund", "yunxi", "fund:yunxi", "bank", 3_000)]


def test_what_was_spent_of_it_falls_on_the_general_fund(made: RecordedDonation, database: Database) -> None:
    approve(25_000)
    factory.went_back(made)
    assert make.booked()[-1] == make.Booked("shortfall_covered", "yunxi", "general", "fund:yunxi", 5_000)
    assert (factory.available(), all_failing(database)) == (-5_000, [])  # owed to what comes next


def test_an_official_receipt_is_voided_with_it_and_one_for_the_rest_may_be_asked_for(made: RecordedDonation) -> None:
    def ask() -> None:
        with transaction() as session:
            behind = official.donations_behind(session, made.secret)
            official.ask(session, behind, official.MadeOutTo("某某", None, None))

    def states() -> list[tuple[str, int]]:
        with reading() as session:
            rows = session.query(OfficialReceipt).order_by(OfficialReceipt.id)
            return [(row.state, row.amount_minor) for row in rows]

    ask()
    asked = factory.asked_back(made)
    with reading() as session:
        receipt = session.query(OfficialReceipt).one()
    with pytest.raises(official.LessIsLeft), transaction() as session:
        official.issue(session, session.get_one(OfficialReceipt, receipt.id), number="1", by=902)
    act(asked, "confirm", by=902)
    assert states() == [("voided", 30_000)]
    ask()
    assert states() == [("voided", 30_000), ("requested", 20_000)]


def test_a_donation_of_which_a_part_went_back_is_not_reversed_whole(made: RecordedDonation) -> None:
    factory.went_back(made)
    with pytest.raises(recorded.PartSentBack), transaction() as session:
        recorded.ask_reversal(session, session.get_one(RecordedDonation, made.id), by=903, reason="x")


def test_what_is_to_be_reversed_cannot_go_back(made: RecordedDonation) -> None:
    with transaction() as session:
        recorded.ask_reversal(session, session.get_one(RecordedDonation, made.id), by=903, reason="x")
    with pytest.raises(recorded.ReversalAsked):
        factory.asked_back(made)


@pytest.mark.parametrize(("way", "entry", "state"), WAYS)
def test_what_does_not_stand_is_undone_by_two_people_with_another_entry(
    made: RecordedDonation, database: Database, way: UndoWay, entry: make.Booked, state: SentBackState
) -> None:
    refund = factory.went_back(made)
    ask_undo(refund, way, by=903)
    with pytest.raises(recorded_refund.UndoAsked):
        ask_undo(refund, way, by=904)
    with pytest.raises(recorded_refund.OwnSentBack):
        act(refund, "undo", by=903)
    for _ in range(2):  # pressed twice, it is one entry
        act(refund, "undo", by=901)
    assert make.booked()[1:] == [REFUND, entry]
    assert (again(refund).state, factory.available(), all_failing(database)) == (state, 30_000, [])
    factory.asked_back(made, amount_minor=30_000)  # all of it may go back again


@pytest.mark.parametrize("way", list(UndoWay))
def test_what_came_back_of_spent_money_returns_to_the_general_fund(
    made: RecordedDonation, database: Database, way: UndoWay
) -> None:
    approve(25_000)
    refund = factory.went_back(made)
    ask_undo(refund, way)
    act(refund, "undo", by=901)
    assert make.booked()[-1] == make.Booked("shortfall_covered", "yunxi", "fund:yunxi", "general", 5_000)
    assert (factory.available(), all_failing(database)) == (5_000, [])


def test_it_may_be_said_to_stand_after_all(made: RecordedDonation) -> None:
    refund = factory.went_back(made)
    ask_undo(refund)
    act(refund, "keep")
    with pytest.raises(recorded.DecidedAlready):
        act(refund, "keep")
    with pytest.raises(recorded.DecidedAlready):
        act(refund, "undo", by=901)
    assert make.booked()[1:] == [REFUND]


def test_it_cannot_come_back_before_it_was_sent(made: RecordedDonation) -> None:
    refund = factory.went_back(made)
    early = refund.sent_on - timedelta(days=1)
    with pytest.raises(recorded_refund.BackBeforeItWasSent):
        act(refund, "ask_undo", by=903, way=UndoWay.RETURNED, on=early, reason="x")
    with pytest.raises(recorded_refund.NotSentBack):
        ask_undo(factory.asked_back(made))


@pytest.mark.parametrize("column", ["amount_minor", "recorded_id", "reference", "sent_on", "asked_by"])
def test_what_was_said_is_never_edited(made: RecordedDonation, column: str) -> None:
    factory.asked_back(made)
    with pytest.raises(Exception, match="permission denied"), transaction() as session:
        session.execute(text(f"UPDATE recorded_refund SET {column} = {column}"))


@pytest.mark.parametrize(
    "fault",
    [
        "UPDATE recorded_refund SET amount_minor = amount_minor + 1",
        "UPDATE recorded_refund SET amount_minor = 30001, state = 'asked', entry_id = NULL, decided_at = NULL",
        "UPDATE recorded_refund SET state = 'returned', undo_entry_id = entry_id, undo_way = 'returned', undo_on = sent_on,"
        " undo_asked_by = 1",
        "UPDATE recorded_donation SET state = 'reversed'",
    ],
)
def test_a_transfer_that_the_ledger_does_not_hold_is_found(
    made: RecordedDonation, database: Database, fault: str
) -> None:
    factory.went_back(made)
    assert all_failing(database) == []
    with database.transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(fault))
    assert "money_sent_back_is_booked" in all_failing(database)


def test_its_words_are_erased_after_a_time(made: RecordedDonation) -> None:
    refund, waiting = factory.went_back(made), factory.asked_back(made)
    with transaction(Role.OWNER) as session:
        session.execute(text("UPDATE recorded_refund SET asked_at = asked_at - interval '541 days'"))
    with transaction(Role.ERASER) as session:
        assert forget_refund_words(session) == 1
    with reading() as session:
        assert session.scalars(text("SELECT refund_id FROM recorded_refund_note")).all() == [waiting.id]
    ask_undo(refund)  # whose words were erased may still be undone
