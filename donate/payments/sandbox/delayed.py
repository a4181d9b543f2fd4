"""Payments that the provider works on for a while: the donor is done at once, whether money comes is told later.

None of the ways of paying that we offer is like that; a bank debit is, and an account may switch one on.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from donate import clock
from donate.payments import tariffs
from donate.payments.models import SandboxObject
from donate.payments.sandbox import objects, outcomes, store

WORKED_ON = timedelta(seconds=10)  # days with the real one


def begin(session: Session, merchant: str, session_id: str, method: str, *, succeeds: bool) -> SandboxObject:
    """The donor has done all that they can; in ten seconds it succeeds or fails.

    Raises SessionOver, tariffs.NoTariff for a way that the session does not offer, or one of every month.
    """
    now = clock.now()
    row = outcomes.open_session(session, merchant, session_id, now)
    outcomes.require_offered(row, method)
    if row.body["mode"] == "subscription":
        raise tariffs.NoTariff(method=method, currency=row.body["currency"].upper())
    intent = outcomes.intent_of(session, row, now)
    charge = objects.charge(intent.body, method, is_paid=True, email=row.body["customer_email"], created=now)
    charge |= {"status": "pending", "paid": False}
    store.add(session, merchant, charge, now, private=outcomes.charge_private(row))
    store.change(
        intent,
        status="processing",
        latest_charge=charge["id"],
        payment_method=charge["payment_method"],
        last_payment_error=None,
        next_action=None,
    )
    intent.private = {"session": session_id, "succeeds": succeeds}
    intent.ripe_at = now + WORKED_ON
    store.emit(session, merchant, "charge.pending", charge, now)
    store.emit(session, merchant, "payment_intent.processing", intent.body, now)
    row.private = {**row.private, "is_worked_on": True}
    outcomes.complete(session, row, now, payment_status="unpaid")
    return row


def ripen(session: Session, intent: SandboxObject, now: datetime) -> None:
    """What was worked on comes to its end, at the first look after its time."""
    intent.ripe_at = None
    row = store.find(session, intent.merchant, "checkout.session", intent.private["session"], lock=True)
    charge = store.find(session, intent.merchant, "charge", intent.body["latest_charge"], lock=True)
    assert row is not None
    assert charge is not None
    row.private = {**row.private, "is_worked_on": False}
    if intent.private["succeeds"]:
        _succeed(session, row, intent, charge, now)
    else:
        _fail(session, row, intent, charge, now)


def _succeed(session: Session, row: SandboxObject, intent: SandboxObject, charge: SandboxObject, now: datetime) -> None:
    store.change(charge, status="succeeded", paid=True)
    charge.ripe_at = outcomes.fee_at(row, now)
    store.change(intent, **outcomes.paid_intent(charge.body))
    store.change(row, payment_status="paid")
    store.emit(session, row.merchant, "charge.succeeded", charge.body, now)
    store.emit(session, row.merchant, "payment_intent.succeeded", intent.body, now)
    outcomes.tell(session, row, "async_payment_succeeded", now)


def _fail(session: Session, row: SandboxObject, intent: SandboxObject, charge: SandboxObject, now: datetime) -> None:
    method = charge.body["payment_method_details"]["type"]
    store.change(charge, **objects.refused(method))
    outcomes.turn_back(intent, last_payment_error=objects.payment_error(method, charge.object_id))
    store.emit(session, row.merchant, "charge.failed", charge.body, now)
    store.emit(session, row.merchant, "payment_intent.payment_failed", intent.body, now)
    outcomes.tell(session, row, "async_payment_failed", now)
