"""Disputes and early fraud warnings: what the donor's bank does to a charge.

An inquiry (`warning_…`) moves no money and may be answered with a refund. A formal dispute takes its amount and a fee
out of the balance at once; when it is won the amount comes back by a line of its own. With it a fee may come back: that
for answering, which an account whose terms have one paid with its answer (`counter_fee`), or by older terms the one
for receiving it. Else what was taken stays taken.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from donate import clock
from donate.payments import tariffs
from donate.payments.models import SandboxObject
from donate.payments.sandbox import movements, objects, store
from donate.payments.sandbox import parameters as p
from donate.payments.sandbox.faults import Fault, not_found
from donate.payments.sandbox.objects import Body, nulls
from donate.payments.sandbox.reads import find_or_fault
from donate.payments.sandbox.request import Request
from donate.payments.sandbox.store import Cause

ANSWER_WITHIN = timedelta(days=9)
_OVER = ("won", "lost", "warning_closed", "prevented")


def open_dispute(
    session: Session,
    merchant: str,
    charge_id: str,
    *,
    is_inquiry: bool = False,
    amount_minor: int | None = None,
    reason: str = "fraudulent",
) -> SandboxObject:
    """The donor's bank disputes a charge: what is not refunded of it, or `amount_minor`. Raises Fault.

    A charge is disputed once, as with the real one in all but rare cases.
    """
    now = clock.now()
    charge = _paid_charge(session, merchant, charge_id)
    if charge.private.get("disputes"):
        raise Fault(400, f"Charge {charge_id} is disputed already.")
    amount = amount_minor or charge.body["amount"] - charge.body["amount_refunded"] or charge.body["amount"]
    movements.take_fee(session, charge, now)
    body = _body(charge.body, amount, reason, now, is_inquiry=is_inquiry)
    private = {"disturbance": movements.disturbance_of(charge)}
    row = store.add(session, merchant, body, now, private=private)
    charge.private = {**charge.private, "disputes": [body["id"]]}
    store.change(charge, disputed=True)
    end_warnings(session, charge, now)
    if not is_inquiry:
        _withdraw(session, row, now)
    _tell(session, row, now, "charge.dispute.created")
    if not is_inquiry:
        _tell(session, row, now, "charge.dispute.funds_withdrawn")
    return row


def escalate_dispute(session: Session, merchant: str, dispute_id: str) -> SandboxObject:
    """An inquiry becomes a formal dispute, and the money is withdrawn. Raises Fault."""
    now = clock.now()
    row = _running(session, merchant, dispute_id)
    if not row.body["status"].startswith("warning"):
        raise Fault(400, "This dispute is a formal one already.")
    previous = store.change(row, status="needs_response", is_charge_refundable=False)
    _withdraw(session, row, now)
    _tell(session, row, now, "charge.dispute.updated", previous=previous)
    _tell(session, row, now, "charge.dispute.funds_withdrawn")
    return row


def answer_dispute(
    session: Session, merchant: str, dispute_id: str, cause: Cause | None = None, *, counter_fee: int = 0
) -> SandboxObject:
    """The charity's evidence is with the bank, which the provider may charge for. Raises Fault."""
    now = clock.now()
    row = _running(session, merchant, dispute_id)
    is_inquiry = row.body["status"].startswith("warning")
    if counter_fee and not is_inquiry:
        words = f"Dispute countered fee for {row.body['charge']}"
        _move(session, row, now, amount=0, fee=counter_fee, category="fee", description=words)
        row.private = {**row.private, "counter_fee": counter_fee}
    details = {**row.body["evidence_details"], "has_evidence": True, "submission_count": 1}
    previous = store.change(
        row,
        status="warning_under_review" if is_inquiry else "under_review",
        evidence_details={**details, "submission_method": "manual"},
    )
    _tell(session, row, now, "charge.dispute.updated", previous=previous, cause=cause)
    return row


def close_dispute(
    session: Session,
    merchant: str,
    dispute_id: str,
    *,
    won: bool,
    cause: Cause | None = None,
    returned_fee: int | None = None,
) -> SandboxObject:
    """The bank decides; an inquiry just ends. A won one gives back `returned_fee`, or what its answer cost. Raises Fault."""
    now = clock.now()
    row = _running(session, merchant, dispute_id)
    if row.body["status"].startswith("warning"):
        previous = store.change(row, status="warning_closed")
    elif won:
        back = row.private.get("counter_fee", 0) if returned_fee is None else returned_fee
        words = f"Chargeback reversal for {row.body['charge']}"
        amount, kind = row.body["amount"], "dispute_reversal"
        previous = _move(session, row, now, amount=amount, fee=-back, category=kind, description=words)
        previous |= store.change(row, status="won", is_charge_refundable=True)
        _tell(session, row, now, "charge.dispute.funds_reinstated", cause=cause)
    else:
        previous = store.change(row, status="lost")
    _tell(session, row, now, "charge.dispute.closed", previous=previous, cause=cause)
    return row


