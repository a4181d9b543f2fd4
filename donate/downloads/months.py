"""Which months a book has, and which leaves each is made of.

A book's month is the leaves between two of its own `close` leaves: behind the last one of an earlier month, up to the
last one of this month. An entry stands in the month in which it was numbered, with its own day beside it, so that one
that arrives late changes no month that was finished, and every leaf is in exactly one month. What no close stands
behind yet belongs to the month of the newest day among it. A month is finished when its last day is closed, or a day
of a later month: nothing can come into it any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookMonth:
    """A month of a book as of log `size`: its leaves have indexes above `after`, up to `upto`.

    The size of a finished month is that at which it was finished, for ever: it ends with its last close leaf.
    """

    book_id: int
    book: str
    currency: str
    month: date  # its first day
    size: int
    after: int
    upto: int
    is_finished: bool

    @property
    def name(self) -> str:
        """`2026-11`, as addresses have it."""
        return f"{self.month:%Y-%m}"


@dataclass(frozen=True, slots=True)
class _Closed:
    """The last close of a book in one month."""

    month: date
    index: int
    day: date


def months(session: Session, size: int, book: str | None = None) -> list[BookMonth]:
    """Months of all books or of one, by book and then newest first, as the log's first `size` leaves tell them."""
    facts = {"size": size, "book": book}
    closed: dict[int, list[_Closed]] = {}
    closes: Sequence[Any] = session.execute(_CLOSED, facts).all()
    for book_id, *close in closes:
        closed.setdefault(book_id, []).append(_Closed(*close))
    rows: Sequence[Any] = session.execute(_BOOKS, facts).all()
    found = []
    for book_id, ref, currency, newest_day in rows:
        told = _told(closed.get(book_id, []), newest_day, size)
        found += [
            BookMonth(book_id=book_id, book=ref, currency=currency, month=month, **parts) for month, parts in told
        ]
    return found


def one(session: Session, size: int, book: str, month: date) -> BookMonth | None:
    """One month as of `size`; None where that much of the log has none."""
    return next((found for found in months(session, size, book) if found.month == month), None)


def _told(closed: Sequence[_Closed], newest_day: date | None, size: int) -> list[tuple[date, dict[str, Any]]]:
    """Each month, newest first, with where it begins and ends. `newest_day` is that of what no close stands behind."""
    found = []
    after, running = -1, _running(closed, newest_day)
    for place, close in enumerate(closed):
        is_finished = place < len(closed) - 1 or (close.day + DAY).month != close.day.month
        is_running = close.month == running
        upto = size - 1 if is_running else close.index
        own_size = close.index + 1 if is_finished else size
        found.append((close.month, {"size": own_size, "after": after, "upto": upto, "is_finished": is_finished}))
        after = close.index
    if running is not None and (not closed or running != closed[-1].month):
        found.append((running, {"size": size, "after": after, "upto": size - 1, "is_finished": False}))
    return found[::-1]


def _running(closed: Sequence[_Closed], newest_day: date | None) -> date | None:
    """The month of what no close stands behind: a later day than the last close's, since that day is over."""
    if newest_day is None:
        return None
    return (max(newest_day, closed[-1].day + DAY) if closed else newest_day).replace(day=1)


_CLOSED = text(
    """
    SELECT close.book_id, close.month, max(close.log_index), max(close.day)
    FROM log_leaf AS close JOIN book ON book.id = close.book_id
    WHERE close.kind = 'close' AND close.log_index < :size
      AND (CAST(:book AS text) IS NULL OR book.ref = CAST(:book AS text))
    GROUP BY close.book_id, close.month ORDER BY close.book_id, close.month
    """
)
# With the newest day behind its last close: of a day's leaves, since every day with leaves is closed.
_BOOKS = text(
    """
    SELECT book.id, book.ref, book.currency, open.newest_day
    FROM book
    CROSS JOIN LATERAL (
      SELECT coalesce(max(log_index), -1) AS index FROM log_leaf
      WHERE book_id = book.id AND kind = 'close' AND log_index < :size
    ) AS closed
    CROSS JOIN LATERAL (
      SELECT max(leaf.day) AS newest_day FROM log_leaf AS leaf
      WHERE leaf.book_id = book.id AND leaf.log_index > closed.index AND leaf.log_index < :size
    ) AS open
    WHERE CAST(:book AS text) IS NULL OR book.ref = CAST(:book AS text)
    ORDER BY book.ref
    """
)
