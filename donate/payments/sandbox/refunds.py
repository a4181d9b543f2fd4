"""Refunds: asked for over the API or in the provider's dashboard; they succeed, fail later, or are cancelled.

A card's refund succeeds at once; a wallet's is pending for some seconds. The money leaves the balance in the moment of
the request, and comes back by a line of its own when a refund fails, days later perhaps. A charge whose fee is not
known yet gets its line first, so that the balance never shows a refund of what never came in.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from donate import clock
from donate.payments.models import SandboxObject
from donate.payments.sandbox import disputes, movements, objects, store
from donate.payments.sandbox import parameters as p
from donate.payments.sandbox.faults import Fault, missing, not_found
from donate.payments.sandbox.objects import Body
from donate.payments.sandbox.reads import find_or_fault
from donate.payments.sandbox.request import Request
from donate.payments.sandbox.store import Cause

WALLET_AFTER = timedelta(seconds=5)

CREATE: dict[str, p.Shape] = {
    "charge": p.string(255),
    "payment_intent": p.string(255),
    "amount": p.integer(1, 99_999_999),
    "reason": p.one_of("duplicate", "fraudulent", "requested_by_customer"),
    "metadata": p.METADATA,
    "expand": p.EXPAND,
}


def create(session: Session, request: Request) -> Body:
    params = request.params(CREATE)
    charge = _charge_asked_for(session, request, params)
    return refund(
        session,
        charge,
        amount=params.get("amount"),
        reason=params.get("reason"),
        metadata=params.get("metadata", {}),
        now=request.now,
        cause=request.cause,
    ).body


def update(session: Session, request: Request, refund_id: str) -> Body:
    """Only metadata can be changed; an empty value takes a name away."""
    params = request.params({"metadata": p.METADATA_CHANGE, "expand": p.EXPAND})
    row = find_or_fault(session, request, "refund", refund_id, lock=True)
    changed = {**row.body["metadata"], **params.get("metadata", {})}
    previous = store.change(row, metadata={name: value for name, value in changed.items() if value})
    store.emit(session, row.merchant, "refund.updated", row.body, request.now, previous=previous, cause=request.cause)
    return row.body


def cancel(session: Session, request: Request, refund_id: str) -> Body:
    """Only a refund that waits for its receiver can be cancelled; no method of ours brings that state about."""
    request.params({"expand": p.EXPAND})
    row = find_or_fault(session, request, "refund", refund_id, lock=True)
    if row.body["status"] != "requires_action":
        raise Fault(400, f"You cannot cancel a refund in status {row.body['status']}.", is_kept=True)
    _give_back(session, row, request.now, status="canceled", reason="merchant_request", cause=request.cause)
    return row.body


def refund_in_dashboard(
    session: Session,
    merchant: str,
    charge_id: str,
    amount_minor: int | None = None,
    *,
    reason: str | None = None,
    awaits_receiver: bool = False,
    fee_minor: int = 0,
) -> SandboxObject:
    """Somebody clicks “refund” at the provider: whole, or `amount_minor` of it. Raises Fault as the API does.

    With `awaits_receiver` it stays in requires_action, the one state in which a refund can be cancelled. `fee_minor` is
    what the provider takes for it by some terms, or, below zero, gives back of the payment's own fee.
    """
    charge = store.find(session, merchant, "charge", charge_id, lock=True)
    if charge is None:
        raise not_found("charge", charge_id, "charge")
    now = clock.now()
    return refund(
        session,
        charge,
        amount=amount_minor,
        reason=reason,
        now=now,
        awaits_receiver=awaits_receiver,
        fee_minor=fee_minor,
    )


def fail_refund(session: Session, merchant: str, refund_id: str, reason: str = "lost_or_stolen_card") -> SandboxObject:
    """The receiving bank sends the money back, at once or days after the refund had succeeded. Done once."""
    row = store.find(session, merchant, "refund", refund_id, lock=True)
    if row is None:
        raise not_found("refund", refund_id, "id")
    if row.body["status"] not in ("failed", "canceled"):
        _give_back(session, row, clock.now(), status="failed", reason=reason)
    return row


def cancel_refund(session: Session, merchant: str, refund_id: str) -> SandboxObject:
    """Cancelled in the dashboard, as far as its state allows. Raises Fault."""
    row = store.find(session, merchant, "refund", refund_id, lock=True)
    if row is None or row.body["status"] != "requires_action":
        raise Fault(400, "You cannot cancel this refund.")
    _give_back(session, row, clock.now(), status="canceled", reason="merchant_request")
    return row


def ripen(session: Session, row: SandboxObject, now: datetime) -> None:
    """A wallet's refund arrives."""
    row.ripe_at = None
    if row.body["status"] == "pending":
        previous = store.change(row, status="succeeded", pending_reason=None)
        _tell(session, row, now, "refund.updated", "charge.refund.updated", previous=previous)


