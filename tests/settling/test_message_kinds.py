"""Which kinds of the provider's messages are handled: the design's list, the table and the sandbox's post are one."""

from typing import get_args

import stripe

from donate.giving.messages import at_once
from donate.payments.sandbox.store import DELIVERED_KINDS
from donate.settings import Settings
from donate.settling.messages import handlers

# DESIGN.md, section 7, “Kinds handled”, in its order.
DESIGNED = {
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.payment_failed",
    "charge.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "radar.early_fraud_warning.created",
    "invoice.paid",
    "invoice.payment_failed",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "payout.paid",
    "payout.failed",
    "payout.reconciliation_completed",
}
# A settlement is shown from its first day, with the day on which it should arrive, and not only once it has arrived.
BEYOND = {"payout.created", "payout.updated", "payout.canceled"}


def test_what_the_design_lists_is_handled_and_nothing_else(settings: Settings) -> None:
    assert set(handlers(settings)) == DESIGNED | BEYOND


def test_the_sandbox_posts_just_what_is_handled(settings: Settings) -> None:
    assert set(handlers(settings)) == DELIVERED_KINDS


def test_what_is_booked_at_once_is_handled_in_the_common_way_as_well(settings: Settings) -> None:
    assert set(at_once(settings)) < set(handlers(settings))


def test_every_kind_is_one_of_the_providers(settings: Settings) -> None:
    assert set(handlers(settings)) <= set(get_args(stripe.Event.__annotations__["type"]))
