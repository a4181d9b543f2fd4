"""What the general fund gives to a fund that went short: by what is booked in the end, whatever came first."""

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import text

from donate import clock
from donate.db import Database, Role, transaction
from donate.giving import recorded
from donate.giving.booking import move_towards
from donate.giving.merchants import merchant_of
from donate.giving.models import Checkout
from donate.giving.recorded_models import RecordedDonation
from donate.giving.refund_checks import MONEY_BACK_CHECKS
from donate.giving.refund_sync import refresh_charge, sync_money_back
from donate.giving.shortfall import level_all
from donate.giving.sync import sync_checkout
from donate.ledger import books, stock
from donate.ledger.chart import Reason
from donate.ledger.checks import run_checks
from donate.ledger.journal import Leg, NewEntry
from donate.payments.sandbox import disputes
from donate.payments.sandbox import refunds as sandbox
from donate.settings import Settings
from tests import conftest
from tests.giving import back
from tests.giving import factories as make
from tests.giving import recorded_factories as recording

MARKS = ("a refunded", "b paid", "c disputed")


def refreshed(made: Checkout, settings: Settings) -> None:
    refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)


def red(database: Database) -> list[str]:
    with database.reading() as session:
        return [result.name for result in run_checks(session, MONEY_BACK_CHECKS) if not result.is_ok]


def world(settings: Settings) -> dict[str, Callable[[], object]]:
    """Three payments to one fund at the provider: one refunded whole, one kept, one disputed and lost; none told yet."""
    make.raising()
    make.raising("second", beside="yunxi")
    make.noise()
    a, b, c = (make.paid_in_sandbox(settings, ("yunxi", minor), ("second", 700)) for minor in (1500, 900, 2000))
    with transaction() as session:
        sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(a))
        dispute = disputes.open_dispute(session, make.MERCHANT, back.charge_of(c))
        disputes.close_dispute(session, make.MERCHANT, dispute.object_id, won=False)
    return {
        "a refunded": lambda: refreshed(a, settings),
        "b paid": lambda: sync_checkout(b.public_id, settings),
        "c disputed": lambda: refreshed(c, settings),
    }


def test_any_order_of_messages_about_several_payments_ends_with_the_same_cover(
    database: Database, settings: Settings
) -> None:
    ends = []
    now = clock.now()
    for order in permutations(MARKS):
        conftest.empty(database)
        with clock.frozen_at(now):
            told = world(settings)
        with clock.frozen_at(now + make.FEE_KNOWN):
            for mark in order:
                told[mark]()
                assert red(database) == []
            ends.append(back.balances())
    assert all(end == ends[0] for end in ends), ends
    assert min(ends[0].get(f"fund:{ref}", 0) for ref in ("yunxi", "second")) < 0


def booked_twice(settings: Settings) -> tuple[Checkout, Checkout]:
    make.raising()
    make.noise()
    return make.paid_in_sandbox(settings), make.paid_in_sandbox(settings)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_fee_that_a_refund_left_is_borne_by_the_donations_that_stay(
    database: Database, settings: Settings, is_first: bool
) -> None:
    refunded, kept = booked_twice(settings)
    with clock.frozen_at(clock.now() + make.FEE_KNOWN):
        with transaction() as session:
            sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(refunded))
        steps = [
            lambda: refreshed(refunded, settings),
            lambda: sync_checkout(kept.public_id, settings),
        ]
        for step in steps if is_first else reversed(steps):
            step()
    assert back.balances() == {"clearing": 1482, "fund:yunxi": -1482}
    assert red(database) == []


def spent_and_reversed(settings: Settings) -> None:
    """A recording of 300.00 that was spent before it was reversed: the general fund gives it."""
    recording.raising()
    made = recording.confirmed()
    book_id = recording.book_of().id
    spent = NewEntry(
        book_id=book_id,
        reason=Reason.DISBURSEMENT_APPROVED,
        idempotency_key="disbursement:1",
        effective_on=recording.DAY,
        legs=(Leg(debit="fund:yunxi", credit="payable:school", amount_minor=30_000),),
        campaign="yunxi",
    )
    with transaction() as session:
        books.open_account(session, book_id=book_id, code="payable:school")
        stock.authorise(session, spent)
    with transaction() as session:
        row = session.get_one(RecordedDonation, made.id)
        recorded.ask_reversal(session, row, by=903, reason="twice")
        recorded.book_reversal(session, row, by=901)
    assert back.balances()["general"] == 30_000


def test_money_recorded_later_gives_the_general_fund_back_what_it_gave(database: Database, settings: Settings) -> None:
    spent_and_reversed(settings)
    recording.confirmed(amount_minor=20_000)
    assert back.balances()["general"] == 10_000
    batch = recording.enter_batch(recording.uploaded(recording.platform_file("1,150.00,2026-11-20,yunxi,,")))
    recording.confirm_batch(batch)
    assert back.balances().get("general", 0) == 0
    assert -back.balances()["fund:yunxi"] == 5_000 == recording.available()
    assert red(database) == []


def test_the_next_look_gives_back_what_no_message_did(database: Database, settings: Settings) -> None:
    spent_and_reversed(settings)
    with clock.frozen_at(clock.now() - timedelta(hours=2)):
        late = make.opened(settings, ("yunxi", 40_000))
        with transaction() as session:
            move_towards(session.connection(), make.MERCHANT, make.seen(late, charge_id="ch_1"))
        assert back.balances()["general"] == 30_000
    assert red(database) == ["shortfalls_are_covered"]
    sync_money_back(settings)
    assert "general" not in back.balances()
    assert red(database) == []
    assert level_all() == 0


@pytest.mark.parametrize(
    "fault",
    [
        "UPDATE fund_cover SET covered_minor = covered_minor - 1",
        "UPDATE transfer SET amount_minor = amount_minor + 1 "
        "WHERE entry_id = (SELECT id FROM entry WHERE reason = 'disbursement_approved')",
    ],
)
def test_a_fund_that_is_short_beyond_its_cover_is_found(database: Database, settings: Settings, fault: str) -> None:
    spent_and_reversed(settings)
    assert red(database) == []
    with database.transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        assert session.execute(text(fault)).rowcount == 1
    assert red(database) == ["shortfalls_are_covered"]
