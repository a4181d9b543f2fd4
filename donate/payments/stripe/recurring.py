"""Standing promises: a donor's subscription, and the invoices that it is charged by.

An invoice names neither its charge nor its intent since the API of 2025, and its charge carries no metadata of ours:
only the invoice's payment leads from the one to the other.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import stripe
from stripe.params import InvoicePaymentListParams

from donate.payments.events import as_uuid
from donate.payments.facts import RecurringCharge, RecurringSeen, RecurringStatus, RefusedMonth
from donate.payments.gateway import NoSuchSession, ProviderRefused
from donate.payments.stripe.words import id_of, in_our_words, moment

_PAGE = 100

_STATUS: dict[str, RecurringStatus] = {
    "active": "active",
    "trialing": "active",
    "past_due": "past_due",
    "unpaid": "past_due",
    "paused": "past_due",
    "canceled": "ended",
    # The first month was refused on the page, which stays open for another card: nothing has begun, and nothing ends.
    "incomplete": "pending",
    "incomplete_expired": "pending",
}


class RecurringCalls:
    """The part of a Gateway that knows standing promises."""

    _client: stripe.StripeClient

    def read_recurring(self, recurring_id: str) -> RecurringSeen:
        with in_our_words():
            found = self._client.v1.subscriptions.retrieve(recurring_id)
        return recurring_seen(found)

    def cancel_recurring(self, recurring_id: str, our_id: UUID) -> RecurringSeen:
        key = f"recurring-stop-{our_id}"
        try:
            with in_our_words():
                found = self._client.v1.subscriptions.cancel(recurring_id, options={"idempotency_key": key})
        except NoSuchSession:
            # What is canceled already is refused as unknown, but can still be read.
            return self.read_recurring(recurring_id)
        return recurring_seen(found)

    def read_recurring_charge(self, invoice_id: str) -> RecurringCharge:
        with in_our_words():
            invoice = self._client.v1.invoices.retrieve(invoice_id)
            charge = self.charge_of_invoice(invoice_id) if invoice.status == "paid" else None
        return recurring_charge(invoice, charge)

    def read_refused_month(self, *, intent_id: str | None = None, invoice_id: str | None = None) -> RefusedMonth | None:
        asked: InvoicePaymentListParams = {"limit": 1, "expand": ["data.invoice", "data.payment.payment_intent"]}
        if intent_id is not None:
            asked["payment"] = {"type": "payment_intent", "payment_intent": intent_id}
        if invoice_id is not None:
            asked["invoice"] = invoice_id
        with in_our_words():
            found = self._client.v1.invoice_payments.list(asked).data
        return refused_month(found[0]) if found else None

    def recurring_charges(self, recurring_id: str, since: datetime) -> Iterator[RecurringCharge]:
        with in_our_words():
            page = self._client.v1.invoices.list(
                {"subscription": recurring_id, "created": {"gte": int(since.timestamp())}, "limit": _PAGE}
            )
            found = sorted(page.auto_paging_iter(), key=lambda invoice: (invoice.created, invoice.number or ""))
        for invoice in found:
            with in_our_words():
                charge = self.charge_of_invoice(invoice.id) if invoice.status == "paid" else None
            yield recurring_charge(invoice, charge)

    def charge_of_invoice(self, invoice_id: str) -> stripe.Charge | None:
        """The charge that paid an invoice, with its fee where it is known; None where nothing was charged."""
        v1 = self._client.v1
        payments = v1.invoice_payments.list(
            {"invoice": invoice_id, "status": "paid", "expand": ["data.payment.payment_intent"]}
        )
        for payment in payments.data:
            intent = payment.payment.payment_intent
            charge_id = id_of(intent.latest_charge) if isinstance(intent, stripe.PaymentIntent) else None
            charge_id = charge_id or id_of(payment.payment.charge)
            if charge_id is not None:
                return v1.charges.retrieve(charge_id, {"expand": ["balance_transaction"]})
        return None


def recurring_seen(subscription: stripe.Subscription) -> RecurringSeen:
    status, items = _STATUS.get(subscription.status), subscription.items.data
    if status is None or not items:
        raise ProviderRefused(code="subscription_unreadable")
    metadata = subscription.metadata.to_dict()
    # While a month is unpaid, what is paid reaches to its beginning only.
    until = items[0].current_period_end if status == "active" else items[0].current_period_start
    details = subscription.cancellation_details
    return RecurringSeen(
        recurring_id=subscription.id,
        our_id=as_uuid(metadata.get("recurring")),
        status=status,
        amount_minor=sum((item.price.unit_amount or 0) * (item.quantity or 1) for item in items),
        currency=subscription.currency.upper(),
        is_ending=status != "ended" and (subscription.cancel_at_period_end or subscription.cancel_at is not None),
        has_failed=details is not None and details.reason == "payment_failed",
        paid_until=moment(until),
    )


def refused_month(payment: stripe.InvoicePayment) -> RefusedMonth | None:
    """`payment` with its invoice and intent expanded."""
    invoice, intent = payment.invoice, payment.payment.payment_intent
    if not isinstance(invoice, stripe.Invoice) or invoice.parent is None:
        return None
    details = invoice.parent.subscription_details
    if details is None:
        return None
    metadata = details.metadata.to_dict() if details.metadata else {}
    return RefusedMonth(
        our_id=as_uuid(metadata.get("recurring")),
        is_first=invoice.billing_reason == "subscription_create",
        charge_id=id_of(intent.latest_charge) if isinstance(intent, stripe.PaymentIntent) else None,
    )


def recurring_charge(invoice: stripe.Invoice, charge: stripe.Charge | None) -> RecurringCharge:
    details = invoice.parent.subscription_details if invoice.parent else None
    recurring_id = id_of(details.subscription) if details else None
    if details is None or recurring_id is None or not invoice.lines.data:
        raise ProviderRefused(code="invoice_of_no_subscription")
    metadata = details.metadata.to_dict() if details.metadata else {}
    paid_at = invoice.status_transitions.paid_at
    return RecurringCharge(
        invoice_id=invoice.id,
        recurring_id=recurring_id,
        our_id=as_uuid(metadata.get("recurring")),
        # What came in is what was charged: a coupon or a balance at the provider makes it less than was asked for.
        amount_minor=charge.amount if charge else invoice.amount_due,
        currency=(charge.currency if charge else invoice.currency).upper(),
        is_paid=charge is not None and charge.paid,
        is_first=invoice.billing_reason == "subscription_create",
        charge_id=charge.id if charge else None,
        attempt_count=invoice.attempt_count,
        next_attempt_at=moment(invoice.next_payment_attempt) if invoice.next_payment_attempt else None,
        paid_at=moment(paid_at) if paid_at else None,
        period_from=moment(invoice.lines.data[0].period.start),
    )
