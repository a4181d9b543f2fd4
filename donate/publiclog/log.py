"""The only writer of leaves.

A line is written once, by the sequencer, inside the pass that numbers it; nothing here reads a leaf back to
make it again.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from psycopg.errors import UniqueViolation
from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.ledger.chart import Reason
from donate.tlog import leaf as tlog
from donate.tlog.leaf import Leaf

# The charity's own dealings carry their reference into the log. Those of a donor's money do not: a provider's or a
# bank's number holds the moment in which somebody paid, and a donation must not be told by its moment.
SETTLEMENTS = frozenset({Reason.SETTLEMENT, Reason.SETTLEMENT_FAILED})
REFERENCED = frozenset(
    {
        Reason.DISBURSEMENT_APPROVED,
        Reason.DISBURSEMENT_PAID,
        Reason.DISBURSEMENT_RETURNED,
        Reason.BANK_CHARGE,
        Reason.INTEREST,
        Reason.MATCH,
        Reason.SURPLUS_MOVED,
        Reason.OPENING,
    }
)

_COLUMNS = (
    "log_index, entry_id, book_id, kind, opens, campaign, reason, reference, day, month, leaf, leaf_hash"  # as in Line
)


class AlreadyLogged(Exception):
    """An entry, an index or what a line opens stands in the log already."""


class Line(NamedTuple):
    """A leaf on its way into the log, as it is spelt, with what it is found by."""

    leaf: Leaf
    data: bytes
    book_id: int
    entry_id: int | None = None
    opens: str | None = None


def append(session: Session, lines: Sequence[Line]) -> None:
    """Write lines at the indexes that their leaves carry. Only inside a pass, which holds the sequencer's row.

    Raises AlreadyLogged, with nothing written, where one of them is in the log.
    """
    driver = session.connection().connection.driver_connection
    assert driver is not None
    try:
        with driver.cursor() as cursor, cursor.copy(f"COPY log_leaf ({_COLUMNS}) FROM STDIN") as copy:
            for line in lines:
                copy.write_row(_row(line))
    except UniqueViolation as error:
        raise AlreadyLogged from error


def opened(session: Session, keys: Sequence[str]) -> set[str]:
    """Which of these (`book:…`, `account:…`, `campaign:…`) the log has opened already."""
    if not keys:
        return set()
    found = session.scalars(text("SELECT opens FROM log_leaf WHERE opens = ANY(:keys)"), {"keys": list(keys)})
    return {key for key in found if key is not None}


def indexes_of(session: Session, entry_ids: Sequence[int]) -> dict[int, int]:
    """Log indexes of those entries that have one."""
    statement = text("SELECT entry_id, log_index FROM log_leaf WHERE entry_id = ANY(:ids)")
    rows: Sequence[Any] = session.execute(statement, {"ids": list(entry_ids)}).all()
    return dict(rows)


def _row(line: Line) -> tuple[int | str | bytes | date | None, ...]:
    leaf = line.leaf
    reason = reference = None
    if isinstance(leaf, tlog.EntryLeaf):
        reason, reference = leaf.reason, leaf.ref or leaf.settle
    return (
        leaf.seq,
        line.entry_id,
        line.book_id,
        tlog.kind_of(leaf),
        line.opens,
        getattr(leaf, "campaign", None),
        reason,
        reference,
        leaf.day,
        leaf.day.replace(day=1),
        line.data,
        tlog.leaf_hash(line.data),
    )
