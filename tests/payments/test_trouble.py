"""Calls that fail on demand, a post that is unreliable by a seed, an endpoint that is off for a time."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
import stripe

from donate import clock
from donate.db import Database, bind, transaction
from donate.payments.events import read_event
from donate.payments.facts import RefundSeen
from donate.payments.gateway import ProviderUnavailable
from donate.payments.merchants import gateway_for
from donate.payments.models import SandboxDelivery
from donate.payments.sandbox import deliveries, disputes, outcomes, refunds, store, trouble
from donate.payments.sandbox.store import DELIVERED_KINDS
from donate.payments.sandbox.trouble import Breakage
from donate.payments.stripe import client
from donate.settings import Settings
from tests.payments import factories as make


def plan(breakage: Breakage, times: int = 1, path: str = "/") -> None:
    with transaction() as own:
        trouble.break_next(own, "lunch", breakage, times=times, path=path)


def refunded(settings: Settings, charge_id: str) -> int:
    return gateway_for(make.merchant(), settings).read_charge(charge_id).refunded_minor


@pytest.mark.parametrize("breakage", [Breakage.CONFLICT, Breakage.SERVER_ERROR, Breakage.UNREACHED, Breakage.LOST])
def test_two_broken_calls_are_borne_without_a_word(database: Database, settings: Settings, breakage: Breakage) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    plan(breakage, 2)
    gateway.refund(make.refund_request(charge_id, 500))
    assert refunded(settings, charge_id) == 500


@pytest.mark.parametrize("breakage", [Breakage.CONFLICT, Breakage.SERVER_ERROR, Breakage.UNREACHED])
def test_three_broken_calls_are_told_and_nothing_has_happened(
    database: Database, settings: Settings, breakage: Breakage
) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    plan(breakage, 3)
    request = make.refund_request(charge_id, 500)
    with pytest.raises(ProviderUnavailable):
        gateway.refund(request)
    assert refunded(settings, charge_id) == 0
    gateway.refund(request)
    assert refunded(settings, charge_id) == 500


def test_a_lost_answer_was_carried_out_once(database: Database, settings: Settings) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    plan(Breakage.LOST, 3)
    request = make.refund_request(charge_id, 500)
    with pytest.raises(ProviderUnavailable):
        gateway.refund(request)
    assert refunded(settings, charge_id) == 500
    assert gateway.refund(request).our_id == request.public_id
    assert refunded(settings, charge_id) == 500


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """Our client with a read time-out of a fraction of a second."""
    monkeypatch.setattr(client, "READ_SECONDS", 0.3)
    return 0.3


def test_our_client_waits_two_seconds_for_a_connection_and_ten_for_an_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}

    class Recorded(stripe.RequestsClient):
        def __init__(self, **options: object) -> None:
            given.update(options)
            super().__init__()

    monkeypatch.setattr(stripe, "RequestsClient", Recorded)
    client.client_for("sk_test_1", livemode=False)
    assert given == {"timeout": (2, 10)}


def test_a_call_that_hangs_is_ended_by_our_time_out_and_carried_out_once(
    database: Database, settings: Settings, impatient: float
) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    plan(Breakage.HUNG)
    begun = time.monotonic()
    gateway.refund(make.refund_request(charge_id, 500))
    assert impatient <= time.monotonic() - begun < 20
    assert refunded(settings, charge_id) == 500


def test_a_provider_that_goes_on_hanging_is_given_up_and_the_same_request_is_one_object(
    database: Database, settings: Settings, impatient: float
) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    plan(Breakage.HUNG, 3)
    request = make.refund_request(charge_id, 500)
    begun = time.monotonic()
    with pytest.raises(ProviderUnavailable):
        gateway.refund(request)
    assert time.monotonic() - begun >= 3 * impatient, "the first try and two more"
    found = gateway.refund(request)
    assert found.our_id == request.public_id
    assert [seen.refund_id for seen in gateway.read_charge(charge_id).refunds] == [found.refund_id]


def test_a_busy_provider_is_not_asked_again_at_once(database: Database, settings: Settings) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    plan(Breakage.RATE_LIMIT)
    with pytest.raises(ProviderUnavailable):
        gateway.read_charge(charge_id)
    assert gateway.read_charge(charge_id).is_paid


def test_only_calls_under_the_path_and_of_the_account_break(database: Database, settings: Settings) -> None:
    charge_id, noise = make.paid_charge(settings), make.paid_charge(settings, of=make.merchant("noise"))
    plan(Breakage.RATE_LIMIT, 1, "/v1/refunds")
    assert gateway_for(make.merchant("noise"), settings).refund(make.refund_request(noise)).status == "succeeded"
    assert make.sdk(settings).v1.charges.retrieve(charge_id).paid
    with pytest.raises(ProviderUnavailable):
        gateway_for(make.merchant(), settings).refund(make.refund_request(charge_id))


def test_one_refund_asked_for_at_once_by_many_is_one(database: Database, settings: Settings) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    request = make.refund_request(charge_id, 500)

    def ask(_number: int) -> RefundSeen | None:
        bind(database)
        try:
            return gateway.refund(request)
        except ProviderUnavailable:  # another one holds the key at this moment
            return None

    with ThreadPoolExecutor(6) as pool:
        found = {seen for seen in pool.map(ask, range(6)) if seen is not None}
    assert len(found) == 1
    assert refunded(settings, charge_id) == 500


def disturbed_post(settings: Settings, seed: int) -> tuple[list[tuple[int, int]], list[str]]:
    """How forty payouts' messages travelled under a seed, and the kinds of what arrived within two minutes."""
    with transaction() as own:
        own.execute(sa.delete(SandboxDelivery))
        trouble.disturb_post(own, "lunch", seed=seed)
    moment = clock.now()
    for number in range(40):
        with transaction() as own:
            store.emit(own, "lunch", "payout.paid", {"id": f"po_{number:02}", "object": "payout"}, moment)
    with transaction() as own:
        rows = own.execute(sa.select(SandboxDelivery.due_at, SandboxDelivery.lost_first).order_by(SandboxDelivery.id))
        travelled = [(int((due - moment).total_seconds()), lost) for due, lost in rows]
    arrived: list[str] = []

    def take(_path: str, body: bytes, _headers: Mapping[str, str]) -> int:
        arrived.append(read_event(body).object_id)
        return 200

    for seconds in range(0, 120, 2):
        with clock.frozen_at(moment + timedelta(seconds=seconds)):
            deliveries.deliver_due(settings.secret_key, take, merchant="lunch")
    return travelled, arrived


