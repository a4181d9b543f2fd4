"""What is under way with a donor and needs who they are: erasing waits until it is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.erasing.finding import Subjects


@dataclass(frozen=True, slots=True)
class OpenCase:
    """Something that runs. `sentence` is what staff read: what it is, and what ends it."""

    kind: str
    count: int

    @property
    def sentence(self) -> str:
        return f"{_SENTENCES[self.kind]} ({self.count})"


_SENTENCES = {
    "monthly": "a monthly donation runs: it would be charged on without anybody to tell; add --end-monthly, or let its"
    " donor stop it from the receipt",
    "refund": "a refund is on its way: the provider says when it has arrived",
    "wish": "a wish for a refund waits for an answer: answer it at the desk of refunds",
    "dispute": "a dispute runs: the donor's bank decides",
    "official": "an official receipt is asked for: issue it or void it",
    "recorded": "a recorded donation waits for a second person: confirm it or decline it",
    "reversal": "the reversal of a recorded donation waits for a second person: book it or refuse it",
    "sent_back": "money that was sent back waits for a second person: confirm it or decline it",
    "unbooked": "money of the donor's waits to be explained: explain it at the desk of unexplained money",
    "large": "a large donation is being paid: wait until its payment page is over",
    "split": "an alert about split donations is open: look into it and close it",
    "complaint": "a complaint waits for its answer: answer it",
}


def open_cases(session: Session, subjects: Subjects) -> list[OpenCase]:
    """What is under way with this donor; empty when nothing hinders erasing."""
    rows = cast("Sequence[tuple[str, int]]", session.execute(_OPEN, subjects.parameters).all())
    return [OpenCase(kind, count) for kind, count in rows if count]


def running_promises(session: Session, subjects: Subjects) -> list[UUID]:
    """Public ids of this donor's standing promises that are charged, or that a payment under way would begin."""
    return list(session.scalars(_RUNNING, subjects.parameters))


_RUNNING = text(
    """
    SELECT recurring.public_id FROM recurring JOIN checkout ON checkout.id = recurring.checkout_id
    WHERE recurring.checkout_id = ANY(:checkouts)
      AND (recurring.state IN ('active', 'past_due')
           OR (recurring.state = 'pending' AND checkout.state NOT IN ('expired', 'failed')))
    ORDER BY recurring.id
    """
)

_OPEN = text(
    """
    SELECT 'monthly', count(*) FROM recurring JOIN checkout ON checkout.id = recurring.checkout_id
    WHERE recurring.checkout_id = ANY(:checkouts)
      AND (recurring.state IN ('active', 'past_due')
           OR (recurring.state = 'pending' AND checkout.state NOT IN ('expired', 'failed')))
    UNION ALL
    SELECT 'refund', count(*) FROM refund WHERE checkout_id = ANY(:checkouts) AND state IN ('requested', 'pending')
    UNION ALL
    SELECT 'wish', count(*) FROM refund_wish WHERE checkout_id = ANY(:checkouts) AND state = 'asked'
    UNION ALL
    SELECT 'dispute', count(*) FROM dispute WHERE checkout_id = ANY(:checkouts) AND state IN ('warning', 'open')
    UNION ALL
    SELECT 'official', count(*) FROM official_receipt receipt LEFT JOIN donation ON donation.id = receipt.donation_id
    WHERE (donation.checkout_id = ANY(:checkouts) OR receipt.recorded_id = ANY(:recorded))
      AND receipt.state = 'requested'
    UNION ALL
    SELECT 'recorded', count(*) FROM recorded_donation WHERE id = ANY(:recorded) AND state = 'entered'
    UNION ALL
    SELECT 'reversal', count(*) FROM recorded_reversal WHERE recorded_id = ANY(:recorded) AND state = 'asked'
    UNION ALL
    SELECT 'sent_back', count(*) FROM recorded_refund
    WHERE recorded_id = ANY(:recorded)
      AND (state = 'asked' OR (state = 'booked' AND undo_way IS NOT NULL))
    UNION ALL
    SELECT 'unbooked', count(*) FROM unbooked_money WHERE checkout_id = ANY(:checkouts) AND explained_at IS NULL
    UNION ALL
    SELECT 'large', count(*) FROM large_request request JOIN checkout ON checkout.public_id = request.checkout_ref
    WHERE request.id = ANY(:large) AND checkout.state IN ('created', 'open', 'processing')
    UNION ALL
    SELECT 'split', count(*) FROM split_alert alert
    WHERE alert.closed_at IS NULL AND EXISTS (
      SELECT FROM split_part part
      WHERE part.alert_id = alert.id AND (part.checkout_id = ANY(:checkouts) OR part.recorded_id = ANY(:recorded)))
    UNION ALL
    SELECT 'complaint', count(*) FROM complaint WHERE id = ANY(:complaints) AND answered_at IS NULL
    """
)
