"""The sandbox's subscriptions: what the official SDK sees of months that are paid, refused, retried and ended."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from sqlalchemy import select

from donate import clock
from donate.db import Database, transaction
from donate.payments.models import SandboxObject
from donate.payments.sandbox import billing, outcomes, ripening
from donate.payments.sandbox.subscriptions import months_after
from donate.settings import Settings
from tests.payments import factories as make
from tests.payments.annotations import faults_of


def monthly(amount: int = 1500, **changes: Any) -> Any:
    """Parameters of a session in subscription mode."""
    line = {
        "quantity": 1,
        "price_data": {
            "currency": "cny",
            "unit_amount": amount,
            "product_data": {"name": "Lunch"},
            "recurring": {"interval": "month"},
        },
    }
    given = {"mode": "subscription", "line_items": [line], "subscription_data": {"metadata": {"recurring": "ours"}}}
    return make.sdk_params(**{**given, **changes})


def begun(settings: Settings, **changes: Any) -> tuple[stripe.StripeClient, stripe.checkout.Session]:
    """A subscription whose first month was paid."""
    client = make.sdk(settings)
    opened = client.v1.checkout.sessions.create(monthly(**changes))
    with transaction() as own:
        outcomes.pay(own, "lunch", opened.id, "card")
    return client, client.v1.checkout.sessions.retrieve(opened.id)


def kinds(client: stripe.StripeClient) -> list[str]:
    return [str(event.type) for event in client.v1.events.list({"limit": 100}).data][::-1]


def let_pass(**delta: int) -> None:
    """Time goes by, noticed step by step as a worker would."""
    for _ in range(8):
        with transaction() as own:
            ripening.ripen(own, clock.now() + timedelta(**delta))


def test_a_paid_page_leaves_a_subscription_a_paid_invoice_and_no_intent(database: Database, settings: Settings) -> None:
    client, checkout = begun(settings)
    assert (checkout.payment_status, checkout.payment_intent, checkout.status) == ("paid", None, "complete")
    subscription = client.v1.subscriptions.retrieve(str(checkout.subscription))
    assert (subscription.status, subscription.metadata.to_dict()) == ("active", {"recurring": "ours"})
    invoice = client.v1.invoices.retrieve(str(checkout.invoice))
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == ("paid", 1500, "subscription_create")
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == subscription.id
    assert "charge" not in invoice.to_dict()
    assert "payment_intent" not in invoice.to_dict()


def test_only_the_payment_of_an_invoice_names_its_charge(database: Database, settings: Settings) -> None:
    client, checkout = begun(settings)
    [payment] = client.v1.invoice_payments.list(
        {"invoice": str(checkout.invoice), "expand": ["data.payment.payment_intent"]}
    ).data
    assert isinstance(payment.payment.payment_intent, stripe.PaymentIntent)
    charge = client.v1.charges.retrieve(str(payment.payment.payment_intent.latest_charge))
    assert (charge.paid, charge.amount, charge.metadata.to_dict()) == (True, 1500, {})


def test_the_events_of_a_first_month(database: Database, settings: Settings) -> None:
    client, _ = begun(settings)
    assert kinds(client) == [
        "customer.created",
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
        "invoice.payment_succeeded",
        "checkout.session.completed",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"allowed_payment_method_types": ["alipay", "wechat_pay"]}, "No valid payment method types"),
        ({"payment_intent_data": {"metadata": {}}}, "You can not pass `payment_intent_data`"),
        ({"mode": "payment", "subscription_data": None}, "passed a recurring price"),
        ({"mode": "payment"}, "You can not pass `subscription_data`"),
        ({"line_items": make.sdk_params()["line_items"]}, "at least one recurring price"),
        ({"mode": "setup"}, "no sessions in setup mode"),
    ],
)
def test_what_a_mode_does_not_take_is_refused(
    database: Database, settings: Settings, changes: dict[str, Any], words: str
) -> None:
    params = monthly(**changes)
    if "payment_intent_data" in changes:
        params["payment_intent_data"] = {"metadata": {"a": "b"}}
    with pytest.raises(stripe.InvalidRequestError, match=words):
        make.sdk(settings).v1.checkout.sessions.create(params)


def test_a_wallet_beside_the_card_is_left_out(database: Database, settings: Settings) -> None:
    opened = make.sdk(settings).v1.checkout.sessions.create(monthly())
    assert opened.payment_method_types == ["card"]


def test_a_month_later_the_card_is_charged_again_with_its_own_fee(database: Database, settings: Settings) -> None:
    client, checkout = begun(settings)
    with make.later(days=32):
        let_pass(seconds=0)
        let_pass(seconds=10)
        invoices = client.v1.invoices.list({"subscription": str(checkout.subscription)}).data
        assert [(each.billing_reason, each.status) for each in invoices] == [
            ("subscription_cycle", "paid"),
            ("subscription_create", "paid"),
        ]
        lines = client.v1.balance_transactions.list({}).data
        assert [(line.amount, line.fee) for line in lines] == [(1500, 74), (1500, 74)]
    first, second = (each.lines.data[0].period for each in reversed(invoices))
    assert first.end == second.start


def test_the_days_of_a_long_month_return_after_a_short_one(database: Database, settings: Settings) -> None:
    begun_at = datetime(2026, 12, 31, 10, tzinfo=UTC)
    assert [months_after(begun_at, count).day for count in (1, 2, 3, 4)] == [31, 28, 31, 30]


def test_a_refused_card_is_tried_again_and_pays(database: Database, settings: Settings) -> None:
    client, checkout = begun(settings)
    subscription_id = str(checkout.subscription)
    with transaction() as own:
        billing.let_card_fail(own, "lunch", subscription_id)
        billing.pass_month(own, "lunch", subscription_id)
    invoice = client.v1.invoices.list({"subscription": subscription_id}).data[0]
    assert (invoice.status, invoice.attempt_count, invoice.next_payment_attempt is None) == ("open", 1, False)
    assert client.v1.subscriptions.retrieve(subscription_id).status == "past_due"
    assert kinds(client)[-2:] == ["invoice.payment_failed", "customer.subscription.updated"]
    with transaction() as own:
        billing.let_card_fail(own, "lunch", subscription_id, fails=False)
    with make.later(days=3, seconds=1):
        assert client.v1.invoices.retrieve(invoice.id).status == "paid"
        assert client.v1.subscriptions.retrieve(subscription_id).status == "active"


def test_after_the_last_refusal_the_subscription_ends(database: Database, settings: Settings) -> None:
    client, checkout = begun(settings)
    subscription_id = str(checkout.subscription)
    with transaction() as own:
        billing.let_card_fail(own, "lunch", subscription_id)
        billing.pass_month(own, "lunch", subscription_id)
    for days in (4, 10, 20):
        with make.later(days=days):
            let_pass(seconds=0)
    ended = client.v1.subscriptions.retrieve(subscription_id)
    assert ended.status == "canceled"
    assert ended.cancellation_details is not None
    assert ended.cancellation_details.reason == "payment_failed"
    assert kinds(client).count("invoice.payment_failed") == 4
    assert kinds(client)[-1] == "customer.subscription.deleted"
    with make.later(days=90):
        let_pass(seconds=0)
    assert len(client.v1.invoices.list({"subscription": subscription_id}).data) == 2


def test_a_canceled_subscription_is_not_charged_and_not_found_twice(database: Database, settings: Settings) -> None:
    client, checkout = begun(settings)
    subscription_id = str(checkout.subscription)
    assert client.v1.subscriptions.cancel(subscription_id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.subscriptions.cancel(subscription_id)
    assert refused.value.code == "resource_missing"
    with make.later(days=40):
        let_pass(seconds=0)
    assert len(client.v1.invoices.list({"subscription": subscription_id}).data) == 1
    assert client.v1.subscriptions.list().data == []
    assert len(client.v1.subscriptions.list({"status": "all"}).data) == 1


def test_one_that_ends_with_its_month_is_charged_no_more(database: Database, settings: Settings) -> None:
    client, checkout = begun(settings)
    subscription_id = str(checkout.subscription)
    changed = client.v1.subscriptions.update(subscription_id, {"cancel_at_period_end": True})
    assert (changed.status, changed.cancel_at_period_end) == ("active", True)
    with make.later(days=40):
        let_pass(seconds=0)
    assert client.v1.subscriptions.retrieve(subscription_id).status == "canceled"
    assert len(client.v1.invoices.list({"subscription": subscription_id}).data) == 1


def test_every_object_of_a_subscription_is_what_the_sdk_says_it_is(database: Database, settings: Settings) -> None:
    client, checkout = begun(settings, customer_email="donor@example.org")
    subscription_id = str(checkout.subscription)
    with transaction() as own:
        billing.let_card_fail(own, "lunch", subscription_id)
        billing.pass_month(own, "lunch", subscription_id)
    client.v1.subscriptions.update(subscription_id, {"cancel_at_period_end": True})
    client.v1.subscriptions.cancel(subscription_id)
    with transaction() as own:
        stored: list[dict[str, Any]] = [dict(body) for body in own.scalars(select(SandboxObject.body))]
    assert {"customer", "subscription", "invoice", "invoice_payment"} <= {body["object"] for body in stored}
    assert [fault for body in stored for fault in faults_of(body)] == []
