"""Charges and what comes back of them: refunds, disputes, warnings."""

from typing import Any

import stripe

from donate.payments.events import as_uuid
from donate.payments.facts import (
    ChargeSeen,
    DisputeSeen,
    DisputeStatus,
    FraudWarning,
    RefundRequest,
    RefundSeen,
    RefundStatus,
)
from donate.payments.gateway import ChargeFee, ProviderRefused
from donate.payments.stripe.words import id_of, moment

_REFUND_STATUS: dict[str, RefundStatus] = {
    "pending": "pending",
    "requires_action": "pending",  # the receiver has to say where to; the money has left the balance
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "canceled",
}

_DISPUTE_STATUS: dict[str, DisputeStatus] = {
    "warning_needs_response": "warning",
    "warning_under_review": "warning",
    "warning_closed": "warning",
    "prevented": "warning",  # settled by a refund before it became a dispute; the refund says so itself
    "needs_response": "open",
    "under_review": "open",
    "won": "won",
    "lost": "lost",
    # An appeal against a lost dispute: lost it stays, until it is won after all.
    "appeal_needs_response": "lost",
    "appeal_under_review": "lost",
}


def charge_fee(charge: stripe.Charge) -> ChargeFee:
    booked = charge.balance_transaction
    known = booked if isinstance(booked, stripe.BalanceTransaction) else None
    return ChargeFee(
        charge_id=charge.id,
        reference=as_uuid(_metadata(charge).get("checkout")),
        amount_minor=charge.amount,
        currency=charge.currency.upper(),
        fee_minor=known.fee if known else None,
        fee_currency=known.currency.upper() if known else None,
    )


def charge_seen(
    charge: stripe.Charge, invoice_id: str | None, refunds: list[stripe.Refund], disputes: list[stripe.Dispute]
) -> ChargeSeen:
    """`refunds` and `disputes` in any order, `charge` with its balance transaction expanded."""
    fee = charge_fee(charge)
    return ChargeSeen(
        charge_id=charge.id,
        reference=fee.reference,
        invoice_id=invoice_id,
        amount_minor=charge.amount,
        currency=fee.currency,
        is_paid=charge.paid,
        refunded_minor=charge.amount_refunded,
        fee_minor=fee.fee_minor,
        fee_currency=fee.fee_currency,
        created_at=moment(charge.created),
        refunds=tuple(sorted(map(refund_seen, refunds), key=lambda seen: (seen.created_at, seen.refund_id))),
        disputes=tuple(sorted(map(dispute_seen, disputes), key=lambda seen: (seen.created_at, seen.dispute_id))),
    )


def refund_params(request: RefundRequest) -> Any:
    params: dict[str, Any] = {
        "charge": request.charge_id,
        "amount": request.amount_minor,
        "metadata": {"refund": str(request.public_id)},
    }
    if request.is_fraudulent:
        params["reason"] = "fraudulent"
    return params


def refund_seen(refund: stripe.Refund) -> RefundSeen:
    charge_id, status = id_of(refund.charge), _REFUND_STATUS.get(refund.status or "")
    if charge_id is None or status is None:
        raise ProviderRefused(code="refund_unreadable")
    return RefundSeen(
        refund_id=refund.id,
        charge_id=charge_id,
        amount_minor=refund.amount,
        currency=refund.currency.upper(),
        status=status,
        created_at=moment(refund.created),
        our_id=as_uuid(_metadata(refund).get("refund")),
        failure=refund.failure_reason,
    )


def dispute_seen(dispute: stripe.Dispute) -> DisputeSeen:
    """What is withdrawn follows from the lines of the balance that the dispute itself names, not from its status."""
    charge_id, status = id_of(dispute.charge), _DISPUTE_STATUS.get(dispute.status)
    if charge_id is None or status is None:
        raise ProviderRefused(code="dispute_unreadable")
    due = dispute.evidence_details.due_by
    return DisputeSeen(
        dispute_id=dispute.id,
        charge_id=charge_id,
        amount_minor=dispute.amount,
        currency=dispute.currency.upper(),
        status=status,
        reason=dispute.reason,
        created_at=moment(dispute.created),
        withdrawn_minor=-sum(line.amount for line in dispute.balance_transactions),
        fee_minor=sum(max(0, line.fee) for line in dispute.balance_transactions),
        fee_returned_minor=sum(max(0, -line.fee) for line in dispute.balance_transactions),
        evidence_due_at=moment(due) if due else None,
    )


def fraud_warning(warning: stripe.radar.EarlyFraudWarning) -> FraudWarning:
    charge_id = id_of(warning.charge)
    if charge_id is None:
        raise ProviderRefused(code="warning_unreadable")
    return FraudWarning(
        warning_id=warning.id,
        charge_id=charge_id,
        is_actionable=warning.actionable,
        created_at=moment(warning.created),
    )


def _metadata(thing: stripe.Charge | stripe.Refund) -> dict[str, Any]:
    return thing.metadata.to_dict() if thing.metadata else {}
