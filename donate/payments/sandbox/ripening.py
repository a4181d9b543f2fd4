"""What time alone brings about in the sandbox: one function for each kind of object that can be ripe."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.payments.models import SandboxObject
from donate.payments.sandbox import billing, delayed, movements, outcomes, payouts, refunds

Ripener = Callable[[Session, SandboxObject, datetime], object]


# Each must set a later `ripe_at`, or none: what is ripe is taken up again at once.
RIPENERS: dict[str, Ripener] = {
    "checkout.session": outcomes.expire,
    "payment_intent": delayed.ripen,
    "charge": movements.take_fee,
    "balance_transaction": movements.become_available,
    "refund": refunds.ripen,
    "payout": payouts.ripen,
    movements.SCHEDULE: payouts.run_schedule,
    "subscription": billing.renew,
    "invoice": billing.retry,
}


def ripen(session: Session, now: datetime, merchant: str | None = None) -> int:
    """Do what is due: expiry, the fee some seconds after the success, money that becomes available, and so on."""
    query = select(SandboxObject).where(SandboxObject.ripe_at <= now).order_by(SandboxObject.ripe_at).limit(200)
    if merchant is not None:
        query = query.where(SandboxObject.merchant == merchant)
    rows = session.scalars(query.with_for_update(skip_locked=True)).all()
    for row in rows:
        RIPENERS[row.kind](session, row, now)
    return len(rows)
