"""What giving does about the provider's messages. Settling joins this table with its own: settling/messages.py."""

from functools import partial
from typing import Protocol

from donate.giving import declines, recurring_sync, refund_sync, sync
from donate.payments import inbox
from donate.payments.gateway import Event, MerchantRef
from donate.settings import Settings


class Handler(Protocol):
    """What is done about one kind of message, in whatever order they come: read the object as it stands, then move."""

    def __call__(self, merchant: MerchantRef, event: Event, /, settings: Settings) -> None: ...


# These messages carry all that there is to know, so they are booked in the transaction that stores them.
_AT_ONCE = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)

HANDLERS: dict[str, Handler] = {
    "checkout.session.completed": sync.take_session_event,
    "checkout.session.async_payment_succeeded": sync.take_session_event,
    "checkout.session.async_payment_failed": sync.take_session_event,
    "checkout.session.expired": sync.take_session_event,
    "payment_intent.payment_failed": declines.take_declined_event,
    "charge.updated": sync.take_charge_event,
    "invoice.paid": recurring_sync.take_invoice_event,
    "invoice.payment_failed": declines.take_refused_invoice_event,
    "customer.subscription.updated": recurring_sync.take_recurring_event,
    "customer.subscription.deleted": recurring_sync.take_recurring_event,
    "refund.created": refund_sync.take_charge_back_event,
    "refund.updated": refund_sync.take_charge_back_event,
    "refund.failed": refund_sync.take_charge_back_event,
    "charge.refunded": refund_sync.take_charge_back_event,
    "charge.dispute.created": refund_sync.take_charge_back_event,
    "charge.dispute.updated": refund_sync.take_charge_back_event,
    "charge.dispute.closed": refund_sync.take_charge_back_event,
    "charge.dispute.funds_withdrawn": refund_sync.take_charge_back_event,
    "charge.dispute.funds_reinstated": refund_sync.take_charge_back_event,
    "radar.early_fraud_warning.created": refund_sync.take_fraud_warning,
}


def at_once(settings: Settings) -> inbox.AtOnce:
    """What is done in the transaction that stores messages, all kinds together."""
    return dict.fromkeys(_AT_ONCE, partial(sync.book_session_events, settings=settings))
