"""Random lives of a checkout: whatever order its messages arrive in, the books end up the same, and as the provider's."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from donate import clock
from donate.db import Database, transaction
from donate.errors import DonateError
from donate.giving.checks import GIVING_CHECKS
from donate.giving.merchants import merchant_of
from donate.giving.messages import HANDLERS
from donate.giving.models import Checkout
from donate.giving.refund_checks import MONEY_BACK_CHECKS
from donate.giving.refund_sync import refresh_checkout, send_refund, sync_money_back
from donate.giving.sync import sync_stale
from donate.ledger.checks import run_checks
from donate.payments.events import read_event
from donate.payments.models import SandboxDelivery, SandboxObject
from donate.payments.sandbox import disputes, ripening
from donate.payments.sandbox import refunds as sandbox
from donate.payments.sandbox.faults import Fault
from donate.settings import Settings
from tests import conftest
from tests.giving import back
from tests.giving import factories as make

QUICK, MANY = 12, 300
ORDERS = 3
CAMPAIGNS = ("yunxi", "second", "third")


def live(seed: int, order: int, settings: Settings) -> dict[str, int]:
    """One life, told in one order; the balances afterwards. The life depends on the seed alone, never on the order."""
    life, told = random.Random(seed), random.Random(f"{seed} {order}")
    make.raising()
    for ref in CAMPAIGNS[1:]:
        make.raising(ref, beside="yunxi")
    lines = [(life.choice(CAMPAIGNS), life.randint(400, 3000)) for _ in range(life.randint(1, 4))]
    start = clock.now()
    with clock.frozen_at(start):
        made = make.paid_in_sandbox(settings, *lines, method=life.choice(["card", "alipay"]))
        charge = back.charge_of(made)
    moment = start
    for _ in range(life.randint(1, 5)):
        moment += timedelta(seconds=7)
        with clock.frozen_at(moment):
            _happen(life, charge, settings, made)
            if told.random() < 0.5:
                _tell(told, settings, share=0.6)
            if told.random() < 0.3:
                sync_money_back(settings)
    with clock.frozen_at(moment + timedelta(hours=1)):
        _pass_time()
        _tell(told, settings, share=1)
        sync_stale(settings)
        sync_money_back(settings)
        _tell(told, settings, share=1)
        found = back.balances()
        assert found.get("clearing", 0) == back.provider_balance(settings), (seed, order, found)
        with transaction() as session:
            broken = [
                result for result in run_checks(session, (*GIVING_CHECKS, *MONEY_BACK_CHECKS)) if not result.is_ok
            ]
        assert broken == []
    return found


def _happen(life: random.Random, charge: str, settings: Settings, made: Checkout) -> None:
    """One thing happens at the provider; what it does not allow does not happen."""
    kind, figure = life.randrange(5), life.randint(50, 2000)
    is_won, is_inquiry = life.random() < 0.5, life.random() < 0.3
    if kind == 0:
        _ours(made, figure, settings)
        return
    actions: dict[int, Callable[[Session], object]] = {
        1: lambda session: sandbox.refund_in_dashboard(session, make.MERCHANT, charge, figure),
        2: lambda session: _fail_first(session),
        3: lambda session: disputes.open_dispute(session, make.MERCHANT, charge, is_inquiry=is_inquiry),
        4: lambda session: _close_first(session, is_won),
    }
    try:
        with transaction() as session:
            actions[kind](session)
    except Fault:
        return


def _ours(made: Checkout, amount_minor: int, settings: Settings) -> None:
    """The staff refund: as the door does, after a look at how the charge stands."""
    try:
        refresh_checkout(made.public_id, settings)
        send_refund(back.asked_for(make.checkout(made.public_id), amount_minor).public_id, settings)
    except DonateError:
        return


def _objects(session: Session, kind: str) -> list[str]:
    return list(
        session.scalars(
            select(SandboxObject.object_id).where(SandboxObject.kind == kind).order_by(SandboxObject.number)
        )
    )


def _fail_first(session: Session) -> None:
    for refund_id in _objects(session, "refund")[:1]:
        sandbox.fail_refund(session, make.MERCHANT, refund_id)


def _close_first(session: Session, is_won: bool) -> None:
    for dispute_id in _objects(session, "dispute")[:1]:
        disputes.close_dispute(session, make.MERCHANT, dispute_id, won=is_won)


def _pass_time() -> None:
    for _ in range(3):
        with transaction() as session:
            ripening.ripen(session, clock.now(), None)


def _tell(told: random.Random, settings: Settings, share: float) -> None:
    """Hand over what is in the post: mixed up, some of it later, some of it twice."""
    _pass_time()
    with transaction() as session:
        waiting = list(session.execute(select(SandboxDelivery.id, SandboxDelivery.body)))
    told.shuffle(waiting)
    for delivery_id, body in waiting[: max(1, round(len(waiting) * share))]:
        event = read_event(body.encode())
        for _ in range(told.choice((1, 1, 2))):
            if event.kind in HANDLERS:
                HANDLERS[event.kind](merchant_of(make.MERCHANT), event, settings=settings)
        if told.random() < 0.9:
            with transaction() as session:
                session.execute(delete(SandboxDelivery).where(SandboxDelivery.id == delivery_id))


def _lives(count: int, database: Database, settings: Settings) -> None:
    began: datetime = clock.now()
    for seed in range(count):
        ends = []
        for order in range(ORDERS):
            conftest.empty(database)
            with clock.frozen_at(began):
                ends.append(live(seed, order, settings))
        assert all(end == ends[0] for end in ends), (seed, ends)


def test_any_order_of_messages_ends_in_the_same_books(database: Database, settings: Settings) -> None:
    _lives(QUICK, database, settings)


@pytest.mark.long
def test_any_order_of_messages_ends_in_the_same_books_for_many_lives(database: Database, settings: Settings) -> None:
    _lives(MANY, database, settings)
