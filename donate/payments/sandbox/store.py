"""The sandbox's rows. Its transactions are its own: a caller of its API never shares one with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from donate.payments.models import SandboxDelivery, SandboxObject
from donate.payments.sandbox import objects, trouble
from donate.payments.sandbox.objects import Body
from donate.payments.sandbox.sent import as_sent

# The kinds that the sandbox's webhook endpoint asks for; all others are events that can be listed, and no more.
DELIVERED_KINDS = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
        "payment_intent.payment_failed",
        "charge.updated",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.refunded",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "radar.early_fraud_warning.created",
        "invoice.paid",
        "invoice.payment_failed",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "payout.created",
        "payout.updated",
        "payout.paid",
        "payout.failed",
        "payout.canceled",
        "payout.reconciliation_completed",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The request that a change came from; both are None when time itself was the cause."""

    request_id: str | None = None
    idempotency_key: str | None = None


def add(
    session: Session,
    merchant: str,
    body: Body,
    now: datetime,
    *,
    private: Body | None = None,
    ripe_at: datetime | None = None,
) -> SandboxObject:
    """Store a new object under its own id and kind."""
    row = SandboxObject(
        merchant=merchant,
        object_id=body["id"],
        kind=body["object"],
        body=body,
        private=private or {},
        created_at=now,
        ripe_at=ripe_at,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, merchant: str, kind: str, object_id: str, *, lock: bool = False) -> SandboxObject | None:
    query = select(SandboxObject).where(
        SandboxObject.merchant == merchant, SandboxObject.object_id == object_id, SandboxObject.kind == kind
    )
    return session.scalar(query.with_for_update() if lock else query)


def named(session: Session, merchant: str, ids: Sequence[str]) -> Sequence[SandboxObject]:
    """Objects by their ids, in the order of their creation."""
    if not ids:
        return []
    query = select(SandboxObject).where(SandboxObject.merchant == merchant, SandboxObject.object_id.in_(ids))
    return session.scalars(query.order_by(SandboxObject.number)).all()


def change(row: SandboxObject, **fields: Any) -> Body:
    """Set fields of an object; the values that they had, as events show them."""
    previous = {name: row.body[name] for name in fields}
    row.body = {**row.body, **fields}
    return previous


def newest_first(merchant: str, kind: str, *conditions: ColumnElement[bool]) -> Select[SandboxObject]:
    return (
        select(SandboxObject)
        .where(SandboxObject.merchant == merchant, SandboxObject.kind == kind, *conditions)
        .order_by(SandboxObject.number.desc())
    )


def emit(
    session: Session,
    merchant: str,
    kind: str,
    subject: Body,
    now: datetime,
    *,
    previous: Body | None = None,
    cause: Cause | None = None,
    disturbance: Body | None = None,
) -> None:
    """Write an event down and, where the endpoint asks for its kind, put it in the post."""
    cause = cause or Cause()
    request: Body = {"id": cause.request_id, "idempotency_key": cause.idempotency_key}
    waiting = 1 if kind in DELIVERED_KINDS else 0
    body = objects.event(kind, subject, previous=previous, created=now, request=request, waiting=waiting)
    row = add(session, merchant, body, now)
    if not waiting:
        return
    post = trouble.post_of(session, merchant, row.number, disturbance or {})
    if post.is_sent:
        session.add_all(_deliveries(merchant, body, now, post))
    else:
        row.body = {**body, "pending_webhooks": 0}


def _deliveries(merchant: str, event: Body, now: datetime, post: trouble.Post) -> Sequence[SandboxDelivery]:
    return [
        SandboxDelivery(
            merchant=merchant,
            event_id=event["id"],
            body=as_sent(event),
            due_at=now + timedelta(seconds=post.late_seconds),
            lost_first=post.lost_first,
        )
        for _ in range(1 + post.duplicates)
    ]
