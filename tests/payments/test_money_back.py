"""Refunds, disputes and fraud warnings, as the SDK meets them and as our own words tell them."""

from typing import Any
from uuid import uuid4

import pytest
import stripe

from donate.db import Database, transaction
from donate.payments.gateway import (
    NoSuchSession,
    ProviderRefused,
    RefundRefused,
)
from donate.payments.merchants import gateway_for
from donate.payments.sandbox import disputes, outcomes, refunds
from donate.payments.sandbox.faults import Fault
from donate.payments.tariffs import DISPUTE_FEES
from donate.settings import Settings
from tests.payments import factories as make

FEE = 74  # of 15.00 yuan by card


def total(settings: Settings) -> int:
    return sum(part.total_minor for part in gateway_for(make.merchant(), settings).balance())


def lines(settings: Settings) -> list[tuple[str, int, int]]:
    """Kind, amount and fee of every line of the balance, oldest first."""
    found = make.sdk(settings).v1.balance_transactions.list({"limit": 100}).data
    return [(line.type, line.amount, line.fee) for line in found][::-1]


def test_a_whole_refund_returns_the_amount_and_keeps_the_fee(database: Database, settings: Settings) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    request = make.refund_request(charge_id)
    seen = gateway.refund(request)
    assert (seen.status, seen.amount_minor, seen.currency) == ("succeeded", 1500, "CNY")
    assert (seen.our_id, seen.charge_id) == (request.public_id, charge_id)
    assert lines(settings) == [("charge", 1500, FEE), ("refund", -1500, 0)]
    assert total(settings) == -FEE
    charge = gateway.read_charge(charge_id)
    assert (charge.refunded_minor, charge.fee_minor, charge.refunds) == (1500, FEE, (seen,))


def test_what_was_refused_is_refused_again_under_its_key(database: Database, settings: Settings) -> None:
    client, charge_id = make.sdk(settings), make.paid_charge(settings)
    errors = []
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            client.v1.refunds.create({"charge": charge_id, "amount": 1501}, {"idempotency_key": "r1"})
        errors.append(caught.value)
    assert [error.param for error in errors] == ["amount", "amount"]
    assert errors[1].headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({}, "charge"),
        ({"charge": "ch_unknown"}, "charge"),
        ({"charge": "ch_unknown", "colour": "red"}, "colour"),
        ({"payment_intent": "pi_unknown"}, "payment_intent"),
        ({"charge": "ch_unknown", "amount": 0}, "amount"),
        ({"charge": "ch_unknown", "reason": "regret"}, "reason"),
    ],
)
def test_wrong_requests_for_refunds_are_refused(
    database: Database, settings: Settings, params: dict[str, Any], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        make.sdk(settings).v1.refunds.create(params)
    assert caught.value.param == param


def test_a_wallets_refund_is_pending_for_some_seconds(database: Database, settings: Settings) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings, method="alipay")
    seen = gateway.refund(make.refund_request(charge_id))
    assert seen.status == "pending"
    assert lines(settings)[-1] == ("payment_refund", -1500, 0)
    with make.later(seconds=6):
        assert gateway.read_refund(seen.refund_id).status == "succeeded"
        assert make.kinds_since(settings)[-2:] == ["refund.updated", "charge.refund.updated"]


def test_a_refund_in_the_dashboard_is_seen_like_one_of_ours(database: Database, settings: Settings) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    with transaction() as own:
        refunds.refund_in_dashboard(own, "lunch", charge_id, 300)
    (seen,) = gateway.read_charge(charge_id).refunds
    assert (seen.amount_minor, seen.our_id, seen.status) == (300, None, "succeeded")
    assert make.kinds_since(settings)[-2:] == ["refund.created", "charge.refunded"]