def test_a_seed_brings_copies_losses_and_disorder_and_all_arrives(database: Database, settings: Settings) -> None:
    travelled, arrived = disturbed_post(settings, 7)
    everything = [f"po_{number:02}" for number in range(40)]
    assert len(travelled) > 40
    assert any(lost for _, lost in travelled)
    assert sorted(set(arrived)) == everything
    assert list(dict.fromkeys(arrived)) != everything


def test_the_same_seed_gives_the_same_trouble(database: Database, settings: Settings) -> None:
    assert disturbed_post(settings, 7)[0] == disturbed_post(settings, 7)[0] != disturbed_post(settings, 8)[0]


def test_every_kind_of_message_of_a_disturbed_session_is_disturbed(database: Database, settings: Settings) -> None:
    gateway, session, _ = make.opened(settings)
    deliveries.disturb(session.session_id, duplicates=1)
    with transaction() as own:
        outcomes.pay(own, "lunch", session.session_id, "card")
    charge_id = gateway.read_session(session.session_id).charge_id or ""
    with transaction() as own:
        failing = refunds.refund_in_dashboard(own, "lunch", charge_id, 100).object_id
        refunds.fail_refund(own, "lunch", failing)
        disputes.warn_of_fraud(own, "lunch", charge_id)
        disputes.close_dispute(own, "lunch", disputes.open_dispute(own, "lunch", charge_id).object_id, won=True)
    with transaction() as own:
        bodies = own.scalars(sa.select(SandboxDelivery.body)).all()
    kinds = [read_event(body.encode()).kind for body in bodies]
    assert len(set(kinds)) > 8
    assert {kind: kinds.count(kind) % 2 for kind in kinds} == dict.fromkeys(kinds, 0)


def test_what_happens_while_the_endpoint_is_off_is_found_by_asking_only(database: Database, settings: Settings) -> None:
    gateway, begin = gateway_for(make.merchant(), settings), clock.now() - timedelta(minutes=1)
    kinds, sent = ("checkout.session.completed", "refund.created"), []
    charge_id = make.paid_charge(settings)
    with transaction() as own:
        trouble.switch_endpoint(own, "lunch", is_on=False)
    with transaction() as own:
        refunds.refund_in_dashboard(own, "lunch", charge_id)

    def take(_path: str, body: bytes, _headers: Mapping[str, str]) -> int:
        sent.append(read_event(body).kind)
        return 200

    deliveries.deliver_due(settings.secret_key, take)
    with transaction() as own:
        trouble.switch_endpoint(own, "lunch", is_on=True)
    with make.later(days=2):
        deliveries.deliver_due(settings.secret_key, take)
        assert [kind for kind in sent if kind in kinds] == []
        undelivered = list(gateway.events_since(begin, kinds=kinds, undelivered=True))
        everything = list(gateway.events_since(begin, kinds=tuple(DELIVERED_KINDS)))
    assert [read_event(body).kind for body in undelivered] == ["checkout.session.completed"]
    assert {"checkout.session.completed", "refund.created"} <= {read_event(body).kind for body in everything}
