"""What staff read of alerts about splitting around the threshold of large donations."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from donate.errors import NotFound
from donate.giving.large_models import SplitAlert, SplitKind, SplitPart
from donate.giving.recorded_queries import user_names
from donate.ledger.models import Book

MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """An alert in a list; its sum is what its payments were when they were made."""

    id: int
    host: str
    kind: SplitKind
    payment_count: int
    amount_minor: int
    currency: str
    first_at: datetime
    last_at: datetime
    raised_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPart:
    """One payment of an alert. `name` and `email` are what its donor gave and was not erased."""

    amount_minor: int
    paid_at: datetime
    campaigns: tuple[str, ...]
    reference: str | None  # of a recorded donation at its bank or platform
    name: str | None
    email: str | None


def alert_lines(session: Session, *, is_open: bool) -> list[AlertLine]:
    """Open ones oldest first, closed ones newest first."""
    condition = SplitAlert.closed_at.is_(None) if is_open else SplitAlert.closed_at.is_not(None)
    order = SplitAlert.id if is_open else SplitAlert.id.desc()
    return _lines(session, condition, order)


def open_alert_count(session: Session) -> int:
    return session.scalars(select(func.count()).where(SplitAlert.closed_at.is_(None))).one()


def alert_with_parts(session: Session, alert_id: int) -> tuple[AlertLine, list[AlertPart]]:
    """Raises NotFound."""
    found = _lines(session, SplitAlert.id == alert_id, SplitAlert.id)
    if not found:
        raise NotFound
    rows: Iterable[Any] = session.execute(_PARTS, {"alert_id": alert_id}).all()
    parts = [
        AlertPart(
            amount_minor=row.amount_minor,
            paid_at=row.paid_at,
            campaigns=tuple(row.campaigns),
            reference=row.reference,
            name=row.name,
            email=row.email,
        )
        for row in rows
    ]
    return found[0], parts


def _lines(session: Session, condition: Any, order: Any) -> list[AlertLine]:
    rows: list[tuple[Any, ...]] = [
        tuple(row)
        for row in session.execute(
            select(
                SplitAlert,
                Book.host,
                Book.currency,
                func.count(),
                func.sum(SplitPart.amount_minor),
                func.min(SplitPart.paid_at),
                func.max(SplitPart.paid_at),
            )
            .join(Book, Book.id == SplitAlert.book_id)
            .join(SplitPart, SplitPart.alert_id == SplitAlert.id)
            .where(condition)
            .group_by(SplitAlert.id, Book.host, Book.currency)
            .order_by(order)
            .limit(MOST)
        )
    ]
    names = user_names(session, [row[0].closed_by for row in rows])
    return [
        AlertLine(
            id=alert.id,
            host=host,
            kind=SplitKind(alert.kind),
            payment_count=count,
            amount_minor=int(total),
            currency=currency,
            first_at=first_at,
            last_at=last_at,
            raised_at=alert.raised_at,
            closed_at=alert.closed_at,
            closed_by=names.get(alert.closed_by or 0),
            note=alert.note,
        )
        for alert, host, currency, count, total, first_at, last_at in rows
    ]


_PARTS = text(
    """
    SELECT part.amount_minor, part.paid_at, recorded.reference,
           CASE WHEN recorded.id IS NULL THEN given.campaigns ELSE ARRAY[recorded.campaign_ref] END AS campaigns,
           coalesce(recorded_private.name, given.name) AS name, checkout_private.email
    FROM split_part part
    LEFT JOIN recorded_donation recorded ON recorded.id = part.recorded_id
    LEFT JOIN recorded_private ON recorded_private.recorded_id = part.recorded_id
    LEFT JOIN checkout_private ON checkout_private.checkout_id = part.checkout_id
    LEFT JOIN LATERAL (
      SELECT array_agg(donation.campaign_ref ORDER BY donation.id) AS campaigns, min(private.name) AS name
      FROM donation LEFT JOIN donation_private private ON private.donation_id = donation.id
      WHERE donation.checkout_id = part.checkout_id
    ) given ON true
    WHERE part.alert_id = :alert_id
    ORDER BY part.paid_at, part.id
    """
)