def test_a_refund_that_fails_brings_the_money_back(database: Database, settings: Settings) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    seen = gateway.refund(make.refund_request(charge_id))
    with make.later(days=3), transaction() as own:
        refunds.fail_refund(own, "lunch", seen.refund_id)
        refunds.fail_refund(own, "lunch", seen.refund_id)
    found = gateway.read_refund(seen.refund_id)
    assert (found.status, found.failure) == ("failed", "lost_or_stolen_card")
    assert lines(settings)[-2:] == [("refund", -1500, 0), ("refund_failure", 1500, 0)]
    assert total(settings) == 1500 - FEE
    assert gateway.read_charge(charge_id).refunded_minor == 0
    assert make.kinds_since(settings)[-3:] == ["refund.failed", "refund.updated", "charge.refund.updated"]


def test_only_a_refund_that_waits_for_its_receiver_is_cancelled(database: Database, settings: Settings) -> None:
    client, charge_id = make.sdk(settings), make.paid_charge(settings)
    with transaction() as own:
        done = refunds.refund_in_dashboard(own, "lunch", charge_id, 300).object_id
        waiting = refunds.refund_in_dashboard(own, "lunch", charge_id, 200, awaits_receiver=True).object_id
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.cancel(done)
    assert client.v1.refunds.cancel(waiting).status == "canceled"
    states = {
        seen.refund_id: seen.status for seen in gateway_for(make.merchant(), settings).read_charge(charge_id).refunds
    }
    assert states == {done: "succeeded", waiting: "canceled"}


def test_a_refunds_metadata_can_be_changed_and_emptied(database: Database, settings: Settings) -> None:
    client, charge_id = make.sdk(settings), make.paid_charge(settings)
    made = client.v1.refunds.create({"charge": charge_id, "metadata": {"a": "1", "b": "2"}})
    found = client.v1.refunds.update(made.id, {"metadata": {"a": "", "c": "3"}})
    assert found.metadata is not None
    assert found.metadata.to_dict() == {"b": "2", "c": "3"}


def test_a_charge_shows_its_refunds_only_when_asked(database: Database, settings: Settings) -> None:
    client, charge_id = make.sdk(settings), make.paid_charge(settings)
    make.sdk(settings).v1.refunds.create({"charge": charge_id, "amount": 100})
    noise = make.paid_charge(settings)
    client.v1.refunds.create({"charge": noise, "amount": 200})
    assert "refunds" not in client.v1.charges.retrieve(charge_id)
    shown = client.v1.charges.retrieve(charge_id, {"expand": ["refunds.data.balance_transaction"]}).refunds
    assert shown is not None
    assert [refund.amount for refund in shown.data] == [100]
    assert [refund.amount for refund in client.v1.refunds.list({"charge": noise}).data] == [200]


def test_a_refund_of_what_never_was_is_refused_in_our_words(database: Database, settings: Settings) -> None:
    gateway = gateway_for(make.merchant(), settings)
    with pytest.raises(RefundRefused):
        gateway.refund(make.refund_request("ch_unknown"))
    with pytest.raises(NoSuchSession):
        gateway.read_charge("ch_unknown")


def test_an_inquiry_moves_no_money_and_may_be_refunded(database: Database, settings: Settings) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    with transaction() as own:
        dispute_id = disputes.open_dispute(own, "lunch", charge_id, is_inquiry=True).object_id
    seen = gateway.read_dispute(dispute_id)
    assert (seen.status, seen.withdrawn_minor, seen.fee_minor) == ("warning", 0, 0)
    assert total(settings) == 1500 - FEE
    gateway.refund(make.refund_request(charge_id))
    with transaction() as own:
        disputes.close_dispute(own, "lunch", dispute_id, won=True)
    assert gateway.read_dispute(dispute_id).status == "warning"
    assert total(settings) == -FEE


