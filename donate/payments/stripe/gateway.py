"""A Gateway to one merchant account at Stripe, spoken through its SDK."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import stripe

from donate import clock
from donate.payments.events import as_uuid, read_event
from donate.payments.facts import (
    BalanceLine,
    BalanceSeen,
    ChargeSeen,
    DisputeSeen,
    FraudWarning,
    PayoutSeen,
    RefundRequest,
    RefundSeen,
)
from donate.payments.gateway import (
    ChargeFee,
    Event,
    MerchantRef,
    OpenedSession,
    ProviderCheckout,
    ProviderRefused,
    SessionRequest,
    WrongMode,
)
from donate.payments.signature import require_signature
from donate.payments.stripe.account import AccountCalls
from donate.payments.stripe.balance import balance_line, balances_seen, payout_seen
from donate.payments.stripe.charges import (
    charge_fee,
    charge_seen,
    dispute_seen,
    fraud_warning,
    refund_params,
    refund_seen,
)
from donate.payments.stripe.checkouts import session_params, status_of
from donate.payments.stripe.history import PAGE, oldest_first
from donate.payments.stripe.recurring import RecurringCalls
from donate.payments.stripe.words import id_of, in_our_words, moment, refunds_in_our_words

_MOST_KINDS = 20  # in one request for events
_DAY, _MONTH = timedelta(days=1), timedelta(days=30)


class StripeGateway(RecurringCalls, AccountCalls):
    """A Gateway to one merchant account at Stripe, or at the sandbox that speaks like it."""

    def __init__(self, merchant: MerchantRef, client: stripe.StripeClient, secrets: tuple[str, ...]) -> None:
        self._merchant = merchant
        self._client = client
        self._secrets = secrets

    def open_session(self, request: SessionRequest) -> OpenedSession:
        with in_our_words():
            session = self._client.v1.checkout.sessions.create(
                session_params(request), {"idempotency_key": f"checkout-{request.checkout_public_id}"}
            )
        if session.url is None:
            raise ProviderRefused(code="session_without_page")
        return OpenedSession(session_id=session.id, url=session.url, expires_at=moment(session.expires_at))

    def read_session(self, session_id: str) -> ProviderCheckout:
        with in_our_words():
            session = self._client.v1.checkout.sessions.retrieve(
                session_id, {"expand": ["payment_intent.latest_charge.balance_transaction"]}
            )
        intent = session.payment_intent if isinstance(session.payment_intent, stripe.PaymentIntent) else None
        charge = intent.latest_charge if intent and isinstance(intent.latest_charge, stripe.Charge) else None
        invoice_id = id_of(session.invoice)
        if invoice_id is not None:  # a month of a standing promise is paid by its invoice, not by the session
            with in_our_words():
                charge = self.charge_of_invoice(invoice_id)
        fee = charge_fee(charge) if charge else None
        details = charge.payment_method_details if charge else None
        return ProviderCheckout(
            session_id=session.id,
            status=status_of(session.status, session.payment_status, intent.status if intent else None),
            amount_minor=session.amount_total or 0,
            currency=(session.currency or "").upper(),
            charge_id=charge.id if charge else None,
            fee_minor=fee.fee_minor if fee and fee.fee_currency == fee.currency else None,
            paid_at=moment(charge.created) if charge and charge.paid else None,
            reference=as_uuid(session.client_reference_id),
            method=details.type if details else None,
            recurring_id=id_of(session.subscription),
            awaits_donor=session.status == "open" and intent is not None and intent.status == "requires_action",
        )

    def close_session(self, session_id: str) -> None:
        with in_our_words():
            self._client.v1.checkout.sessions.expire(session_id)

    def read_charge_fee(self, charge_id: str) -> ChargeFee:
        with in_our_words():
            charge = self._client.v1.charges.retrieve(charge_id, {"expand": ["balance_transaction"]})
        return charge_fee(charge)

    def verify(self, body: bytes, signature: str) -> Event:
        require_signature(body, signature, self._secrets, clock.now())
        event = read_event(body)
        if event.livemode != self._merchant.livemode:
            raise WrongMode
        return event

    def checkout_in(self, event: Event) -> ProviderCheckout | None:
        session: Mapping[str, Any] = event.object
        if session.get("object") != "checkout.session" or type(session.get("amount_total")) is not int:
            return None
        failed = event.kind == "checkout.session.async_payment_failed"
        status = status_of(session.get("status"), session.get("payment_status"), None)
        return ProviderCheckout(
            session_id=event.object_id,
            status="failed" if failed else status,
            amount_minor=session["amount_total"],
            currency=str(session.get("currency") or "").upper(),
            charge_id=None,
            fee_minor=None,
            paid_at=event.created_at if status == "paid" else None,
            reference=event.reference,
        )

    def refund(self, request: RefundRequest) -> RefundSeen:
        with refunds_in_our_words():
            refund = self._client.v1.refunds.create(
                refund_params(request), {"idempotency_key": f"refund-{request.public_id}"}
            )
        return refund_seen(refund)

    def read_refund(self, refund_id: str) -> RefundSeen:
        with in_our_words():
            refund = self._client.v1.refunds.retrieve(refund_id)
        return refund_seen(refund)

    def read_charge(self, charge_id: str) -> ChargeSeen:
        v1 = self._client.v1
        with in_our_words():
            charge = v1.charges.retrieve(charge_id, {"expand": ["balance_transaction"]})
            refunds = list(v1.refunds.list({"charge": charge_id, "limit": PAGE}).auto_paging_iter())
            disputes = list(v1.disputes.list({"charge": charge_id, "limit": PAGE}).auto_paging_iter())
            invoice_id = self._invoice_of(charge)
        return charge_seen(charge, invoice_id, refunds, disputes)

    def _invoice_of(self, charge: stripe.Charge) -> str | None:
        """A charge does not name its invoice any more; asked for only where it is none of our page's."""
        intent_id = id_of(charge.payment_intent)
        if intent_id is None or as_uuid(charge.metadata.to_dict().get("checkout")) is not None:
            return None
        payments = self._client.v1.invoice_payments.list(
            {"payment": {"type": "payment_intent", "payment_intent": intent_id}, "limit": 1}
        )
        return next((id_of(payment.invoice) for payment in payments.data), None)

    def read_dispute(self, dispute_id: str) -> DisputeSeen:
        with in_our_words():
            dispute = self._client.v1.disputes.retrieve(dispute_id)
        return dispute_seen(dispute)

    def read_fraud_warning(self, warning_id: str) -> FraudWarning:
        with in_our_words():
            warning = self._client.v1.radar.early_fraud_warnings.retrieve(warning_id)
        return fraud_warning(warning)

    def read_payout(self, payout_id: str) -> PayoutSeen:
        with in_our_words():
            payout = self._client.v1.payouts.retrieve(payout_id)
        return payout_seen(payout)

    def payouts_since(self, moment: datetime) -> Iterator[PayoutSeen]:
        with in_our_words():
            for payout in oldest_first(self._client.v1.payouts.list, moment, _MONTH):
                yield payout_seen(payout)

    def payout_lines(self, payout_id: str) -> Iterator[BalanceLine]:
        with in_our_words():
            page = self._client.v1.balance_transactions.list({"payout": payout_id, "limit": PAGE})
            for line in page.auto_paging_iter():
                yield balance_line(line)

    def balance(self) -> tuple[BalanceSeen, ...]:
        with in_our_words():
            found = self._client.v1.balance.retrieve()
        return balances_seen(found)

    def balance_lines_since(self, moment: datetime) -> Iterator[BalanceLine]:
        with in_our_words():
            for line in oldest_first(self._client.v1.balance_transactions.list, moment, _DAY):
                yield balance_line(line)

    def events_since(self, moment: datetime, *, kinds: tuple[str, ...], undelivered: bool = False) -> Iterator[bytes]:
        slices = (kinds[first : first + _MOST_KINDS] for first in range(0, len(kinds), _MOST_KINDS))
        asked: list[dict[str, Any]] = [{"types": list(some)} for some in slices]
        if undelivered:
            asked = [{**filters, "delivery_success": False} for filters in asked]
        with in_our_words():
            for event in oldest_first(self._client.v1.events.list, moment, _DAY, asked):
                yield json.dumps(event.to_dict(for_json=True), ensure_ascii=False).encode()
