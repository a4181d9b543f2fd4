"""What the provider lists newest first, read oldest first.

Read in windows of time, each collected whole and turned round: memory holds one window (a day of events or of balance
lines, which is some thousands for the largest of our hosts), and a reader that stops early has asked for no more.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import stripe

from donate import clock

PAGE = 100


Dated = TypeVar("Dated", stripe.Payout, stripe.BalanceTransaction, stripe.Event)


def oldest_first(
    pages: Callable[[Any], stripe.ListObject[Dated]],
    since: datetime,
    window: timedelta,
    filters: Sequence[dict[str, Any]] = ({},),
) -> Iterator[Dated]:
    """All that was created at `since` or later, whole seconds. Several `filters` are asked one by one and merged.

    Raises what the SDK raises.
    """
    begin, now = int(since.timestamp()), int(clock.now().timestamp())
    while True:
        end = begin + int(window.total_seconds())
        is_last = end > now  # without an end of its own: their clock may be ahead of ours
        created = {"gte": begin} if is_last else {"gte": begin, "lt": end}
        found = [
            list(pages({**asked, "created": created, "limit": PAGE}).auto_paging_iter())[::-1] for asked in filters
        ]
        # Stable, so that the provider's own order holds within a second.
        yield from sorted((thing for some in found for thing in some), key=lambda thing: thing.created)
        if is_last:
            return
        begin = end
