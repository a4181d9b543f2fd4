"""What the provider lists newest first, read oldest first.

All at once where one page holds it, which is what most readers find. Else in windows of time, each collected whole and
turned round: memory holds one window (a day of events or of balance lines, which is some thousands for the largest of our
hosts), and a reader that stops early has asked for little more. Where little happened the windows grow, so that years of
silence cost a few calls and not one for each of their days; one that turns out to hold more than a page is asked for again
in parts.
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

    `window` is the least that is asked for at once.

    Raises what the SDK raises.
    """
    begin, now = int(since.timestamp()), int(clock.now().timestamp())
    least = int(window.total_seconds())
    step = max(least, now - begin + 1)
    is_first = True
    while True:
        end = begin + step
        is_last = end > now  # without an end of its own: their clock may be ahead of ours
        created = {"gte": begin} if is_last else {"gte": begin, "lt": end}
        firsts = [pages({**asked, "created": created, "limit": PAGE}) for asked in filters]
        is_crowded = any(first.has_more for first in firsts)
        if is_crowded and step > least:
            step = least if is_first else max(step // 4, least)
            is_first = False
            continue
        is_first = False
        found = [list(first.auto_paging_iter())[::-1] for first in firsts]
        # Stable, so that the provider's own order holds within a second.
        yield from sorted((thing for some in found for thing in some), key=lambda thing: thing.created)
        if is_last:
            return
        begin = end
        step = least if is_crowded else step * 2
