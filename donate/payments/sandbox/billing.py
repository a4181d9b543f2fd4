"""What a subscription does in time: a month begins and the card is charged, or refuses and is tried again, or it ends.

A refused card is tried again after three, five and seven days, as the real one may be set to; after that the
subscription ends. Refused on the page itself, before any month was paid, the subscription stays incomplete, and only its
donor tries again, with another card. Tests let time pass by the clock (`ripening.ripen`) or by `pass_month`.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.payments.models import SandboxObject
from donate.payments.sandbox import customers, invoices, objects, store, subscriptions
from donate.payments.sandbox.objects import Body
from donate.payments.sandbox.store import Cause

FEE_AFTER = timedelta(seconds=2)
RETRY_AFTER = (timedelta(days=3), timedelta(days=5), timedelta(days=7))


def begin(session: Session, checkout: SandboxObject, now: datetime) -> Body:
    """The donor has paid on a page in subscription mode; what its session shows from now on."""
    row, invoice = _started(session, checkout, "active", now)
    row.ripe_at = subscriptions.period_of(row.body)[1]
    _attempt(session, row, invoice, now, is_paid=True)
    if row.body["status"] == "incomplete":
        subscriptions.updated(session, row, store.change(row, status="active"), now)
    return {"customer": row.body["customer"], "subscription": row.object_id, "invoice": invoice.object_id}


def refuse(session: Session, checkout: SandboxObject, now: datetime) -> None:
    """The bank says no to the first month, on the page; the page names nothing of it before somebody has paid."""
    row, invoice = _started(session, checkout, "incomplete", now)
    _attempt(session, row, invoice, now, is_paid=False)


def give_up(session: Session, checkout: SandboxObject, now: datetime, cause: Cause | None = None) -> None:
    """The page is over and nobody has paid: what was begun on it never begins."""
    begun = _found(session, checkout)
    if begun is None:
        return
    row, invoice = begun
    moment = int(now.timestamp())
    times = {**invoice.body["status_transitions"], "voided_at": moment}
    store.change(invoice, status="void", auto_advance=False, status_transitions=times)
    store.emit(session, row.merchant, "invoice.voided", invoice.body, now, cause=cause)
    previous = store.change(row, status="incomplete_expired", ended_at=moment)
    subscriptions.updated(session, row, previous, now, cause)


def _started(
    session: Session, checkout: SandboxObject, status: str, now: datetime
) -> tuple[SandboxObject, SandboxObject]:
    """Subscription and open invoice of a page: made in this state at the first try, kept for the next."""
    begun = _found(session, checkout)
    if begun is not None:
        return begun
    customer = customers.create(session, checkout.merchant, checkout.body, now)
    body = subscriptions.subscription(
        checkout.body,
        checkout.private["lines"][0],
        customer.object_id,
        checkout.private["subscription_metadata"],
        objects.new_id("pm"),
        now,
    )
    private = {
        "tariff": checkout.private["tariff"],
        "disturbance": checkout.private.get("disturbance", {}),
        "email": checkout.body["customer_email"],
        "months": 1,
        "card_fails": False,
    }
    row = store.add(session, checkout.merchant, {**body, "status": status}, now, private=private)
    store.emit(session, row.merchant, "customer.subscription.created", row.body, now)
    invoice = _open_invoice(session, row, now)
    store.change(row, latest_invoice=invoice.object_id)
    checkout.private = {**checkout.private, "begun": [row.object_id, invoice.object_id]}
    return row, invoice


def _found(session: Session, checkout: SandboxObject) -> tuple[SandboxObject, SandboxObject] | None:
    if "begun" not in checkout.private:
        return None
    kinds = zip(("subscription", "invoice"), checkout.private["begun"], strict=True)
    row, invoice = (store.find(session, checkout.merchant, kind, one, lock=True) for kind, one in kinds)
    assert row is not None
    assert invoice is not None
    return row, invoice


def renew(session: Session, row: SandboxObject, now: datetime) -> None:
    """The next month begins, at its own day however late it is noticed; or the subscription ends with the old one."""
    if row.body["status"] == "canceled":  # ended by what ripened just before
        row.ripe_at = None
        return
    if row.body["cancel_at_period_end"]:
        subscriptions.end(session, row, "cancellation_requested", now)
        return
    months = row.private["months"] + 1
    anchor = datetime.fromtimestamp(row.body["billing_cycle_anchor"], UTC)
    begun, ended = (subscriptions.months_after(anchor, count) for count in (months - 1, months))
    row.private = {**row.private, "months": months}
    row.ripe_at = ended
    previous = store.change(row, items=subscriptions.with_period(row.body, begun, ended))
    invoice = _open_invoice(session, row, now)
    previous |= store.change(row, latest_invoice=invoice.object_id)
    subscriptions.updated(session, row, previous, now)
    _attempt(session, row, invoice, now, is_paid=not row.private["card_fails"])


def retry(session: Session, invoice: SandboxObject, now: datetime) -> None:
    """The card is tried again; after the last refusal the subscription ends."""
    if invoice.body["next_payment_attempt"] is None:  # given up by what ripened just before
        invoice.ripe_at = None
        return
    subscription_id = invoice.body["parent"]["subscription_details"]["subscription"]
    row = store.find(session, invoice.merchant, "subscription", subscription_id, lock=True)
    assert row is not None
    _attempt(session, row, invoice, now, is_paid=not row.private["card_fails"])


def pass_month(session: Session, merchant: str, subscription_id: str) -> None:
    """Let one month pass for one subscription, whatever the clock says. For tests and the sample world."""
    row = _locked(session, merchant, subscription_id)
    if row.body["status"] != "canceled":
        renew(session, row, clock.now())


def let_card_fail(session: Session, merchant: str, subscription_id: str, *, fails: bool = True) -> None:
    """From now on the bank refuses the card of this subscription, or takes it again."""
    row = _locked(session, merchant, subscription_id)
    row.private = {**row.private, "card_fails": fails}


def _locked(session: Session, merchant: str, subscription_id: str) -> SandboxObject:
    return session.scalars(
        select(SandboxObject)
        .where(SandboxObject.merchant == merchant, SandboxObject.object_id == subscription_id)
        .with_for_update()
    ).one()


def _open_invoice(session: Session, row: SandboxObject, now: datetime) -> SandboxObject:
    begun, ended = subscriptions.period_of(row.body)
    body = invoices.invoice(
        row.body,
        amount=subscriptions.amount_of(row.body),
        number=row.private["months"],
        period=(int(begun.timestamp()), int(ended.timestamp())),
        email=row.private["email"],
        now=now,
    )
    intent = objects.intent(_intent_facts(body), {}, now)
    intent |= {"customer": row.body["customer"], "setup_future_usage": "off_session"}
    store.add(session, row.merchant, intent, now)
    payment = store.add(session, row.merchant, invoices.payment(body, intent["id"], now), now)
    private = {"intent": intent["id"], "payment": payment.object_id}
    invoice = store.add(session, row.merchant, body, now, private=private)
    for kind in ("invoice.created", "invoice.finalized"):
        store.emit(session, row.merchant, kind, invoice.body, now)
    return invoice


def _intent_facts(invoice: Body) -> Body:
    return {"amount_total": invoice["amount_due"], "currency": invoice["currency"], "payment_method_types": ["card"]}


def _attempt(session: Session, row: SandboxObject, invoice: SandboxObject, now: datetime, *, is_paid: bool) -> None:
    """One try to charge the card for an invoice. The charge names neither: only the invoice's payment does."""
    intent = store.find(session, row.merchant, "payment_intent", invoice.private["intent"], lock=True)
    assert intent is not None
    charge = objects.charge(intent.body, "card", is_paid=is_paid, email=row.private["email"], created=now)
    charge |= {"customer": row.body["customer"], "payment_method": row.body["default_payment_method"]}
    disturbance = row.private["disturbance"]
    fee_after = disturbance.get("fee_after_seconds", FEE_AFTER.seconds)
    store.add(
        session,
        row.merchant,
        charge,
        now,
        private={"tariff": row.private["tariff"], "disturbance": disturbance},
        ripe_at=now + timedelta(seconds=fee_after) if is_paid else None,
    )
    if is_paid:
        _paid(session, row, invoice, intent, charge, now)
    else:
        _refused(session, row, invoice, intent, charge, now)


