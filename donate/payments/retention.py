"""How long a message's own words are kept: they hold names and addresses that nobody needs once it is handled."""

from datetime import timedelta
from typing import cast

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate import clock

KEEP_BODIES = timedelta(days=90)
# Older ones were emptied on earlier nights; a month's leeway makes up for nights on which nothing ran.
LOOK_BACK = timedelta(days=30)


def forget_bodies(session: Session) -> int:
    """Empty the bodies of messages handled long ago; that they came, and what about, stays. How many."""
    before = clock.now() - KEEP_BODIES
    emptied = session.scalars(_EMPTY, {"before": before, "after": before - LOOK_BACK})
    return len(cast("list[int]", emptied.all()))


_EMPTY = text(
    """
    UPDATE provider_event SET body = ''
    WHERE received_at < :before AND received_at >= :after AND outcome IN ('handled', 'ignored') AND body <> ''
    RETURNING id
    """
)
