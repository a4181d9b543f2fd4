"""Random lives of two checkouts: in whatever order their messages arrive, the books end the same, and as the provider's.

The two share funds, so that what the general fund gives to one of them depends on both.

A life is drawn, so that one which ends differently is told in its shortest form. Half of the messages come by the
webhook's own door, signed; the others are handed to their handlers, whose errors then show.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_tests
from hypothesis import strategies as st
from sqlalchemy import delete, select, text
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
from donate.giving.unexplained import learn_unexplained
from donate.giving.unexplained_checks import UNEXPLAINED_CHECKS
from donate.ledger.checks import run_checks
from donate.payments.events import read_event
from donate.payments.models import SandboxDelivery, SandboxObject
from donate.payments.sandbox import disputes, ripening
from donate.payments.sandbox import refunds as sandbox
from donate.payments.sandbox.faults import Fault
from donate.settings import Settings
from donate.settling.messages import handle_waiting
from tests import conftest
from tests.giving import back
from tests.giving import factories as make
from tests.giving.test_paid_twice import pay_another_page
from tests.giving.test_webhooks import post

CAMPAIGNS = ("yunxi", "second", "third")


@dataclass(frozen=True)
class Happening:
    """One thing at the provider or at our desk; `kind` is a place in the list of `_happen`."""

    kind: int
    figure: int
    is_won: bool
    is_inquiry: bool
    is_beside: bool  # of the second checkout


@dataclass(frozen=True)
class Life:
    """`comes`: paid as agreed, in another amount than that, or on a page that no row of ours knows."""

    comes: str
    lines: list[tuple[str, int]]
    beside: list[tuple[str, int]]
    method: str
    happenings: list[Happening]
    orders: list[int]


LIVES = st.builds(
    Life,
    comes=st.sampled_from(("as agreed", "as agreed", "in another amount", "for nobody")),
    lines=st.lists(st.tuples(st.sampled_from(CAMPAIGNS), st.integers(400, 3000)), min_size=1, max_size=4),
    beside=st.lists(st.tuples(st.sampled_from(CAMPAIGNS), st.integers(400, 3000)), min_size=1, max_size=2),
    method=st.sampled_from(("card", "alipay")),
    happenings=st.lists(
        st.builds(Happening, st.integers(0, 4), st.integers(50, 2000), st.booleans(), st.booleans(), st.booleans()),
        min_size=1,
        max_size=5,
    ),
    orders=st.lists(st.integers(0, 2**32), min_size=3, max_size=3, unique=True),
)


def live(life: Life, order: int, settings: Settings, client: FlaskClient) -> dict[str, int]:
    """One life, told in one order; the balances afterwards. What happens never depends on the order."""
    told = random.Random(order)
    make.raising()
    for ref in CAMPAIGNS[1:]:
        make.raising(ref, beside="yunxi")
    start = clock.now()
    with clock.frozen_at(start):
        made, charge = _paid(life, settings)
        beside = make.paid_in_sandbox(settings, *life.beside, method=life.method)
    moment = start
    for happening in life.happenings:
        moment += timedelta(seconds=7)
        with clock.frozen_at(moment):
            of_what = (beside, back.charge_of(beside)) if happening.is_beside else (made, charge)
            _happen(happening, of_what[1], settings, of_what[0])
            if told.random() < 0.5:
                _tell(told, settings, client, share=0.6)
            if told.random() < 0.3:
                sync_money_back(settings)
    with clock.frozen_at(moment + timedelta(hours=1)):
        _pass_time()
        _tell(told, settings, client, share=1)
        handle_waiting(settings)
        sync_stale(settings)
        learn_unexplained(merchant_of(make.MERCHANT), settings)  # as every run of reconciling does
        sync_money_back(settings)
        _tell(told, settings, client, share=1)
        handle_waiting(settings)
        found = back.balances()
        assert found.get("clearing", 0) == back.provider_balance(settings), found
        with transaction() as session:
            all_checks = (*GIVING_CHECKS, *MONEY_BACK_CHECKS, *UNEXPLAINED_CHECKS)
            broken = [result for result in run_checks(session, all_checks) if not result.is_ok]
            outcomes = session.execute(text("SELECT outcome, explained_at IS NOT NULL FROM unbooked_money")).all()
            failed = session.execute(
                text("SELECT kind, last_error FROM provider_event WHERE outcome NOT IN ('handled', 'ignored')")
            ).all()
        assert (broken, failed) == ([], [])
        assert len(outcomes) == (life.comes != "as agreed")
    return found | {f"{outcome} {is_closed}": 1 for outcome, is_closed in outcomes}


def _paid(life: Life, settings: Settings) -> tuple[Checkout, str]:
    """The checkout, and the charge of the page that was paid."""
    if life.comes == "as agreed":
        made = make.paid_in_sandbox(settings, *life.lines, method=life.method)
        return made, back.charge_of(made)
    made = make.opened(settings, *life.lines, method=life.method)
    if life.comes == "for nobody":
        return made, back.charge_of_page(pay_another_page(settings, None))
    back.change_amount(made, made.amount_minor + 100)
    make.pay(made)
    return made, back.charge_of(made)


def _happen(what: Happening, charge: str, settings: Settings, made: Checkout) -> None:
    """One thing happens at the provider; what it does not allow does not happen."""
    if what.kind == 0:
        _ours(made, what.figure, settings)
        return
    actions: dict[int, Callable[[Session], object]] = {
        1: lambda session: sandbox.refund_in_dashboard(session, make.MERCHANT, charge, what.figure),
        2: lambda session: _fail_first(session),
        3: lambda session: disputes.open_dispute(session, make.MERCHANT, charge, is_inquiry=what.is_inquiry),
        4: lambda session: _close_first(session, what),
    }
    try:
        with transaction() as session:
            actions[what.kind](session)
    except Fault:
        return


def _ours(made: Checkout, amount_minor: int, settings: Settings) -> None:
    """The staff refund: as the door does, after a look at how the charge stands."""
    try:
        refresh_checkout(made.public_id, settings)
        if make.checkout(made.public_id).booked_as is None:
            return  # nobody has paid it
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


def _close_first(session: Session, what: Happening) -> None:
    """One that was won gives a fee back at times."""
    returned = what.figure if what.figure % 3 == 0 else 0
    for dispute_id in _objects(session, "dispute")[:1]:
        disputes.close_dispute(session, make.MERCHANT, dispute_id, won=what.is_won, returned_fee=returned)


def _pass_time() -> None:
    for _ in range(3):
        with transaction() as session:
            ripening.ripen(session, clock.now(), None)


def _tell(told: random.Random, settings: Settings, client: FlaskClient, share: float) -> None:
    """Hand over what is in the post: mixed up, some of it later, some of it twice."""
    _pass_time()
    with transaction() as session:
        waiting = list(session.execute(select(SandboxDelivery.id, SandboxDelivery.body).order_by(SandboxDelivery.id)))
    told.shuffle(waiting)
    for delivery_id, body in waiting[: max(1, round(len(waiting) * share))]:
        event = read_event(body.encode())
        for _ in range(told.choice((1, 1, 2))):
            if told.random() < 0.5:
                assert post(client, settings, body.encode()) == 200
            elif event.kind in HANDLERS:
                HANDLERS[event.kind](merchant_of(make.MERCHANT), event, settings=settings)
        if told.random() < 0.9:
            with transaction() as session:
                session.execute(delete(SandboxDelivery).where(SandboxDelivery.id == delivery_id))


def _ends_alike(life: Life, database: Database, settings: Settings, client: FlaskClient) -> None:
    began: datetime = clock.now()
    ends = []
    for order in life.orders:
        conftest.empty(database)
        with clock.frozen_at(began):
            ends.append(live(life, order, settings, client))
    assert all(end == ends[0] for end in ends), ends


@settings_of_tests(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(life=LIVES)
def test_any_order_of_messages_ends_in_the_same_books(
    database: Database, settings: Settings, client: FlaskClient, life: Life
) -> None:
    _ends_alike(life, database, settings, client)


@pytest.mark.long
@settings_of_tests(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(life=LIVES)
def test_any_order_of_messages_ends_in_the_same_books_for_many_lives(
    database: Database, settings: Settings, client: FlaskClient, life: Life
) -> None:
    _ends_alike(life, database, settings, client)