def close(session: Session, request: Request, dispute_id: str) -> Body:
    """The charity gives up: the dispute is lost."""
    request.params({"expand": p.EXPAND})
    row = find_or_fault(session, request, "dispute", dispute_id)
    if row.body["status"] in _OVER:
        raise Fault(400, "This dispute is already closed", is_kept=True)
    return close_dispute(session, request.merchant.ref, dispute_id, won=False, cause=request.cause).body


def warn_of_fraud(
    session: Session, merchant: str, charge_id: str, *, fraud_type: str = "made_with_stolen_card"
) -> SandboxObject:
    """The card's issuer suspects fraud. Not actionable where the charge is refunded or disputed. Raises Fault."""
    now = clock.now()
    charge = _paid_charge(session, merchant, charge_id)
    body = {
        "id": objects.new_id("issfr"),
        "object": "radar.early_fraud_warning",
        "actionable": not charge.body["refunded"] and not charge.body["disputed"],
        "charge": charge_id,
        "created": int(now.timestamp()),
        "fraud_type": fraud_type,
        "livemode": False,
        "payment_intent": charge.body["payment_intent"],
    }
    row = store.add(session, merchant, body, now)
    charge.private = {**charge.private, "warnings": [*charge.private.get("warnings", []), body["id"]]}
    kind = "radar.early_fraud_warning.created"
    store.emit(session, merchant, kind, body, now, disturbance=movements.disturbance_of(charge))
    return row


def end_warnings(session: Session, charge: SandboxObject, now: datetime) -> None:
    """Nothing is left to be done about the warnings of a charge that is refunded or disputed."""
    for row in store.named(session, charge.merchant, charge.private.get("warnings", [])):
        if row.body["actionable"]:
            previous = store.change(row, actionable=False)
            store.emit(session, charge.merchant, "radar.early_fraud_warning.updated", row.body, now, previous=previous)


def _paid_charge(session: Session, merchant: str, charge_id: str) -> SandboxObject:
    charge = store.find(session, merchant, "charge", charge_id, lock=True)
    if charge is None or not charge.body["paid"]:
        raise not_found("charge", charge_id, "charge")
    return charge


def _running(session: Session, merchant: str, dispute_id: str) -> SandboxObject:
    row = store.find(session, merchant, "dispute", dispute_id, lock=True)
    if row is None:
        raise not_found("dispute", dispute_id, "dispute")
    if row.body["status"] in _OVER:
        raise Fault(400, "This dispute is already closed")
    return row


def _withdraw(session: Session, row: SandboxObject, now: datetime) -> None:
    fee = tariffs.DISPUTE_FEES[row.body["currency"].upper()]
    words = f"Chargeback withdrawal for {row.body['charge']}"
    _move(session, row, now, amount=-row.body["amount"], fee=fee, category="dispute", description=words)


def _move(
    session: Session, row: SandboxObject, now: datetime, *, amount: int, fee: int, category: str, description: str
) -> Body:
    """A movement of the balance that the dispute names, and what it named before; a `fee` below zero comes back."""
    line = movements.move(
        session,
        row.merchant,
        kind="adjustment",
        amount=amount,
        fee=fee,
        currency=row.body["currency"],
        source=row.body["id"],
        now=now,
        category=category,
        description=description,
        fee_words="Dispute fee",
    )
    return store.change(row, balance_transactions=[*row.body["balance_transactions"], line.body])


def _tell(
    session: Session,
    row: SandboxObject,
    now: datetime,
    kind: str,
    previous: Body | None = None,
    cause: Cause | None = None,
) -> None:
    disturbance = movements.disturbance_of(row)
    store.emit(session, row.merchant, kind, row.body, now, previous=previous, cause=cause, disturbance=disturbance)


_EVIDENCE = {
    **nulls(
        "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
        "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
        "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt "
        "refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation "
        "shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number "
        "uncategorized_file uncategorized_text"
    ),
    "enhanced_evidence": {},
}


def _body(charge: Body, amount: int, reason: str, now: datetime, *, is_inquiry: bool) -> Body:
    due = int((now + ANSWER_WITHIN).replace(hour=23, minute=59, second=59).astimezone(UTC).timestamp())
    network: Body | None = None
    if movements.is_card(charge):
        case = "inquiry" if is_inquiry else "chargeback"
        card = {"brand": "visa", "case_type": case, "network": "visa", "network_reason_code": "10.4"}
        network = {"card": card, "type": "card"}
    return {
        "id": objects.new_id("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": int(now.timestamp()),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": _EVIDENCE,
        "evidence_details": {
            "due_by": due,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": is_inquiry,
        "livemode": False,
        "metadata": {},
        "network_reason_code": "10.4" if network else None,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": network,
        "reason": reason,
        "status": "warning_needs_response" if is_inquiry else "needs_response",
    }