def _paid(
    session: Session, row: SandboxObject, invoice: SandboxObject, intent: SandboxObject, charge: Body, now: datetime
) -> None:
    store.change(
        intent,
        status="succeeded",
        latest_charge=charge["id"],
        amount_received=charge["amount"],
        payment_method=charge["payment_method"],
        last_payment_error=None,
    )
    payment = store.find(session, row.merchant, "invoice_payment", invoice.private["payment"], lock=True)
    assert payment is not None
    moment = int(now.timestamp())
    times = {**payment.body["status_transitions"], "paid_at": moment}
    store.change(payment, amount_paid=charge["amount"], status="paid", status_transitions=times)
    store.change(
        invoice,
        status="paid",
        amount_paid=charge["amount"],
        amount_remaining=0,
        attempt_count=invoice.body["attempt_count"] + 1,
        attempted=True,
        auto_advance=False,
        next_payment_attempt=None,
        status_transitions={**invoice.body["status_transitions"], "paid_at": moment},
    )
    invoice.ripe_at = None
    disturbance = row.private["disturbance"]
    store.emit(session, row.merchant, "charge.succeeded", charge, now)
    store.emit(session, row.merchant, "payment_intent.succeeded", intent.body, now)
    store.emit(session, row.merchant, "invoice.paid", invoice.body, now, disturbance=disturbance)
    store.emit(session, row.merchant, "invoice.payment_succeeded", invoice.body, now)
    if row.body["status"] == "past_due" and not _open_invoices(session, row):
        subscriptions.updated(session, row, store.change(row, status="active"), now)


