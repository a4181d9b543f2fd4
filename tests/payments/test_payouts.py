"""Payouts, the balance and its lines, and what can be read again of them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import stripe

from donate import clock
from donate.db import Database, transaction
from donate.payments.events import read_event
from donate.payments.facts import PayoutSeen
from donate.payments.gateway import Gateway, ProviderRefused
from donate.payments.merchants import gateway_for
from donate.payments.sandbox import deliveries, payouts, refunds, store
from donate.payments.sandbox.store import DELIVERED_KINDS
from donate.settings import Settings
from tests.payments import factories as make

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NET = 1500 - 74


def pass_days(settings: Settings, days: int) -> None:
    """The postman comes every six hours."""
    begin = clock.now()
    for quarter in range(days * 4 + 1):
        with clock.frozen_at(begin + timedelta(hours=6 * quarter)):
            deliveries.deliver_due(settings.secret_key, lambda *_: 200, most=1_000)


def paid_out(settings: Settings) -> tuple[Gateway, PayoutSeen]:
    """A charge, paid out by the daily schedule and arrived; the clock is where it was."""
    make.paid_charge(settings)
    pass_days(settings, 12)
    gateway = gateway_for(make.merchant(), settings)
    (seen,) = gateway.payouts_since(LONG_AGO)
    return gateway, seen


def test_money_waits_a_week_and_is_paid_out_at_midnight(database: Database, settings: Settings) -> None:
    begin = clock.now()
    gateway, seen = paid_out(settings)
    assert (seen.status, seen.amount_minor, seen.currency, seen.is_automatic) == ("paid", NET, "CNY", True)
    assert timedelta(days=7) <= seen.created_at - begin <= timedelta(days=8, hours=7)
    assert seen.arrives_on == (seen.created_at + timedelta(days=2)).date()
    assert seen.bank_reference is not None
    assert seen.bank_reference.startswith("SBX")
    assert [(part.available_minor, part.pending_minor) for part in gateway.balance()] == [(0, 0)]
    told = [kind for kind in make.kinds_since(settings) if kind.startswith("payout")]
    assert told == ["payout.created", "payout.updated", "payout.reconciliation_completed", "payout.paid"]


def test_an_automatic_payout_names_its_lines_which_sum_to_nothing(database: Database, settings: Settings) -> None:
    charge_id = make.paid_charge(settings)
    gateway_for(make.merchant(), settings).refund(make.refund_request(charge_id, 500))
    gateway, seen = paid_out(settings)
    lines = list(gateway.payout_lines(seen.payout_id))
    assert sorted(line.kind for line in lines) == ["charge", "charge", "payout", "refund"]
    assert sum(line.net_minor for line in lines) == 0
    assert sum(line.net_minor for line in lines if line.kind != "payout") == seen.amount_minor


def test_what_came_later_is_in_the_next_payout(database: Database, settings: Settings) -> None:
    gateway, first = paid_out(settings)
    with make.later(days=12):
        make.paid_charge(settings, 2000)
        pass_days(settings, 12)
        assert [seen.amount_minor for seen in gateway.payouts_since(first.created_at + timedelta(seconds=1))] == [1912]
        assert [seen.amount_minor for seen in gateway.payouts_since(LONG_AGO)] == [NET, 1912]


def test_a_negative_rest_waits(database: Database, settings: Settings) -> None:
    gateway, _ = paid_out(settings)
    with make.later(days=13):
        (charge,) = make.sdk(settings).v1.charges.list().data
        gateway.refund(make.refund_request(charge.id))
        pass_days(settings, 3)
        assert len(list(gateway.payouts_since(LONG_AGO))) == 1
        assert [part.total_minor for part in gateway.balance()] == [-1500]


def test_a_failed_payout_comes_back_and_is_paid_out_again(database: Database, settings: Settings) -> None:
    gateway, seen = paid_out(settings)
    with make.later(days=13):
        with transaction() as own:
            payouts.fail_payout(own, "lunch", seen.payout_id)
        found = gateway.read_payout(seen.payout_id)
        assert (found.status, found.failure) == ("failed", "account_closed")
        assert [part.total_minor for part in gateway.balance()] == [NET]
        assert make.kinds_since(settings)[-1] == "payout.failed"
        pass_days(settings, 4)
        again = list(gateway.payouts_since(LONG_AGO))[-1]
        assert (again.status, again.amount_minor) == ("paid", NET)
        assert sorted(line.kind for line in gateway.payout_lines(again.payout_id)) == ["payout", "payout_failure"]


def test_by_hand_takes_an_amount_and_names_nothing(database: Database, settings: Settings) -> None:
    with transaction() as own:
        payouts.set_automatic(own, "lunch", False)
    make.paid_charge(settings)
    client, gateway = make.sdk(settings), gateway_for(make.merchant(), settings)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payouts.create({"amount": 1, "currency": "cny"})
    assert caught.value.code == "balance_insufficient"
    pass_days(settings, 12)
    with make.later(days=13):
        made = client.v1.payouts.create({"amount": 1000, "currency": "cny", "statement_descriptor": "LUNCH 7"})
        with pytest.raises(ProviderRefused):
            list(gateway.payout_lines(made.id))
        assert [part.total_minor for part in gateway.balance()] == [NET - 1000]
        assert not gateway.read_payout(made.id).is_automatic
        assert client.v1.payouts.cancel(made.id).status == "canceled"
        assert [part.total_minor for part in gateway.balance()] == [NET]


def test_the_balance_is_the_sum_of_its_lines_in_every_state(database: Database, settings: Settings) -> None:
    gateway = gateway_for(make.merchant(), settings)
    charges = [make.paid_charge(settings, 1000 + number) for number in range(3)]
    make.paid_charge(settings, of=make.merchant("noise"))
    with transaction() as own:
        failing = refunds.refund_in_dashboard(own, "lunch", charges[0]).object_id
    for days in range(14):
        with make.later(days=days):
            deliveries.deliver_due(settings.secret_key, lambda *_: 200)
            if days == 9:
                with transaction() as own:
                    refunds.fail_refund(own, "lunch", failing)
            lines = list(gateway.balance_lines_since(LONG_AGO + timedelta(days=2_000)))
            assert sum(line.net_minor for line in lines) == sum(part.total_minor for part in gateway.balance())
            assert [line.created_at for line in lines] == sorted(line.created_at for line in lines)


def test_events_are_read_oldest_first_over_many_pages_and_days(database: Database, settings: Settings) -> None:
    gateway, moment = gateway_for(make.merchant(), settings), clock.now()
    kinds = tuple(sorted(DELIVERED_KINDS))
    for number in range(250):
        subject = {"id": f"po_{number}", "object": "payout"}
        with transaction() as own:
            store.emit(own, "lunch", kinds[number % len(kinds)], subject, moment + timedelta(minutes=12 * number))
            store.emit(own, "lunch", "charge.succeeded", subject, moment)
    with make.later(days=3):
        bodies = list(gateway.events_since(moment, kinds=kinds))
    assert [read_event(body).object_id for body in bodies] == [f"po_{number}" for number in range(250)]


def test_events_before_the_moment_and_of_other_accounts_are_left_out(database: Database, settings: Settings) -> None:
    gateway = gateway_for(make.merchant(), settings)
    make.paid_charge(settings)
    make.paid_charge(settings, of=make.merchant("noise"))
    kinds = ("checkout.session.completed",)
    assert len(list(gateway.events_since(clock.now() - timedelta(minutes=1), kinds=kinds))) == 1
    assert list(gateway.events_since(clock.now() + timedelta(minutes=1), kinds=kinds)) == []


def test_only_what_no_endpoint_took_is_undelivered(database: Database, settings: Settings) -> None:
    gateway, kinds = gateway_for(make.merchant(), settings), ("checkout.session.completed",)
    make.paid_charge(settings)
    deliveries.deliver_due(settings.secret_key, lambda *_: 200)
    make.paid_charge(settings)
    begin = clock.now() - timedelta(minutes=1)
    (body,) = gateway.events_since(begin, kinds=kinds, undelivered=True)
    assert len(list(gateway.events_since(begin, kinds=kinds))) == 2
    deliveries.deliver_due(settings.secret_key, lambda *_: 500)
    assert list(gateway.events_since(begin, kinds=kinds, undelivered=True)) == [body]


def test_an_event_read_again_is_the_message_that_was_sent(database: Database, settings: Settings) -> None:
    sent: list[bytes] = []
    gateway = gateway_for(make.merchant(), settings)
    make.paid_charge(settings)
    deliveries.deliver_due(settings.secret_key, lambda _path, body, _headers: sent.append(body) or 200)
    (read,) = gateway.events_since(clock.now() - timedelta(minutes=1), kinds=("checkout.session.completed",))
    assert json.loads(read) == json.loads(sent[0])


def test_more_than_twenty_kinds_are_refused_at_once(database: Database, settings: Settings) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        make.sdk(settings).v1.events.list({"types": sorted(DELIVERED_KINDS)})
    assert caught.value.param == "types"
