"""The sandbox's post: signed messages to the webhook path, sent again with a fresh signature until they are taken.

`deliver_due` is called by the worker every second, and once by the hosted page after its answer, so that a web
process alone also hears of a payment.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from donate import clock, db
from donate.payments.models import SandboxDelivery, SandboxObject, SandboxReply
from donate.payments.sandbox import keys, ripening, trouble
from donate.payments.sandbox.wsgi import call
from donate.payments.signature import sign

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Post = Callable[[str, bytes, Mapping[str, str]], int]

MOST_ATTEMPTS = 16
PATIENCE = timedelta(seconds=60)  # a message whose postman died is sent again after this long
HTTP_SECONDS = 10
KEEP_REPLIES, KEEP_DELIVERIES = timedelta(days=2), timedelta(days=7)

log = structlog.get_logger("donate.sandbox")


def deliver_due(
    secret_key: str, post: Post, *, now: datetime | None = None, most: int = 100, merchant: str | None = None
) -> int:
    """Let time pass in the sandbox, then send what is due; how many messages were sent. No transaction is held."""
    moment = now or clock.now()
    with db.transaction() as session:
        ripening.ripen(session, moment, merchant)
    with db.transaction() as session:
        found = session.execute(_claim(moment, most, merchant)).all()
        switched_on = {ref: trouble.is_endpoint_on(session, ref) for ref in {row.merchant for row in found}}
        _give_up(session, [row.id for row in found if not switched_on[row.merchant]])
    claimed = sorted((row for row in found if switched_on[row.merchant]), key=lambda row: row.id)
    for row in claimed:
        status = 0 if row.attempts <= row.lost_first else _send(secret_key, post, row.merchant, row.body.encode())
        _note(row.id, status, row.attempts, moment)
    return len(claimed)


def tidy() -> int:
    """Forget answers kept for idempotency keys after two days, and messages a week after they were taken."""
    now = clock.now()
    with db.transaction() as session:
        replies = session.execute(
            delete(SandboxReply).where(SandboxReply.created_at < now - KEEP_REPLIES).returning(SandboxReply.key)
        )
        taken = session.execute(
            delete(SandboxDelivery)
            .where(SandboxDelivery.delivered_at < now - KEEP_DELIVERIES)
            .returning(SandboxDelivery.id)
        )
        return len(replies.all()) + len(taken.all())


def webhook_path(merchant: str) -> str:
    return f"/webhooks/sandbox/{merchant}"


def post_in_process(app: "WSGIApplication") -> Post:
    """Posts by calling our own application, in this thread."""
    return lambda path, body, headers: call(app, "POST", path, headers, body)[0]


def post_over_http(base_url: str) -> Post:
    """Posts to a running server; 0 when it cannot be reached."""
    parts = urlsplit(base_url)
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection

    def post(path: str, body: bytes, headers: Mapping[str, str]) -> int:
        connection = make(parts.hostname or "", parts.port, timeout=HTTP_SECONDS)
        try:
            connection.request("POST", parts.path + path, body, dict(headers))
            return connection.getresponse().status
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()

    return post


def disturb(
    session_id: str,
    *,
    duplicates: int = 0,
    lost_first: int = 0,
    late_seconds: int = 0,
    fee_after_seconds: int | None = None,
) -> None:
    """Make the post of one session unreliable: copies, lost attempts, a late message. Used by tests and the demo.

    With `late_seconds` above the fee's delay the message about the fee overtakes the one about the payment.
    """
    disturbance = {"duplicates": duplicates, "lost_first": lost_first, "late_seconds": late_seconds}
    if fee_after_seconds is not None:
        disturbance["fee_after_seconds"] = fee_after_seconds
    with db.transaction() as session:
        row = session.scalars(
            select(SandboxObject).where(SandboxObject.object_id == session_id).with_for_update()
        ).one()
        row.private = {**row.private, "disturbance": disturbance}


def _claim(now: datetime, most: int, merchant: str | None) -> ReturningUpdate[int, str, str, int, int]:
    """Take what is due and put it off, so that two postmen never carry the same message."""
    due = (
        select(SandboxDelivery.id)
        .where(
            SandboxDelivery.delivered_at.is_(None),
            SandboxDelivery.due_at <= now,
            SandboxDelivery.attempts < MOST_ATTEMPTS,
        )
        .order_by(SandboxDelivery.due_at, SandboxDelivery.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    if merchant is not None:
        due = due.where(SandboxDelivery.merchant == merchant)
    return (
        update(SandboxDelivery)
        .where(SandboxDelivery.id.in_(due.scalar_subquery()))
        .values(attempts=SandboxDelivery.attempts + 1, due_at=now + PATIENCE)
        .returning(
            SandboxDelivery.id,
            SandboxDelivery.merchant,
            SandboxDelivery.body,
            SandboxDelivery.attempts,
            SandboxDelivery.lost_first,
        )
    )


def _give_up(session: Session, ids: list[int]) -> None:
    """Their endpoint is switched off: they stay undelivered for good, and only the list of events tells of them."""
    if ids:
        session.execute(update(SandboxDelivery).where(SandboxDelivery.id.in_(ids)).values(attempts=MOST_ATTEMPTS))


def _send(secret_key: str, post: Post, merchant: str, body: bytes) -> int:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": sign(body, keys.webhook_secret(secret_key, merchant), clock.now()),
    }
    return post(webhook_path(merchant), body, headers)


def _note(delivery_id: int, status: int, attempts: int, now: datetime) -> None:
    taken = 200 <= status < 300
    if not taken:
        log.info("delivery_refused", delivery=delivery_id, status=status, attempts=attempts)
    again = now + timedelta(seconds=1 << min(attempts, 12))  # after 2, 4, 8 seconds, up to an hour
    with db.autocommit() as connection:
        connection.execute(
            update(SandboxDelivery)
            .where(SandboxDelivery.id == delivery_id)
            .values(last_status=status, delivered_at=now if taken else None, due_at=again)
        )