def _refused(
    session: Session, row: SandboxObject, invoice: SandboxObject, intent: SandboxObject, charge: Body, now: datetime
) -> None:
    error = objects.payment_error("card", charge["id"])
    store.change(intent, latest_charge=charge["id"], last_payment_error=error)
    tried, is_begun = invoice.body["attempt_count"] + 1, row.body["status"] != "incomplete"
    again_at = now + RETRY_AFTER[tried - 1] if is_begun and tried <= len(RETRY_AFTER) else None
    store.change(
        invoice,
        attempt_count=tried,
        attempted=True,
        auto_advance=again_at is not None,
        next_payment_attempt=int(again_at.timestamp()) if again_at else None,
    )
    invoice.ripe_at = again_at
    disturbance = row.private["disturbance"]
    store.emit(session, row.merchant, "charge.failed", charge, now)
    store.emit(session, row.merchant, "payment_intent.payment_failed", intent.body, now, disturbance=disturbance)
    store.emit(session, row.merchant, "invoice.payment_failed", invoice.body, now, disturbance=disturbance)
    if not is_begun:
        return
    if again_at is None:
        subscriptions.end(session, row, "payment_failed", now)
    elif row.body["status"] == "active":
        subscriptions.updated(session, row, store.change(row, status="past_due"), now)


def _open_invoices(session: Session, row: SandboxObject) -> bool:
    open_ones = store.newest_first(
        row.merchant,
        "invoice",
        SandboxObject.body["parent"]["subscription_details"]["subscription"].astext == row.object_id,
        SandboxObject.body["status"].astext == "open",
    )
    session.flush()
    return session.scalars(open_ones.limit(1)).first() is not None