def refund(
    session: Session,
    charge: SandboxObject,
    *,
    amount: int | None,
    now: datetime,
    reason: str | None = None,
    metadata: Body | None = None,
    cause: Cause | None = None,
    awaits_receiver: bool = False,
    fee_minor: int = 0,
) -> SandboxObject:
    """Take the money out of the balance and send it back. `charge` is locked. Raises Fault where it may not be."""
    wanted = _allowed(session, charge, amount)
    first = movements.take_fee(session, charge, now)
    is_card = movements.is_card(charge.body)
    refund_id = objects.new_id("re" if is_card else "pyr")
    line = movements.move(
        session,
        charge.merchant,
        kind="refund" if is_card else "payment_refund",
        amount=-wanted,
        fee=fee_minor,
        currency=charge.body["currency"],
        source=refund_id,
        now=now,
        # What was not available yet is taken from what is not: the balance does not go below zero for a day.
        available=datetime.fromtimestamp(first.body["available_on"], UTC),
        description=f"REFUND FOR CHARGE {charge.body['id']}",
    )
    body = _body(charge.body, refund_id, wanted, line.body["id"], now)
    body |= {"reason": reason, "metadata": metadata or {}}
    ripe_at = None
    if awaits_receiver:
        body |= {"status": "requires_action", "next_action": _next_action(now)}
    elif not is_card:
        body |= {"status": "pending", "pending_reason": "processing"}
        ripe_at = now + WALLET_AFTER
    private = {"disturbance": movements.disturbance_of(charge)}
    row = store.add(session, charge.merchant, body, now, private=private, ripe_at=ripe_at)
    charge.private = {**charge.private, "refunds": [*charge.private.get("refunds", []), refund_id]}
    refunded = charge.body["amount_refunded"] + wanted
    previous = store.change(charge, amount_refunded=refunded, refunded=refunded == charge.body["amount"])
    if reason == "fraudulent":
        store.change(charge, fraud_details={"user_report": "fraudulent"})
    if charge.body["refunded"]:
        disputes.end_warnings(session, charge, now)
    _tell(session, row, now, "refund.created", cause=cause)
    store.emit(
        session,
        charge.merchant,
        "charge.refunded",
        charge.body,
        now,
        previous=previous,
        cause=cause,
        disturbance=movements.disturbance_of(charge),
    )
    return row


def _charge_asked_for(session: Session, request: Request, params: Body) -> SandboxObject:
    if ("charge" in params) == ("payment_intent" in params):
        raise missing("charge") if "charge" not in params else Fault(400, "Pass one of charge and payment_intent.")
    if "charge" in params:
        return find_or_fault(session, request, "charge", params["charge"], param="charge", lock=True)
    intent = find_or_fault(session, request, "payment_intent", params["payment_intent"], param="payment_intent")
    if intent.body["status"] != "succeeded":
        message = "This PaymentIntent does not have a successful charge to refund."
        raise Fault(400, message, code="payment_intent_unexpected_state", param="payment_intent", is_kept=True)
    return find_or_fault(session, request, "charge", intent.body["latest_charge"], lock=True)


def _allowed(session: Session, row: SandboxObject, amount: int | None) -> int:
    """How much is sent back. Raises Fault."""
    charge = row.body
    charge_id, left = charge["id"], charge["amount"] - charge["amount_refunded"]
    if not charge["paid"]:
        raise Fault(400, f"Charge {charge_id} was not paid; cannot issue a refund.", param="charge", is_kept=True)
    if charge["refunded"]:
        message = f"Charge {charge_id} has already been refunded."
        raise Fault(400, message, code="charge_already_refunded", is_kept=True)
    disputes = store.named(session, row.merchant, row.private.get("disputes", []))
    if any(not dispute.body["is_charge_refundable"] for dispute in disputes):
        message = f"Charge {charge_id} has been charged back; cannot issue a refund."
        raise Fault(400, message, code="charge_disputed", is_kept=True)
    wanted = left if amount is None else amount
    if wanted > left:
        message = f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})"
        raise Fault(400, message, param="amount", is_kept=True)
    return int(wanted)


def _give_back(
    session: Session, row: SandboxObject, now: datetime, *, status: str, reason: str, cause: Cause | None = None
) -> None:
    """The money is back in the balance, and the charge counts as less refunded."""
    line = movements.move(
        session,
        row.merchant,
        kind="refund_failure",
        amount=row.body["amount"],
        currency=row.body["currency"],
        source=row.body["id"],
        now=now,
        description="REFUND FAILURE",
    )
    previous = store.change(
        row,
        status=status,
        failure_reason=reason,
        failure_balance_transaction=line.body["id"],
        pending_reason=None,
        next_action=None,
    )
    row.ripe_at = None
    charge = store.find(session, row.merchant, "charge", row.body["charge"], lock=True)
    assert charge is not None
    store.change(charge, amount_refunded=charge.body["amount_refunded"] - row.body["amount"], refunded=False)
    kinds = ["refund.updated", "charge.refund.updated"]
    if status == "failed":
        kinds.insert(0, "refund.failed")
    _tell(session, row, now, *kinds, previous=previous, cause=cause)


def _tell(
    session: Session,
    row: SandboxObject,
    now: datetime,
    *kinds: str,
    previous: Body | None = None,
    cause: Cause | None = None,
) -> None:
    for kind in kinds:
        store.emit(
            session,
            row.merchant,
            kind,
            row.body,
            now,
            previous=None if kind == "refund.failed" else previous,
            cause=cause,
            disturbance=movements.disturbance_of(row),
        )


def _body(charge: Body, refund_id: str, amount: int, line: str, now: datetime) -> Body:
    method = charge["payment_method_details"]["type"]
    details: Body = {"type": method, method: {}}
    if method == "card":
        details["card"] = {
            "reference_status": "pending",
            "reference_type": "acquirer_reference_number",
            "type": "refund",
        }
    return {
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": line,
        "charge": charge["id"],
        "created": int(now.timestamp()),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": details,
        "failure_balance_transaction": None,
        "failure_reason": None,
        "next_action": None,
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "pending_reason": None,
        "presentment_details": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def _next_action(now: datetime) -> Body:
    sent = int(now.timestamp())
    told = {"email_sent_at": sent, "email_sent_to": "donor@example.org"}
    return {"type": "display_details", "display_details": {"email_sent": told, "expires_at": sent + 45 * 86_400}}
