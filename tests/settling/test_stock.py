"""What a fund may spend follows its settled money in any order of events: it never exceeds what the fund holds."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from donate import clock
from donate.db import Database, Role, transaction
from donate.giving import recorded
from donate.giving.checks import ALL_CHECKS
from donate.giving.merchants import merchant_of
from donate.giving.models import Checkout
from donate.giving.recorded_models import RecordedDonation
from donate.giving.refund_sync import refresh_charge
from donate.ledger import books, stock
from donate.ledger.chart import Reason
from donate.ledger.checks import run_checks
from donate.ledger.journal import Leg, NewEntry
from donate.payments.sandbox import disputes, payouts
from donate.payments.sandbox import refunds as sandbox
from donate.sequencer import drain
from donate.settings import Settings
from tests.giving import back, recorded_factories
from tests.giving import factories as giving
from tests.settling import factories as make


@pytest.fixture(autouse=True)
def book_id(database: Database) -> int:
    """A campaign with a payee, one beside it in the same book, and one of another host."""
    giving.raising()
    giving.raising("second", beside="yunxi")
    giving.noise()
    found = recorded_factories.book_of().id
    with transaction() as session:
        books.open_account(session, book_id=found, code="payable:school")
    return found


def disburse(book_id: int, amount_minor: int, key: str = "disbursement:1") -> None:
    entry = NewEntry(
        book_id=book_id,
        reason=Reason.DISBURSEMENT_APPROVED,
        idempotency_key=key,
        effective_on=clock.now().date(),
        legs=(Leg(debit="fund:yunxi", credit="payable:school", amount_minor=amount_minor),),
        campaign="yunxi",
    )
    with transaction() as session:
        stock.authorise(session, entry)


def refused(book_id: int, amount_minor: int = 1, key: str = "disbursement:2") -> bool:
    try:
        disburse(book_id, amount_minor, key)
    except stock.FundOverdrawn:
        return True
    return False


def reverse(made: RecordedDonation) -> None:
    with transaction() as session:
        row = session.get_one(RecordedDonation, made.id)
        recorded.ask_reversal(session, row, by=903, reason="entered twice")
        recorded.book_reversal(session, row, by=901)


def refund(made: Checkout, settings: Settings, amount_minor: int | None = None) -> None:
    with transaction() as session:
        sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(made), amount_minor)
    refreshed(made, settings)


def refreshed(made: Checkout, settings: Settings) -> None:
    refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)


def fail_refund() -> None:
    with transaction() as session:
        refund_id = session.execute(text("SELECT max(refund_id) FROM refund")).scalar_one()
        sandbox.fail_refund(session, make.MERCHANT, refund_id)


def settle(settings: Settings, days: float = 8) -> None:
    """Let the provider pay out all that it holds, and hear of it."""
    with make.days_later(days):
        make.run(settings)
        make.pay_out()
        with make.days_later(3):
            make.run(settings)


def held(campaign: str = "yunxi") -> int:
    return -back.balances().get(f"fund:{campaign}", 0)


def red(database: Database) -> list[str]:
    drain(database)
    with database.reading() as session:
        return [result.name for result in run_checks(session, ALL_CHECKS) if not result.is_ok]


@pytest.fixture
def settled(settings: Settings, book_id: int) -> Any:
    """100.00 for yunxi and 200.00 for the campaign beside it, at the bank; some days later."""
    made = make.give(settings, ("yunxi", 10_000))
    make.give(settings, ("second", 20_000))
    with make.days_later(8):
        make.run(settings)
        make.pay_out()
        with make.days_later(3):
            make.run(settings)
            yield made


def test_a_recording_reversed_after_it_was_spent_is_owed_to_the_next_settlement(
    settings: Settings, book_id: int, database: Database
) -> None:
    made = recorded_factories.confirmed(amount_minor=10_000)
    disburse(book_id, 10_000)
    make.give(settings, ("yunxi", 10_000))
    make.give(settings, ("second", 20_000))
    with make.days_later(1):
        make.run(settings)
        reverse(made)
        assert make.available() == -10_000
    with make.days_later(9):
        make.pay_out()
        with make.days_later(3):
            make.run(settings)
            assert (make.available(), held()) == (-60, 0)  # the fee is still owed; the general fund gave it
            assert make.available("second") == 19_880
            assert refused(book_id)
            assert red(database) == []


def test_a_refund_of_settled_money_cannot_be_spent_before_the_next_settlement(
    settings: Settings, settled: Checkout, book_id: int, database: Database
) -> None:
    assert (make.available(), make.available("second")) == (9_940, 19_880)
    refund(settled, settings)
    assert refused(book_id)
    assert (make.available(), make.available("second")) == (-60, 19_880)
    assert red(database) == []
    settle(settings)
    assert (make.available(), make.available("second")) == (-60, 19_880)
    assert red(database) == []


def test_a_part_that_was_refunded_leaves_the_rest_to_be_spent_and_counts_once(
    settings: Settings, settled: Checkout, book_id: int, database: Database
) -> None:
    refund(settled, settings, 4_000)
    refreshed(settled, settings)
    assert make.available() == 5_940
    settle(settings)
    assert make.available() == 5_940
    disburse(book_id, 5_940)
    assert refused(book_id)
    assert red(database) == []


def test_a_refund_that_fails_frees_its_money_again(settings: Settings, settled: Checkout, database: Database) -> None:
    refund(settled, settings)
    fail_refund()
    refreshed(settled, settings)
    assert make.available() == 9_940
    assert red(database) == []
    settle(settings)
    assert make.available() == 9_940
    assert red(database) == []


def test_a_refund_that_fails_after_it_was_settled_may_be_spent_with_its_own_settlement(
    settings: Settings, settled: Checkout, database: Database
) -> None:
    make.give(settings, ("second", 50_000))
    refund(settled, settings)
    with make.days_later(8):
        make.run(settings)
        make.pay_out()
        with make.days_later(3):
            make.run(settings)
            assert make.available() == -60
            fail_refund()
            refreshed(settled, settings)
            assert make.available() == -60  # at the provider again, not at the bank
            make.give(settings, ("second", 50_000))
            with make.days_later(8):
                make.run(settings)
                make.pay_out()
                with make.days_later(3):
                    make.run(settings)
                    assert make.available() == 9_940
                    assert red(database) == []


@pytest.mark.parametrize(("won", "left"), [(True, 9_940), (False, -60)])
def test_disputed_money_cannot_be_spent_while_the_dispute_runs(
    settings: Settings, settled: Checkout, book_id: int, database: Database, won: bool, left: int
) -> None:
    with transaction() as session:
        dispute_id = disputes.open_dispute(session, make.MERCHANT, back.charge_of(settled)).object_id
    refreshed(settled, settings)
    assert make.available() == -60
    assert refused(book_id)
    assert red(database) == []
    with transaction() as session:
        disputes.close_dispute(session, make.MERCHANT, dispute_id, won=won)
    refreshed(settled, settings)
    assert make.available() == left
    settle(settings)
    assert make.available() == left
    assert red(database) == []


def test_a_refund_of_money_that_was_never_settled_takes_nothing_but_its_fee(
    settings: Settings, settled: Checkout, database: Database
) -> None:
    later = make.give(settings, ("yunxi", 5_000))
    make.run(settings)
    refund(later, settings)
    assert make.available() == 9_940 - 30
    assert red(database) == []
    settle(settings)
    assert make.available() == 9_940 - 30
    assert red(database) == []


def test_a_refund_whose_payment_is_settled_first_is_kept_back_from_then_on(
    settings: Settings, book_id: int, database: Database
) -> None:
    made = make.give(settings, ("yunxi", 10_000))
    with make.days_later(8):
        make.run(settings)
        payout = make.pay_out()  # on its way, without the refund
        with make.days_later(1):
            refund(made, settings)
            assert make.available() == -60
            with make.days_later(2):
                make.run(settings)
                assert make.settlement().payout_id == payout
                assert make.available() == -60
                assert refused(book_id)
                assert red(database) == []


def test_a_settlement_that_fails_and_is_paid_again_brings_and_takes_the_same(
    settings: Settings, settled: Checkout, database: Database
) -> None:
    make.give(settings, ("yunxi", 30_000))
    refund(settled, settings)
    with make.days_later(8):
        make.run(settings)
        second = make.pay_out()
        with make.days_later(3):
            make.run(settings)
            assert make.available() == 29_760
            with transaction() as session:
                payouts.fail_payout(session, make.MERCHANT, second)
            make.run(settings)
            assert make.available() == -60
            assert red(database) == []
            make.pay_out()
            with make.days_later(3):
                make.run(settings)
                assert make.available() == 29_760
                assert red(database) == []


def at_once(database: Database, *works: Callable[[], object]) -> list[str]:
    return sorted(back.at_once(database, *works))


@pytest.mark.parametrize("turn", range(4))
def test_two_approvals_and_a_refund_at_once_never_spend_what_went_back(
    settings: Settings, settled: Checkout, book_id: int, database: Database, turn: int
) -> None:
    with transaction() as session:
        sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(settled), 4_000)
    works = [
        partial(disburse, book_id, 5_000, "disbursement:1"),
        partial(disburse, book_id, 5_000, "disbursement:2"),
        partial(refreshed, settled, settings),
    ]
    ended = at_once(database, *works[turn % 3 :], *works[: turn % 3])
    assert ended == ["FundOverdrawn", "done", "done"]
    assert (make.available(), held()) == (940, 940)
    assert red(database) == []


@pytest.mark.parametrize("turn", range(3))
def test_approvals_that_came_before_a_refund_of_that_moment_stand_and_are_covered(
    settings: Settings, settled: Checkout, book_id: int, database: Database, turn: int
) -> None:
    with transaction() as session:
        sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(settled), 4_000)
    works = [
        partial(disburse, book_id, 4_900, "disbursement:1"),
        partial(refreshed, settled, settings),
        partial(disburse, book_id, 4_900, "disbursement:2"),
    ]
    approved = at_once(database, *works[turn:], *works[:turn]).count("done") - 1
    assert approved in (1, 2)
    assert make.available() == 9_940 - 4_000 - 4_900 * approved
    assert (held(), back.balances().get("general", 0)) == {1: (1_040, 0), 2: (0, 3_860)}[approved]
    assert red(database) == []


def test_an_approval_just_before_the_refund_leaves_a_shortfall_that_is_covered_and_owed(
    settings: Settings, settled: Checkout, book_id: int, database: Database
) -> None:
    disburse(book_id, 9_940)
    refund(settled, settings)
    assert (make.available(), held()) == (-10_000, 0)
    assert back.balances()["general"] == 10_000
    assert red(database) == []
    make.give(settings, ("yunxi", 30_000))
    settle(settings)
    # The donations that stayed pay for what was spent: the general fund has its money again.
    assert (make.available(), held(), back.balances().get("general", 0)) == (19_820, 19_820, 0)
    assert red(database) == []


FAULTS = {
    "stock_is_within_the_fund": """
        WITH late AS (DELETE FROM fund_hold RETURNING account_id, amount_minor)
        UPDATE fund_stock SET available_minor = available_minor + late.amount_minor
        FROM late WHERE late.account_id = fund_stock.account_id
        """,
    "what_went_back_is_kept_back": "UPDATE refund_part SET donation_id = donation_id + 1",
    "stock_equals_ledger": "DELETE FROM fund_hold",
    "funds_got_what_was_settled": """
        UPDATE settlement_share SET due_minor = due_minor + CASE code WHEN 'fund:yunxi' THEN 1 ELSE -1 END
        """,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(settings: Settings, settled: Checkout, database: Database, name: str) -> None:
    refund(settled, settings)
    assert red(database) == []
    with database.transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(FAULTS[name]))
    assert name in red(database)
