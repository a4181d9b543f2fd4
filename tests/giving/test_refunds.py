"""Refunds and disputes: ours, the provider's, in any order, never above what was paid."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from donate import clock
from donate.db import Database, transaction
from donate.giving.merchants import merchant_of
from donate.giving.refund_sync import refresh_charge, send_refund, sync_money_back
from donate.giving.refunds import NothingToRefund, RefundTooLarge
from donate.giving.sync import sync_checkout
from donate.payments.gateway import ProviderUnavailable
from donate.payments.sandbox import disputes
from donate.payments.sandbox import refunds as sandbox
from donate.payments.stripe import StripeGateway
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as make


def refreshed(charge_id: str, settings: Settings) -> bool:
    return refresh_charge(merchant_of(make.MERCHANT), charge_id, settings)


def test_a_refund_by_the_staff_goes_back_and_is_booked(database: Database, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings, method="alipay")
    refund = back.asked_for(made, 500)
    assert send_refund(refund.public_id, settings) == "pending"
    assert make.Booked("refund", "yunxi", "fund:yunxi", "clearing", 500) in make.booked()
    assert back.refunds() == [("pending", 500)]


def test_a_refund_left_unsent_is_sent_once_by_the_job(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.raising()
    made = back.paid(settings)
    refund = back.asked_for(made)
    with clock.frozen_at(clock.now() + timedelta(minutes=3)):
        sync_money_back(settings)
        send_refund(refund.public_id, settings)
        sync_money_back(settings)
    assert [amount for _, amount in back.refunds()] == [1500]
    assert len([entry for entry in make.booked() if entry.reason == "refund"]) == 1


def test_a_lost_answer_is_no_second_refund(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.raising()
    made = back.paid(settings)
    refund = back.asked_for(made, 700)
    real = StripeGateway.refund

    def answer_lost(self: StripeGateway, request: object) -> object:
        real(self, request)
        raise ProviderUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(StripeGateway, "refund", answer_lost)
        with pytest.raises(ProviderUnavailable):
            send_refund(refund.public_id, settings)
    assert refreshed(back.charge_of(made), settings)
    assert back.refunds() == [("pending", 700)]


def test_no_more_than_was_paid_is_ever_asked_for(database: Database, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    back.asked_for(made, 1000)
    with pytest.raises(RefundTooLarge):
        back.asked_for(made, 501)
    back.asked_for(made)
    with pytest.raises(NothingToRefund):
        back.asked_for(made)


def test_a_refused_refund_says_so_and_frees_its_money(database: Database, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    refund = back.asked_for(made)
    with transaction() as session:
        sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(made))
    assert send_refund(refund.public_id, settings) == "refused"
    assert sorted(back.refunds()) == [("pending", 1500), ("refused", 1500)]


def test_a_refund_made_in_the_dashboard_is_booked_before_its_payment_is_known(
    client: FlaskClient, settings: Settings
) -> None:
    make.raising()
    made = make.paid_in_sandbox(settings)
    with transaction() as session:
        sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(made), 400)
    assert refreshed(back.charge_of(made), settings)
    assert [entry.reason for entry in make.booked()] == ["donation", "processing_fee", "refund"]
    while any(make.deliver(client, settings)):
        pass
    assert [amount for _, amount in back.refunds()] == [400]


def test_a_failed_refund_comes_back_and_its_cover_with_it(database: Database, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    with transaction() as session:
        refund = sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(made))
        refund_id = refund.object_id
    sync_checkout(made.public_id, settings)
    refreshed(back.charge_of(made), settings)
    assert back.balances() == {"clearing": -9, "general": 9}
    with transaction() as session:
        sandbox.fail_refund(session, make.MERCHANT, refund_id)
    refreshed(back.charge_of(made), settings)
    assert back.balances() == {"clearing": 1491, "fund:yunxi": -1491}
    assert back.provider_balance(settings) == 1491


@pytest.mark.parametrize(("won", "fund"), [(True, -1491), (False, 0)])
def test_a_dispute_ends_in_the_right_fund(database: Database, settings: Settings, won: bool, fund: int) -> None:
    make.raising()
    made = back.paid(settings)
    charge = back.charge_of(made)
    with transaction() as session:
        dispute_id = disputes.open_dispute(session, make.MERCHANT, charge).object_id
    refreshed(charge, settings)
    assert back.balances()["disputed"] == 1500
    with transaction() as session:
        disputes.close_dispute(session, make.MERCHANT, dispute_id, won=won)
    refreshed(charge, settings)
    sync_checkout(made.public_id, settings)
    found = back.balances()
    assert found.get("disputed", 0) == 0
    assert found.get("fund:yunxi", 0) == fund
    assert found["clearing"] == back.provider_balance(settings)


def test_an_actionable_warning_refunds_at_once(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    with transaction() as session:
        disputes.warn_of_fraud(session, make.MERCHANT, back.charge_of(made))
    while any(make.deliver(client, settings)):
        pass
    with transaction() as session:
        assert session.scalar(text("SELECT origin FROM refund")) == "fraud_warning"
    assert make.Booked("refund", "yunxi", "fund:yunxi", "clearing", 1500) in make.booked()
