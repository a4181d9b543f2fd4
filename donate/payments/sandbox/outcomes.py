"""What happens to a session: it is paid, declined, or expires."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError
from donate.payments import tariffs
from donate.payments.models import SandboxObject
from donate.payments.sandbox import billing, objects, store
from donate.payments.sandbox.store import Cause

FEE_AFTER = billing.FEE_AFTER


class SessionOver(DonateError):
    """The session was paid, has expired or was never there."""

    sentence = N_("This payment page is no longer open.")
    status = 409


def pay(session: Session, merchant: str, session_id: str, method: str) -> SandboxObject:
    """The donor pays. Raises SessionOver, tariffs.NoTariff for a method that the session does not offer."""
    now = clock.now()
    row = open_session(session, merchant, session_id, now)
    require_offered(row, method)
    if row.body["mode"] == "subscription":
        store.change(row, **billing.begin(session, row, now))
        complete(session, row, now, payment_status="paid")
        return row
    intent = intent_of(session, row, now)
    charge = objects.charge(intent.body, method, is_paid=True, email=row.body["customer_email"], created=now)
    store.add(session, merchant, charge, now, private=charge_private(row), ripe_at=fee_at(row, now))
    store.change(intent, latest_charge=charge["id"], **paid_intent(charge))
    store.emit(session, merchant, "charge.succeeded", charge, now)
    store.emit(session, merchant, "payment_intent.succeeded", intent.body, now)
    complete(session, row, now, payment_status="paid")
    return row


def decline(session: Session, merchant: str, session_id: str, method: str = "card") -> SandboxObject:
    """The bank says no, or a wallet's owner; the session stays open for another try. Raises SessionOver."""
    now = clock.now()
    row = open_session(session, merchant, session_id, now)
    if row.body["mode"] == "subscription":
        billing.refuse(session, row, now)
        return row
    intent = intent_of(session, row, now)
    charge = objects.charge(intent.body, method, is_paid=False, email=row.body["customer_email"], created=now)
    store.add(session, merchant, charge, now)
    turn_back(intent, latest_charge=charge["id"], last_payment_error=objects.payment_error(method, charge["id"]))
    store.emit(session, merchant, "charge.failed", charge, now)
    store.emit(session, merchant, "payment_intent.payment_failed", intent.body, now, disturbance=_disturbance(row))
    return row


def expire(session: Session, row: SandboxObject, now: datetime, cause: Cause | None = None) -> None:
    """Nobody paid in time, or the merchant closed the page. What waits for its donor waits no more."""
    store.change(row, status="expired", url=None)
    row.ripe_at = None
    known = row.body["payment_intent"]
    intent = store.find(session, row.merchant, "payment_intent", known, lock=True) if known else None
    if intent is not None:
        changes: dict[str, Any] = {"status": "canceled", "cancellation_reason": "automatic", "next_action": None}
        store.change(intent, canceled_at=int(now.timestamp()), **changes)
        store.emit(session, row.merchant, "payment_intent.canceled", intent.body, now, cause=cause)
    billing.give_up(session, row, now, cause)
    store.emit(
        session, row.merchant, "checkout.session.expired", row.body, now, cause=cause, disturbance=_disturbance(row)
    )


def open_session(session: Session, merchant: str, session_id: str, now: datetime) -> SandboxObject:
    """The session, locked, while it can be paid. Raises SessionOver."""
    row = store.find(session, merchant, "checkout.session", session_id, lock=True)
    if row is None or row.body["status"] != "open" or row.body["expires_at"] <= now.timestamp():
        raise SessionOver
    return row


def require_offered(row: SandboxObject, method: str) -> None:
    """Raises tariffs.NoTariff for a way of paying that the session does not offer."""
    if method not in row.body["payment_method_types"]:
        raise tariffs.NoTariff(method=method, currency=row.body["currency"].upper())


def intent_of(session: Session, row: SandboxObject, now: datetime) -> SandboxObject:
    """The session's payment intent: made at the first try, kept for the next."""
    known = row.body["payment_intent"]
    intent = store.find(session, row.merchant, "payment_intent", known, lock=True) if known else None
    if intent is None:
        body = objects.intent(row.body, row.private["intent_metadata"], now)
        intent = store.add(session, row.merchant, body, now)
        store.change(row, payment_intent=body["id"])
        store.emit(session, row.merchant, "payment_intent.created", body, now)
    return intent


def turn_back(intent: SandboxObject, **fields: Any) -> None:
    """The intent waits for another try."""
    store.change(intent, status="requires_payment_method", next_action=None, **fields)


def paid_intent(charge: objects.Body) -> objects.Body:
    """The fields of an intent whose charge succeeded."""
    return {
        "status": "succeeded",
        "amount_received": charge["amount"],
        "payment_method": charge["payment_method"],
        "last_payment_error": None,
        "next_action": None,
    }


def charge_private(row: SandboxObject) -> objects.Body:
    """What a charge keeps of its session, beside what the API shows."""
    return {"tariff": row.private["tariff"], "disturbance": _disturbance(row)}


def fee_at(row: SandboxObject, now: datetime) -> datetime:
    """When the fee of a charge that succeeds now is known."""
    return now + timedelta(seconds=_disturbance(row).get("fee_after_seconds", FEE_AFTER.seconds))


def complete(session: Session, row: SandboxObject, now: datetime, *, payment_status: str) -> None:
    """The donor is done, paid or not yet."""
    details = {
        "address": None,
        "business_name": None,
        "email": row.body["customer_email"],
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    store.change(row, status="complete", payment_status=payment_status, customer_details=details, url=None)
    row.ripe_at = None
    tell(session, row, "completed", now)


def tell(session: Session, row: SandboxObject, happened: str, now: datetime) -> None:
    """A message about the session itself."""
    kind = f"checkout.session.{happened}"
    store.emit(session, row.merchant, kind, row.body, now, disturbance=_disturbance(row))


def _disturbance(row: SandboxObject) -> dict[str, Any]:
    found: dict[str, Any] = row.private.get("disturbance", {})
    return found
