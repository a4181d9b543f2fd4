"""Random lives of two funds of one book: whatever happens in whatever order, neither may spend what it does not hold.

Donations, refunds, disputes, recordings and their reversals, disbursements, settlements that arrive or fail. The checks
hold after every step, and once all is settled each fund may spend exactly what it holds.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_tests
from hypothesis import strategies as st
from sqlalchemy import select, text

from donate import clock
from donate.db import Database, transaction
from donate.errors import DonateError
from donate.giving import recorded
from donate.giving.checks import ALL_CHECKS
from donate.giving.merchants import merchant_of
from donate.giving.models import Checkout
from donate.giving.recorded_models import RecordedDonation
from donate.giving.refund_sync import refresh_charge
from donate.giving.shortfall import level_all
from donate.ledger import books, stock
from donate.ledger.chart import Reason
from donate.ledger.checks import run_checks
from donate.ledger.journal import Leg, NewEntry
from donate.payments.models import SandboxObject
from donate.payments.sandbox import disputes, payouts
from donate.payments.sandbox import refunds as sandbox
from donate.payments.sandbox.faults import Fault
from donate.sequencer import drain
from donate.settings import Settings
from tests import conftest
from tests.giving import back, recorded_factories
from tests.giving import factories as giving
from tests.settling import factories as make

CAMPAIGNS = ("yunxi", "second")
ALWAYS = frozenset(
    {
        "funds_are_not_negative",
        "stock_equals_ledger",
        "stock_is_within_the_fund",
        "releases_are_covered",
        "settlement_shares_are_whole",
        "late_shares_are_whole",
        "funds_got_what_was_settled",
        "refunds_are_booked",
        "disputed_money_equals_open_disputes",
        "shortfalls_are_covered",
        "what_went_back_is_kept_back",
    }
)
KINDS = ("give", "refund", "fail", "dispute", "close", "record", "reverse", "spend", "days", "turn back")


@dataclass(frozen=True)
class Step:
    """One thing that happens; `which` and `figure` choose of what and how much, `is_told` whether we hear of it now."""

    kind: str
    which: int
    figure: int
    is_told: bool


STEPS = st.lists(
    st.builds(Step, st.sampled_from(KINDS), st.integers(0, 9), st.integers(100, 9_000), st.booleans()),
    min_size=4,
    max_size=14,
)


class World:
    """Two funds with a payee, a fund of another host, and what happened to them."""

    def __init__(self, settings: Settings, database: Database, at: ExitStack) -> None:
        self.settings, self.database, self.at = settings, database, at
        self.now = clock.now()
        self.checkouts: list[Checkout] = []
        giving.raising()
        giving.raising("second", beside="yunxi")
        giving.noise()
        self.book_id = recorded_factories.book_of().id
        with transaction() as session:
            books.open_account(session, book_id=self.book_id, code="payable:school")

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)
        self.at.enter_context(clock.frozen_at(self.now))
        make.pass_time()

    def take(self, step: Step) -> None:
        actions: dict[str, Callable[[Step], None]] = {
            "give": self.give,
            "refund": self.refund,
            "fail": self.fail,
            "dispute": self.dispute,
            "close": self.close,
            "record": lambda step: self.record(step),
            "reverse": self.reverse,
            "spend": self.spend,
            "days": lambda step: self.pass_days(1 + step.which),
            "turn back": self.turn_back,
        }
        try:
            actions[step.kind](step)
        except (Fault, DonateError, LookupError):
            return  # what is not allowed does not happen
        finally:
            if step.kind == "days" or step.figure % 5 == 0:
                make.run(self.settings, repair=step.is_told)

    def give(self, step: Step) -> None:
        lines = (("yunxi", step.figure), ("second", 500 + step.figure // 2))
        self.checkouts.append(make.give(self.settings, *lines[: 1 + step.which % 2]))

    def chosen(self, step: Step) -> Checkout:
        if not self.checkouts:
            raise LookupError
        return self.checkouts[step.which % len(self.checkouts)]

    def hear(self, made: Checkout, step: Step) -> None:
        if step.is_told:
            refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), self.settings)

    def refund(self, step: Step) -> None:
        made = self.chosen(step)
        with transaction() as session:
            sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(made), step.figure)
        self.hear(made, step)

    def fail(self, step: Step) -> None:
        with transaction() as session:
            sandbox.fail_refund(session, make.MERCHANT, self.object_of("refund", step))
        for made in self.checkouts:
            self.hear(made, step)

    def dispute(self, step: Step) -> None:
        made = self.chosen(step)
        with transaction() as session:
            disputes.open_dispute(session, make.MERCHANT, back.charge_of(made))
        self.hear(made, step)

    def close(self, step: Step) -> None:
        with transaction() as session:
            disputes.close_dispute(session, make.MERCHANT, self.object_of("dispute", step), won=step.figure % 2 == 0)
        for made in self.checkouts:
            self.hear(made, step)

    def object_of(self, kind: str, step: Step) -> str:
        with transaction() as session:
            found = session.scalars(select(SandboxObject.object_id).filter_by(kind=kind).order_by(SandboxObject.number))
            ids = list(found)
        if not ids:
            raise LookupError
        return ids[step.which % len(ids)]

    def record(self, step: Step) -> None:
        recorded_factories.confirmed(amount_minor=step.figure, campaign_ref=CAMPAIGNS[step.which % 2])

    def reverse(self, step: Step) -> None:
        with transaction() as session:
            row = session.scalars(select(RecordedDonation).filter_by(state="confirmed").limit(1)).one_or_none()
            if row is None:
                raise LookupError
            recorded.ask_reversal(session, row, by=903, reason="twice")
            recorded.book_reversal(session, row, by=901)

    def spend(self, step: Step) -> None:
        campaign = CAMPAIGNS[step.which % 2]
        amount_minor = max(1, make.available(campaign) if step.is_told else step.figure)
        entry = NewEntry(
            book_id=self.book_id,
            reason=Reason.DISBURSEMENT_APPROVED,
            idempotency_key=f"disbursement:{len(giving.booked())}",
            effective_on=clock.now().date(),
            legs=(Leg(debit=f"fund:{campaign}", credit="payable:school", amount_minor=amount_minor),),
            campaign=campaign,
        )
        with transaction() as session:
            stock.authorise(session, entry)

    def turn_back(self, step: Step) -> None:
        with transaction() as session:
            payouts.fail_payout(session, make.MERCHANT, self.object_of("payout", step))

    def finish(self) -> None:
        """Everything is heard of and settled: with so much money that the provider owes nothing at the end."""
        self.checkouts.append(make.give(self.settings, ("yunxi", 900_000), ("second", 900_000)))
        for _ in range(3):
            self.pass_days(9)
            make.run(self.settings, repair=True)
        level_all()

    def broken(self) -> list[str]:
        drain(self.database)
        with self.database.reading() as session:
            results = run_checks(session, [check for check in ALL_CHECKS if check.name in ALWAYS])
        return [f"{result.name} {result.offending}" for result in results if not result.is_ok]

    def may_spend_and_holds(self) -> list[tuple[int, int]]:
        statement = """
            SELECT coalesce(sum(CASE WHEN debit.code = 'disputed' THEN leg.amount_minor ELSE -leg.amount_minor END), 0)
            FROM entry JOIN transfer leg ON leg.entry_id = entry.id
            JOIN account debit ON debit.id = leg.debit_id JOIN account credit ON credit.id = leg.credit_id
            WHERE entry.campaign = :campaign AND 'disputed' IN (debit.code, credit.code)
        """
        found = []
        balances = back.balances()
        for campaign in CAMPAIGNS:
            with transaction() as session:
                disputed = int(session.execute(text(statement), {"campaign": campaign}).scalar_one())
            found.append((make.available(campaign), -balances.get(f"fund:{campaign}", 0) - disputed))
        return found


def live(steps: list[Step], database: Database, settings: Settings) -> None:
    conftest.empty(database)
    with ExitStack() as at:
        world = World(settings, database, at)
        for number, step in enumerate(steps):
            world.take(step)
            level_all()
            assert world.broken() == [], (number, step)
        world.finish()
        assert world.broken() == []
        for may_spend, holds in world.may_spend_and_holds():
            assert may_spend == holds


@settings_of_tests(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_whatever_happens_a_fund_spends_only_what_it_holds(
    database: Database, settings: Settings, steps: list[Step]
) -> None:
    live(steps, database, settings)


@pytest.mark.long
@settings_of_tests(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_whatever_happens_a_fund_spends_only_what_it_holds_for_many_lives(
    database: Database, settings: Settings, steps: list[Step]
) -> None:
    live(steps, database, settings)
