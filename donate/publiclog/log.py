"""The only writer of leaves, of the tree over them, and of checkpoints.

A line is written once, by the sequencer, inside the pass that numbers it; nothing here reads a leaf back to
make it again.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg.errors import UniqueViolation
from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.ledger.chart import Reason
from donate.tlog import leaf as tlog
from donate.tlog.checkpoint import Checkpoint
from donate.tlog.leaf import Leaf
from donate.tlog.note import VerifierKey
from donate.tlog.tiles import Node

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


def append(session: Session, lines: Sequence[Line]) -> list[bytes]:
    """Write lines at the indexes that their leaves carry; their leaf hashes. Only inside a pass.

    Raises AlreadyLogged, with nothing written, where one of them is in the log.
    """
    driver = session.connection().connection.driver_connection
    assert driver is not None
    hashes = [tlog.leaf_hash(line.data) for line in lines]
    try:
        with driver.cursor() as cursor, cursor.copy(f"COPY log_leaf ({_COLUMNS}) FROM STDIN") as copy:
            for line, leaf_hash in zip(lines, hashes, strict=True):
                copy.write_row(_row(line, leaf_hash))
    except UniqueViolation as error:
        raise AlreadyLogged from error
    return hashes


def add_nodes(session: Session, nodes: Sequence[Node]) -> None:
    """Write the hashes over tiles that have become full."""
    if nodes:
        facts = {
            "levels": [node.level for node in nodes],
            "indexes": [node.index for node in nodes],
            "hashes": [node.hash for node in nodes],
        }
        session.execute(_ADD_NODES, facts)


def add_checkpoint(session: Session, checkpoint: Checkpoint, note: bytes, at: datetime) -> None:
    """Write what was signed at this size. A size has one checkpoint: a second one is refused by its key."""
    row = {"size": checkpoint.size, "root": checkpoint.root, "note": note, "at": at}
    session.execute(_ADD_CHECKPOINT, row)


def add_key(session: Session, key: VerifierKey, at: datetime) -> None:
    """Write a public key that signs from now on; nothing where it is known."""
    session.execute(_ADD_KEY, {"vkey": str(key), "origin": key.name, "at": at})


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


def _row(line: Line, leaf_hash: bytes) -> tuple[int | str | bytes | date | None, ...]:
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
        leaf_hash,
    )


_ADD_NODES = text(
    """
    INSERT INTO log_node (level, node_index, hash)
    SELECT * FROM unnest(CAST(:levels AS smallint[]), CAST(:indexes AS bigint[]), CAST(:hashes AS bytea[]))
    """
)
_ADD_CHECKPOINT = text("INSERT INTO checkpoint (size, root, note, signed_at) VALUES (:size, :root, :note, :at)")
_ADD_KEY = text("INSERT INTO log_key (vkey, origin, added_at) VALUES (:vkey, :origin, :at) ON CONFLICT DO NOTHING")
