"""The daily `close` line of each book: what stands in it so far, in figures that anybody can recompute.

A day of a book is closed by the first pass after it, before any entry of a later day is numbered. A book in which nothing
was numbered since its last close gets none.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate import clock
from donate.publiclog.export import stream_csv
from donate.publiclog.log import Line
from donate.tlog.leaf import CloseLeaf, encode


@dataclass(frozen=True, slots=True)
class DueClose:
    """A book whose day has ended, with entries that no close stands behind; `after` is its last close."""

    book_id: int
    book: str
    currency: str
    after: int
    day: date


def due(session: Session, passed_at: datetime) -> list[DueClose]:
    """Books in which the day of the last pass, at `passed_at`, is over and not closed, by reference."""
    rows: Sequence[Any] = session.execute(_UNCLOSED).all()
    found = []
    for book_id, book, currency, time_zone, after in rows:
        try:
            day, today = clock.day_of(passed_at, time_zone), clock.today(time_zone)
        except ZoneInfoNotFoundError:
            continue  # its entries are set aside, too: see donate.sequencer
        if day < today:
            found.append(DueClose(book_id, book, currency, after, day))
    return found


def lines(session: Session, closes: Sequence[DueClose], next_index: int) -> list[Line]:
    """Their lines at `next_index` and after, over everything that was numbered before this pass."""
    return [_line(session, close, next_index + place, next_index) for place, close in enumerate(closes)]


def remember(session: Session, closes: Sequence[Line]) -> None:
    """Note how far each book is closed, in the pass that writes the lines."""
    for line in closes:
        session.execute(_CLOSED, {"book_id": line.book_id, "log_index": line.leaf.seq, "day": line.leaf.day})


def _line(session: Session, close: DueClose, seq: int, next_index: int) -> Line:
    row: Any = session.execute(_SUMS, {"book_id": close.book_id}).one()
    entries, turnover = row
    leaf = CloseLeaf(
        seq=seq,
        book=close.book,
        day=close.day,
        cur=close.currency,
        entries=entries,
        turnover=turnover,
        trial=hashlib.sha256(trial_balance(session, close.book_id).encode()).digest(),
        csv=_csv_hash(session, close, next_index - 1),
    )
    return Line(leaf, encode(leaf), close.book_id)


def trial_balance(session: Session, book_id: int) -> str:
    """Every account that was moved by a numbered entry: `code,debits,credits`, by ascending code."""
    rows: Sequence[Any] = session.execute(_TRIAL, {"book_id": book_id}).all()
    return "".join(f"{code},{debits},{credits}\n" for code, debits, credits in rows)


def _csv_hash(session: Session, close: DueClose, as_of: int) -> bytes:
    found = hashlib.sha256()
    for block in stream_csv(session.connection(), as_of=as_of, book_id=close.book_id, after=close.after):
        found.update(block)
    return found.digest()


_UNCLOSED = text(
    """
    SELECT book.id, book.ref, book.currency, book.time_zone, coalesce(closed.log_index, -1)
    FROM book LEFT JOIN book_close closed ON closed.book_id = book.id
    WHERE EXISTS (
      SELECT FROM account_total total WHERE total.book_id = book.id AND total.as_of > coalesce(closed.log_index, -1)
    )
    ORDER BY book.ref
    """
)
_SUMS = text("SELECT sum(entry_count)::bigint, sum(amount_minor)::bigint FROM day_total WHERE book_id = :book_id")
_TRIAL = text(
    """
    SELECT account.code, total.debits_minor, total.credits_minor
    FROM account_total total JOIN account ON account.id = total.account_id
    WHERE total.book_id = :book_id ORDER BY account.code COLLATE "C"
    """
)
_CLOSED = text(
    """
    INSERT INTO book_close (book_id, log_index, day) VALUES (:book_id, :log_index, :day)
    ON CONFLICT (book_id) DO UPDATE SET log_index = excluded.log_index, day = excluded.day
    """
)
