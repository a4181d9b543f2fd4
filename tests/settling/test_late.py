"""A line whose owner became known after its settlement: its share moves on, and the fund spends what it really has."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from donate import clock
from donate.db import Database, Role, transaction
from donate.giving.checks import ALL_CHECKS
from donate.giving.merchants import merchant_of
from donate.giving.models import Checkout, CheckoutState
from donate.giving.refund_sync import refresh_charge
from donate.ledger.checks import run_checks
from donate.payments.sandbox import payouts
from donate.payments.sandbox import refunds as sandbox
from donate.sequencer import drain
from donate.settings import Settings
from donate.settling.explaining import Outcome, explain
from donate.settling.models import LateShare, Met
from tests.giving import back
from tests.giving import factories as giving
from tests.giving import recorded_factories as recording
from tests.settling import factories as make

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def _raising(database: Database) -> None:
    giving.raising()
    giving.raising("second", beside="yunxi")
    giving.noise()


def red(database: Database) -> list[str]:
    drain(database)
    with database.reading() as session:
        return [result.name for result in run_checks(session, ALL_CHECKS) if not result.is_ok]


def late_shares() -> dict[str, int]:
    with transaction() as session:
        rows = session.execute(select(LateShare.code, LateShare.due_minor).order_by(LateShare.code))
        return dict(rows.all())


def held() -> int:
    return -back.balances().get("fund:yunxi", 0)


def refreshed(made: Checkout, settings: Settings) -> None:
    refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)


@contextmanager
def unheard(monkeypatch: pytest.MonkeyPatch, *what: str) -> Iterator[None]:
    """Messages that say whose a line is cannot be handled meanwhile."""

    def fail(*_: object, **__: object) -> None:
        raise LookupError

    with monkeypatch.context() as patch:
        for name in what:
            patch.setattr(name, fail)
        yield


@pytest.fixture
def refund_in_suspense(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    """15.00 was settled with a refund of 4.00 of which nothing is known: 14.91 for the fund, -4.00 from suspense."""
    made = make.give(settings)
    make.give(settings, ("second", 2_000))
    with make.days_later(1):
        make.run(settings)
        with transaction() as session:
            sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(made), 400)
        with unheard(monkeypatch, "donate.giving.refund_sync.refresh_charge"):
            with clock.frozen_at(clock.now() + timedelta(hours=2)):
                make.run(settings)
            with make.days_later(8):
                make.pay_out()
                with make.days_later(3):
                    make.run(settings)
        with make.days_later(12):
            yield made


def test_a_refund_known_after_its_settlement_lowers_what_the_fund_may_spend(
    settings: Settings, refund_in_suspense: Checkout, database: Database
) -> None:
    assert (make.available(), held()) == (1491, 1491)
    refreshed(refund_in_suspense, settings)
    assert (make.available(), held()) == (1091, 1091)
    make.run(settings, repair=True)
    assert (make.available(), held(), make.balance_of("suspense")) == (1091, 1091, 0)
    assert late_shares() == {"fund:yunxi": -400, "suspense": 400}
    assert make.kinds(make.run(settings, repair=True)) == []
    assert (make.available(), make.available("second")) == (1091, 1988)
    assert red(database) == []


def test_what_staff_explained_before_it_was_known_goes_to_its_owner_as_well(
    settings: Settings, refund_in_suspense: Checkout, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = [one for one in make.lines() if one.met == Met.SUSPENSE]
    monkeypatch.setattr("donate.settling.explaining.refuse_while_a_message_waits", lambda *_: None)
    general = make.balance_of("general")
    with transaction() as session:
        explain(session, line.id, Outcome.GENERAL, by=905, note="made in the dashboard")
    refreshed(refund_in_suspense, settings)
    make.run(settings, repair=True)
    assert (make.available(), held(), make.balance_of("suspense")) == (1091, 1091, 0)
    assert make.balance_of("general") == general
    assert late_shares() == {"fund:yunxi": -400, "suspense": 400}
    assert make.kinds(make.run(settings, repair=True)) == []
    assert red(database) == []


def test_staff_who_name_its_owner_do_the_same(
    settings: Settings, refund_in_suspense: Checkout, database: Database
) -> None:
    refreshed(refund_in_suspense, settings)
    (line,) = [one for one in make.lines() if one.met == Met.SUSPENSE]
    with transaction() as session:
        explain(session, line.id, Outcome.OWNER, by=905, note="the refund of that day")
    assert (make.available(), late_shares()) == (1091, {"fund:yunxi": -400, "suspense": 400})
    assert red(database) == []


def test_the_settlements_page_says_what_moved_later(
    client: FlaskClient, settings: Settings, refund_in_suspense: Checkout
) -> None:
    refreshed(refund_in_suspense, settings)
    make.run(settings, repair=True)
    recording.sign_in(client)
    page = client.get(f"/en/desk/settlements/{make.settlement().id}").text
    assert page.count("Owner known later") == 2
    assert "−¥4.00" in page


def test_a_settlement_turned_back_after_that_takes_each_share_where_it_is_now(
    settings: Settings, refund_in_suspense: Checkout, database: Database
) -> None:
    refreshed(refund_in_suspense, settings)
    make.run(settings, repair=True)
    payout_id = make.settlement().payout_id
    with transaction() as session:
        payouts.fail_payout(session, make.MERCHANT, payout_id)
    make.run(settings)
    assert make.available() == -400  # the payment counts as settled once, so its refund is kept back
    assert red(database) == []
    make.pay_out()
    with make.days_later(3):
        make.run(settings)
        assert (make.available(), make.available("second")) == (1091, 1988)
        assert red(database) == []


def test_one_known_while_its_settlement_is_turned_back_moves_nothing_by_itself(
    settings: Settings, refund_in_suspense: Checkout, database: Database
) -> None:
    payout_id = make.settlement().payout_id
    with transaction() as session:
        payouts.fail_payout(session, make.MERCHANT, payout_id)
    make.run(settings)
    refreshed(refund_in_suspense, settings)
    make.run(settings, repair=True)
    assert late_shares() == {}
    make.pay_out()
    with make.days_later(3):
        make.run(settings)
        assert (make.available(), make.available("second")) == (1091, 1988)
        assert red(database) == []


@pytest.fixture
def payment_in_suspense(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    """15.00 was settled before its charge was known to be its: 14.91 for suspense."""
    make.give(settings, ("second", 2_000))
    with make.days_later(1):
        make.run(settings)
        made = make.give(settings)
        unhandled = "donate.giving.sync.ask_about", "donate.giving.booking.move_all_towards"
        with unheard(monkeypatch, *unhandled), monkeypatch.context() as patch:
            patch.setattr("donate.settling.lines._ask", lambda *_, **__: None)
            patch.setattr("donate.settling.reconcile._ask_about_checkouts", lambda *_: None)
            with make.days_later(1):
                make.run(settings)
                with make.days_later(8):
                    make.pay_out()
                    with make.days_later(3):
                        make.run(settings)
        with make.days_later(13):
            yield made


def test_a_payment_known_after_its_settlement_may_be_spent(
    settings: Settings, payment_in_suspense: Checkout, database: Database
) -> None:
    assert (make.available(), make.share_codes()["suspense"]) == (0, 1491)
    make.run(settings)
    assert (make.available(), held()) == (0, 1491)
    make.run(settings, repair=True)
    assert (make.available(), held(), make.balance_of("suspense")) == (1491, 1491, 0)
    assert late_shares() == {"fund:yunxi": 1491, "suspense": -1491}
    assert giving.checkout(payment_in_suspense.public_id).state == CheckoutState.SETTLED
    assert red(database) == []


def test_a_payment_that_was_refunded_as_well_brings_what_stayed(
    settings: Settings, payment_in_suspense: Checkout, database: Database
) -> None:
    make.run(settings)
    with transaction() as session:
        sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(payment_in_suspense), 400)
    refreshed(payment_in_suspense, settings)
    make.run(settings, repair=True)
    assert (make.available(), held()) == (1091, 1091)
    assert red(database) == []


FAULTS = {
    "late_shares_are_whole": "UPDATE late_share SET due_minor = due_minor + 1 WHERE code = 'suspense'",
    "funds_got_what_was_settled": "UPDATE late_share SET due_minor = due_minor * 2",
}


@pytest.mark.parametrize("name", [*FAULTS, "stock_is_within_the_fund"])
def test_a_planted_fault_is_found(
    settings: Settings, refund_in_suspense: Checkout, database: Database, name: str
) -> None:
    refreshed(refund_in_suspense, settings)
    make.run(settings, repair=True)
    assert red(database) == []
    with database.transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(FAULTS.get(name, "UPDATE fund_stock SET available_minor = available_minor + 400")))
    assert name in red(database)