def test_a_dispute_withdraws_its_amount_and_a_fee(database: Database, settings: Settings) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    with transaction() as own:
        dispute_id = disputes.open_dispute(own, "lunch", charge_id).object_id
    seen = gateway.read_dispute(dispute_id)
    fee = DISPUTE_FEES["CNY"]
    assert (seen.status, seen.amount_minor, seen.withdrawn_minor, seen.fee_minor) == ("open", 1500, 1500, fee)
    assert seen.evidence_due_at is not None
    assert seen.evidence_due_at > seen.created_at
    assert total(settings) == -FEE - fee
    assert gateway.read_charge(charge_id).disputes == (seen,)
    assert make.kinds_since(settings)[-2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


def test_a_disputed_charge_is_not_refunded(database: Database, settings: Settings) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    with transaction() as own:
        disputes.open_dispute(own, "lunch", charge_id)
    with pytest.raises(RefundRefused) as caught:
        gateway.refund(make.refund_request(charge_id))
    assert caught.value.facts["code"] == "charge_disputed"
    assert gateway.read_charge(charge_id).refunds == ()


@pytest.mark.parametrize(
    ("won", "status", "withdrawn", "kinds"),
    [
        (True, "won", 0, ["charge.dispute.funds_reinstated", "charge.dispute.closed"]),
        (False, "lost", 1500, ["charge.dispute.funds_withdrawn", "charge.dispute.closed"]),
    ],
)
def test_a_dispute_ends_won_or_lost_and_its_fee_stays(
    database: Database, settings: Settings, won: bool, status: str, withdrawn: int, kinds: list[str]
) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    with transaction() as own:
        dispute_id = disputes.open_dispute(own, "lunch", charge_id).object_id
    with transaction() as own:
        disputes.close_dispute(own, "lunch", dispute_id, won=won)
    seen = gateway.read_dispute(dispute_id)
    assert (seen.status, seen.withdrawn_minor, seen.fee_minor) == (status, withdrawn, DISPUTE_FEES["CNY"])
    assert total(settings) == 1500 - FEE - DISPUTE_FEES["CNY"] - withdrawn
    assert make.kinds_since(settings)[-2:] == kinds
    with pytest.raises(Fault), transaction() as own:
        disputes.close_dispute(own, "lunch", dispute_id, won=won)


def test_an_inquiry_can_become_a_dispute(database: Database, settings: Settings) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    with transaction() as own:
        dispute_id = disputes.open_dispute(own, "lunch", charge_id, is_inquiry=True, amount_minor=900).object_id
        disputes.escalate_dispute(own, "lunch", dispute_id)
        disputes.answer_dispute(own, "lunch", dispute_id)
    seen = gateway.read_dispute(dispute_id)
    assert (seen.status, seen.withdrawn_minor) == ("open", 900)
    assert make.sdk(settings).v1.disputes.close(dispute_id).status == "lost"


def test_a_fraud_warning_is_acted_on_until_the_charge_is_refunded(database: Database, settings: Settings) -> None:
    gateway, charge_id = gateway_for(make.merchant(), settings), make.paid_charge(settings)
    with transaction() as own:
        warning_id = disputes.warn_of_fraud(own, "lunch", charge_id).object_id
    seen = gateway.read_fraud_warning(warning_id)
    assert (seen.charge_id, seen.is_actionable) == (charge_id, True)
    gateway.refund(make.refund_request(charge_id, is_fraudulent=True))
    assert not gateway.read_fraud_warning(warning_id).is_actionable
    (refund,) = make.sdk(settings).v1.refunds.list({"charge": charge_id}).data
    assert refund.reason == "fraudulent"


def test_a_charge_of_other_software_has_no_reference(database: Database, settings: Settings) -> None:
    client = make.sdk(settings)
    session = client.v1.checkout.sessions.create(make.sdk_params(client_reference_id=str(uuid4())))
    with transaction() as own:
        outcomes.pay(own, "lunch", session.id, "alipay")
    gateway = gateway_for(make.merchant(), settings)
    charge_id = gateway.read_session(session.id).charge_id
    assert charge_id is not None
    charge = gateway.read_charge(charge_id)
    assert (charge.reference, charge.invoice_id, charge.is_paid) == (None, None, True)


def test_what_another_account_refunded_is_not_found(database: Database, settings: Settings) -> None:
    charge_id = make.paid_charge(settings)
    seen = gateway_for(make.merchant(), settings).refund(make.refund_request(charge_id))
    with pytest.raises(ProviderRefused):
        gateway_for(make.merchant("noise"), settings).read_refund(seen.refund_id)
