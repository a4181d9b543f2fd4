"""Movements of the sandbox's balance: the only place where a balance transaction is written.

The balance is the sum of these rows and of nothing else, in every state. What a line is worth never changes; only its
`status` does, from pending to available, when time comes to it.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate.payments import tariffs
from donate.payments.models import SandboxObject
from donate.payments.sandbox import objects, store
from donate.payments.sandbox.objects import Body

AVAILABLE_AFTER = timedelta(days=7)
SCHEDULE = "payout_schedule"

# The provider's accounting words for what `type` alone does not tell.
_CATEGORIES = {
    "payment": "charge",
    "payment_refund": "refund",
    "payout_failure": "payout_reversal",
    "stripe_fee": "fee",
}


def move(
    session: Session,
    merchant: str,
    *,
    kind: str,
    amount: int,
    currency: str,
    source: str,
    now: datetime,
    fee: int = 0,
    available: datetime | None = None,
    category: str | None = None,
    description: str | None = None,
    fee_words: str = "Stripe processing fees",
) -> SandboxObject:
    """Change the balance: `amount` (signed, positive is in) less `fee`. Without `available` it counts at once."""
    at = max(available or now, now)
    details = {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": fee_words,
        "type": "stripe_fee",
    }
    body: Body = {
        "id": objects.new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": int(at.timestamp()),
        "balance_type": "payments",
        "created": int(now.timestamp()),
        "currency": currency,
        "description": description,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [details] if fee else [],
        "net": amount - fee,
        "reporting_category": category or _CATEGORIES.get(kind, kind),
        "source": source,
        "status": "pending" if at > now else "available",
        "type": kind,
    }
    if at == now:
        schedule_payout(session, merchant, now)
    return store.add(session, merchant, body, now, ripe_at=at if at > now else None)


def become_available(session: Session, line: SandboxObject, now: datetime) -> None:
    store.change(line, status="available")
    line.ripe_at = None
    schedule_payout(session, line.merchant, now)


def schedule_payout(session: Session, merchant: str, now: datetime) -> None:
    """What is available is paid out at the next midnight (UTC), unless payouts are made by hand here."""
    row = schedule_of(session, merchant, now)
    if row.ripe_at is None and row.private["is_automatic"]:
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        row.ripe_at = midnight + timedelta(days=1)


def schedule_of(session: Session, merchant: str, now: datetime) -> SandboxObject:
    """The account's payout schedule, no object of the API. Made at its first use; two at once make one."""
    row = store.find(session, merchant, SCHEDULE, SCHEDULE)
    if row is None:
        made = insert(SandboxObject).values(
            merchant=merchant,
            object_id=SCHEDULE,
            kind=SCHEDULE,
            body={},
            private={"is_automatic": True},
            created_at=now,
        )
        session.execute(made.on_conflict_do_nothing(index_elements=("merchant", "object_id")))
        row = store.find(session, merchant, SCHEDULE, SCHEDULE)
    assert row is not None
    return row


def take_fee(session: Session, charge: SandboxObject, now: datetime) -> SandboxObject:
    """Write the charge's own line, some time after the success: only then is the fee known. Done once.

    The message about it is never late, so that a late message about the payment is overtaken.
    """
    body, known = charge.body, charge.body["balance_transaction"]
    if known:
        line = store.find(session, charge.merchant, "balance_transaction", known)
        assert line is not None
        return line
    currency, method = body["currency"].upper(), body["payment_method_details"]["type"]
    line = move(
        session,
        charge.merchant,
        kind="charge" if is_card(body) else "payment",
        amount=body["amount"],
        fee=tariffs.fee_of(method, currency, body["amount"], now.date(), charge.private["tariff"]),
        currency=body["currency"],
        source=body["id"],
        now=now,
        available=now + AVAILABLE_AFTER,
    )
    previous = store.change(charge, balance_transaction=line.body["id"])
    charge.ripe_at = None
    store.emit(
        session,
        charge.merchant,
        "charge.updated",
        charge.body,
        now,
        previous=previous,
        disturbance={**disturbance_of(charge), "late_seconds": 0},
    )
    return line


def is_card(charge: Body) -> bool:
    """A wallet's charge is a `py_…`, its lines are of type payment and payment_refund."""
    return bool(charge["payment_method_details"]["type"] == "card")


def disturbance_of(row: SandboxObject) -> Body:
    found: Body = row.private.get("disturbance", {})
    return found
