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
    row = _open_session(session, merchant, session_id, now)
    if method not in row.body["payment_method_types"]:
        raise tariffs.NoTariff(method=method, currency=row.body["currency"].upper())
    disturbance = row.private.get("disturbance", {})
    if row.body["mode"] == "subscription":
        store.change(row, **billing.begin(session, row, now))
        _complete(session, row, now, disturbance)
        return row
    intent = _intent_of(session, row, now)
    charge = objects.charge(intent.body, method, is_paid=True, email=row.body["customer_email"], created=now)
    store.add(
        session,
        merchant,
        charge,
        now,
        private={"tariff": row.private["tariff"], "disturbance": disturbance},
        ripe_at=now + timedelta(seconds=disturbance.get("fee_after_seconds", FEE_AFTER.seconds)),
    )
    store.change(
        intent,
        status="succeeded",
        latest_charge=charge["id"],
        amount_received=charge["amount"],
        payment_method=charge["payment_method"],
        last_payment_error=None,
    )
    store.emit(session, merchant, "charge.succeeded", charge, now)
    store.emit(session, merchant, "payment_intent.succeeded", intent.body, now)
    _complete(session, row, now, disturbance)
    return row


def decline(session: Session, merchant: str, session_id: str, method: str = "card") -> SandboxObject:
    """The bank says no; the session stays open for another try. Raises SessionOver."""
    now = clock.now()
    row = _open_session(session, merchant, session_id, now)
    intent = _intent_of(session, row, now)
    charge = objects.charge(intent.body, method, is_paid=False, email=row.body["customer_email"], created=now)
    store.add(session, merchant, charge, now)
    error = {
        "charge": charge["id"],
        "code": "card_declined",
        "decline_code": "generic_decline",
        "doc_url": "https://stripe.com/docs/error-codes/card-declined",
        "message": "Your card was declined.",
        "type": "card_error",
    }
    store.change(intent, latest_charge=charge["id"], last_payment_error=error)
    store.emit(session, merchant, "charge.failed", charge, now)
    disturbance = row.private.get("disturbance", {})
    store.emit(session, merchant, "payment_intent.payment_failed", intent.body, now, disturbance=disturbance)
    return row


def expire(session: Session, row: SandboxObject, now: datetime, cause: Cause | None = None) -> None:
    """Nobody paid in time, or the merchant closed the page."""
    store.change(row, status="expired", url=None)
    row.ripe_at = None
    disturbance = row.private.get("disturbance", {})
    store.emit(session, row.merchant, "checkout.session.expired", row.body, now, cause=cause, disturbance=disturbance)


def _open_session(session: Session, merchant: str, session_id: str, now: datetime) -> SandboxObject:
    row = store.find(session, merchant, "checkout.session", session_id, lock=True)
    if row is None or row.body["status"] != "open" or row.body["expires_at"] <= now.timestamp():
        raise SessionOver
    return row


def _intent_of(session: Session, row: SandboxObject, now: datetime) -> SandboxObject:
    """The session's payment intent: made at the first try, kept for the next."""
    known = row.body["payment_intent"]
    intent = store.find(session, row.merchant, "payment_intent", known, lock=True) if known else None
    if intent is None:
        body = objects.intent(row.body, row.private["intent_metadata"], now)
        intent = store.add(session, row.merchant, body, now)
        if row.body["mode"] == "payment":  # a session in subscription mode names its subscription and invoice only
            store.change(row, payment_intent=body["id"])
        store.emit(session, row.merchant, "payment_intent.created", body, now)
    return intent


def _complete(session: Session, row: SandboxObject, now: datetime, disturbance: dict[str, Any]) -> None:
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
    store.change(
        row,
        status="complete",
        payment_status="paid",
        customer_details=details,
        url=None,
    )
    row.ripe_at = None
    store.emit(session, row.merchant, "checkout.session.completed", row.body, now, disturbance=disturbance)
