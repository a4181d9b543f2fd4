"""Official receipts beside money that goes back in the same moment: none is asked for or issued over what is gone."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from donate.db import Database, bind, reading, transaction
from donate.errors import DonateError
from donate.giving import official, official_batch, recorded
from donate.giving.charges import payment_of_checkout
from donate.giving.models import Checkout
from donate.giving.official_models import OfficialReceipt, OfficialState
from donate.giving.recorded_models import RecordedDonation
from donate.giving.refund_models import RefundOrigin
from donate.giving.refund_sync import send_refund
from donate.giving.refunds import authorise_refund
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as make
from tests.giving import recorded_factories as factory

TO = official.MadeOutTo("北京某某有限公司", None, None)
LONG = 20.0


@pytest.fixture
def made(database: Database, settings: Settings) -> Checkout:
    make.raising()
    return back.paid(settings)


def ask(session: Session, secret: str) -> None:
    official.ask(session, official.donations_behind(session, secret), TO)


def asked(secret: str) -> OfficialReceipt:
    with transaction() as session:
        ask(session, secret)
        return session.scalars(select(OfficialReceipt)).one()


def issue(session: Session, number: str = "0012") -> None:
    official.issue(session, session.scalars(select(OfficialReceipt)).one(), number=number, by=902)


def states() -> list[tuple[str, int]]:
    with reading() as session:
        return [(row.state, row.amount_minor) for row in session.scalars(select(OfficialReceipt))]


def authorise(session: Session, made: Checkout, amount_minor: int) -> None:
    payment = payment_of_checkout(session, made.id)
    assert payment is not None
    authorise_refund(session, payment, origin=RefundOrigin.STAFF, by=1, amount_minor=amount_minor, note="by phone")


def waits_for(database: Database, first: Callable[[Session], None], second: Callable[[Session], None]) -> str:
    """Begin `second` in another connection while `first` is done and not committed; what becomes of the second."""
    begun = threading.Event()

    def run() -> str:
        bind(database)
        try:
            with transaction() as session:
                begun.set()
                second(session)
        except DonateError as error:
            return type(error).__name__
        return "done"

    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            first(session)
            session.flush()
            result: Future[str] = pool.submit(run)
            assert begun.wait(LONG)
            with pytest.raises(TimeoutError):
                result.result(timeout=0.5)  # it waits for us
        return result.result(timeout=LONG)


def test_what_was_refunded_since_the_page_was_read_is_not_receipted(made: Checkout, settings: Settings) -> None:
    with pytest.raises(official.NothingToAskFor), transaction() as session:
        behind = official.donations_behind(session, made.secret)
        send_refund(back.asked_for(made).public_id, settings)
        official.ask(session, behind, TO)
    assert states() == []


def test_of_a_part_refunded_since_only_the_rest_is_receipted(made: Checkout, settings: Settings) -> None:
    with transaction() as session:
        behind = official.donations_behind(session, made.secret)
        send_refund(back.asked_for(made, 600).public_id, settings)
        official.ask(session, behind, TO)
    assert states() == [("requested", 900)]


def test_a_refund_waits_for_who_asks_and_then_voids(made: Checkout, database: Database, settings: Settings) -> None:
    assert waits_for(database, lambda one: ask(one, made.secret), lambda one: authorise(one, made, 600)) == "done"
    with transaction() as session:
        send_refund(session.execute(text("SELECT public_id FROM refund")).scalar_one(), settings)
    assert states() == [("voided", 1500)]


def test_who_asks_waits_for_a_refund_and_gets_the_rest(made: Checkout, database: Database) -> None:
    assert waits_for(database, lambda one: authorise(one, made, 600), lambda one: ask(one, made.secret)) == "done"
    assert states() == [("requested", 900)]


def test_nothing_is_issued_over_money_that_is_on_its_way_back(made: Checkout) -> None:
    asked(made.secret)
    back.asked_for(made, 600)
    with pytest.raises(official.LessIsLeft, match=r"over 15\.00 CNY, and 9\.00 CNY is left"), transaction() as session:
        issue(session)
    assert states() == [("requested", 1500)]
    with transaction() as session:  # the provider said no: nothing went back
        session.execute(text("UPDATE refund SET state = 'refused', next_sync_at = NULL"))
    with transaction() as session:
        issue(session)
    assert states() == [("issued", 1500)]


def test_who_issues_waits_for_a_refund_and_is_refused(made: Checkout, database: Database) -> None:
    asked(made.secret)
    assert waits_for(database, lambda one: authorise(one, made, 600), issue) == "LessIsLeft"
    assert states() == [("requested", 1500)]


def test_a_refund_waits_for_who_issues_and_then_voids(made: Checkout, database: Database, settings: Settings) -> None:
    asked(made.secret)
    assert waits_for(database, issue, lambda one: authorise(one, made, 600)) == "done"
    with transaction() as session:
        send_refund(session.execute(text("SELECT public_id FROM refund")).scalar_one(), settings)
    assert states() == [("voided", 1500)]


def test_a_file_of_numbers_leaves_out_what_went_back_since(made: Checkout) -> None:
    receipt = asked(made.secret)
    rows = official_batch.read_numbers(f"receipt,number\n{receipt.public_id},C-1\n".encode())
    back.asked_for(made, 600)
    with transaction() as session:
        (judged,) = official_batch.judge_numbers(session, [receipt.host], rows).rows
        assert (judged.verdict.value, type(judged.error)) == ("bad", official.LessIsLeft)
        assert official_batch.issue_batch(session, [receipt.host], rows, by=902) == 0
    assert states() == [("requested", 1500)]


def test_a_file_of_numbers_waits_for_a_refund_and_issues_nothing(made: Checkout, database: Database) -> None:
    receipt = asked(made.secret)
    rows = official_batch.read_numbers(f"receipt,number\n{receipt.public_id},C-1\n".encode())

    def batch(session: Session) -> None:
        official_batch.issue_batch(session, [receipt.host], rows, by=902)

    assert waits_for(database, lambda one: authorise(one, made, 600), batch) == "LessIsLeft"
    assert states() == [("requested", 1500)]


@pytest.mark.parametrize("second", [ask, issue])
def test_a_reversal_of_a_recorded_donation_is_waited_for(database: Database, second: Callable[..., None]) -> None:
    factory.raising()
    booked = factory.confirmed()
    with transaction() as session:
        recorded.ask_reversal(session, session.get_one(RecordedDonation, booked.id), by=903, reason="x")
        if second is issue:
            ask(session, booked.secret)

    def reverse(session: Session) -> None:
        recorded.book_reversal(session, session.get_one(RecordedDonation, booked.id), by=901)

    def then(session: Session) -> None:
        issue(session) if second is issue else ask(session, booked.secret)

    outcome = waits_for(database, reverse, then)
    assert outcome == ("VoidedAlready" if second is issue else "NothingToAskFor")
    assert [state for state, _ in states()] == ([OfficialState.VOIDED] if second is issue else [])
