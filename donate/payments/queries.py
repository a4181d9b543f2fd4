"""What staff and the status page see of the provider's messages. Never a body: it holds names and addresses."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from donate.payments.models import ProviderEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedEvent:
    """A message that is kept and tried again, without its content."""

    merchant: str
    event_id: str
    kind: str
    received_at: datetime
    next_attempt_at: datetime
    attempts: int
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxHealth:
    """How the inbox stands: the newest message, and those that still wait."""

    last_received_at: datetime | None
    waiting_count: int
    oldest_waiting_at: datetime | None


def failed_events(session: Session, most: int = 50) -> list[FailedEvent]:
    """The messages whose handling failed, those that wait longest first."""
    found = session.execute(
        select(
            ProviderEvent.merchant,
            ProviderEvent.event_id,
            ProviderEvent.kind,
            ProviderEvent.received_at,
            ProviderEvent.next_attempt_at,
            ProviderEvent.attempts,
            ProviderEvent.last_error,
        )
        .where(ProviderEvent.outcome == "failed")
        .order_by(ProviderEvent.next_attempt_at)
        .limit(most)
    )
    return [
        FailedEvent(
            merchant=merchant,
            event_id=event_id,
            kind=kind,
            received_at=received_at,
            next_attempt_at=next_attempt_at,
            attempts=attempts,
            last_error=last_error,
        )
        for merchant, event_id, kind, received_at, next_attempt_at, attempts, last_error in found
    ]


def inbox_health(session: Session) -> InboxHealth:
    """Cheap: the newest row by id, and the partial index of those that wait."""
    last = session.scalar(select(ProviderEvent.received_at).order_by(ProviderEvent.id.desc()).limit(1))
    waiting, oldest = session.execute(
        select(func.count(), func.min(ProviderEvent.received_at)).where(ProviderEvent.outcome.in_(("new", "failed")))
    ).one()
    return InboxHealth(last_received_at=last, waiting_count=waiting, oldest_waiting_at=oldest)
