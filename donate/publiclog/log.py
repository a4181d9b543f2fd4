"""The only writer of leaves.

A line is written once, by the sequencer, inside the pass that numbers it; nothing here reads a leaf back to
make it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

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


@dataclass(frozen=True, slots=True)
class Line:
    """A leaf on its way into the log, with what it is found by."""

    leaf: Leaf
    book_id: int
    entry_id: int | None = None
    opens: str | None = None


def append(connection: Connection, lines: Sequence[Line]) -> None:
    """Write lines at the indexes that their leaves carry. Only inside a pass, which holds the sequencer's row."""
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY log_leaf ({_COLUMNS}) FROM STDIN") as copy:
        for line in lines:
            copy.write_row(_row(line))


def opened(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Which of these (`book:…`, `account:…`, `campaign:…`) the log has opened already."""
    found = connection.scalars(text("SELECT opens FROM log_leaf WHERE opens = ANY(:keys)"), {"keys": list(keys)})
    return {key for key in found if key is not None}


def indexes_of(connection: Connection, entry_ids: Sequence[int]) -> dict[int, int]:
    """Log indexes of those entries that have one."""
    rows = connection.execute(
        text("SELECT entry_id, log_index FROM log_leaf WHERE entry_id = ANY(:ids)"), {"ids": list(entry_ids)}
    )
    found: dict[int, int] = {}
    for entry_id, log_index in rows:
        found[entry_id] = log_index
    return found


def _row(line: Line) -> tuple[int | str | bytes | date | None, ...]:
    leaf = line.leaf
    data = tlog.encode(leaf)
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
        data,
        tlog.leaf_hash(data),
    )
