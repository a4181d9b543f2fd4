"""What the writers are given, read from the stored leaves in constant memory."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.downloads.entries import Head, LoggedEntry, entry_of
from donate.downloads.months import BookMonth
from donate.downloads.sums import add_up, read_trial_text

# The format of all files together: a change of one byte in any of them is a new one, under new addresses.
FORMAT = 1
ROWS_AT_ONCE = 2_000


def head(session: Session, wanted: BookMonth) -> Head:
    """What the month's files say before their entries."""
    facts = {"book_id": wanted.book_id, "upto": wanted.upto}
    rows: Sequence[bytes] = session.scalars(_OPENED, facts).all()
    opened = [json.loads(leaf) for leaf in rows]
    return Head(
        book=wanted.book,
        currency=wanted.currency,
        month=wanted.month,
        size=wanted.size,
        accounts={said["account"]: said["cls"] for said in opened if said["open"] == "account"},
        opening=_opening(session, wanted),
    )


def entries(session: Session, wanted: BookMonth, *, by_day: bool = False) -> Iterator[LoggedEntry]:
    """The month's entries in log order; `by_day` by their own days, and in log order within each."""
    return _between(session, wanted.book_id, wanted.after, wanted.upto, by_day=by_day)


def leaves(session: Session, wanted: BookMonth) -> Iterator[bytes]:
    """The month's leaves of every kind, in log order, each as it is stored."""
    facts = {"book_id": wanted.book_id, "after": wanted.after, "upto": wanted.upto}
    rows: Iterable[bytes] = session.scalars(_LEAVES, facts, execution_options={"yield_per": ROWS_AT_ONCE})
    yield from rows


def _opening(session: Session, wanted: BookMonth) -> dict[str, tuple[int, int]]:
    """Sums before the month: from the newest finished month that was kept, and the entries behind it."""
    facts = {"book_id": wanted.book_id, "format": FORMAT, "size": wanted.after + 1}
    kept: Any = session.execute(_KEPT, facts).one_or_none()
    size, trial = kept or (0, "")
    return add_up(_between(session, wanted.book_id, size - 1, wanted.after), read_trial_text(trial))


def _between(session: Session, book_id: int, after: int, upto: int, *, by_day: bool = False) -> Iterator[LoggedEntry]:
    facts = {"book_id": book_id, "after": after, "upto": upto}
    statement = _BY_DAY if by_day else _BY_NUMBER
    rows: Iterable[Any] = session.execute(statement, facts, execution_options={"yield_per": ROWS_AT_ONCE})
    for leaf, leaf_hash, reversed_reason in rows:
        yield entry_of(leaf, leaf_hash, reversed_reason)


_OPENED = text(
    """
    SELECT leaf FROM log_leaf WHERE kind = 'open' AND book_id = :book_id AND log_index <= :upto ORDER BY log_index
    """
)
_KEPT = text(
    """
    SELECT log_size, trial FROM download_month
    WHERE book_id = :book_id AND format = :format AND log_size <= :size ORDER BY log_size DESC LIMIT 1
    """
)
_LEAVES = text(
    """
    SELECT leaf FROM log_leaf WHERE book_id = :book_id AND log_index > :after AND log_index <= :upto ORDER BY log_index
    """
)
# Only a reversal is read as JSON here, to find the reason of what it reverses.
_ENTRIES = """
    SELECT line.leaf, line.leaf_hash, CASE WHEN line.reason = 'reversal' THEN (
      SELECT original.reason FROM log_leaf AS original
      WHERE original.log_index = CAST(CAST(convert_from(line.leaf, 'UTF8') AS jsonb)->>'rev' AS bigint)
    ) END
    FROM log_leaf AS line
    WHERE line.kind = 'entry' AND line.book_id = :book_id AND line.log_index > :after AND line.log_index <= :upto
    ORDER BY {order}
    """
_BY_NUMBER = text(_ENTRIES.format(order="line.log_index"))
_BY_DAY = text(_ENTRIES.format(order="line.day, line.log_index"))
