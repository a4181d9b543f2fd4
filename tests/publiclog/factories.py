"""Entries in the log, and what a reader would make of its rows."""

from collections.abc import Sequence

import sqlalchemy as sa

from donate.db import Database
from donate.ledger import journal
from donate.publiclog import tree
from donate.publiclog.publishing import Publisher
from donate.sequencer import drain
from donate.tlog.checkpoint import Checkpoint, open_checkpoint
from donate.tlog.leaf import leaf_hash
from donate.tlog.note import read_note, verifier_key
from tests.ledger.factories import donation


def give(database: Database, book_id: int, count: int = 1) -> None:
    with database.transaction() as session:
        journal.post(session, [donation(book_id) for _ in range(count)])


def log_donations(database: Database, publisher: Publisher | None, book_id: int, *counts: int) -> None:
    """So many donations at a time, each time with a pass."""
    for count in counts:
        give(database, book_id, count)
        drain(database, publisher)


def stored_leaves(database: Database) -> list[bytes]:
    with database.reading() as session:
        return list(session.scalars(sa.text("SELECT leaf FROM log_leaf ORDER BY log_index")))


def stored_hashes(database: Database) -> list[bytes]:
    return [leaf_hash(leaf) for leaf in stored_leaves(database)]


def checkpoints(database: Database) -> list[Checkpoint]:
    """All that was ever signed, each opened with the log's own published keys."""
    with database.reading() as session:
        keys = [verifier_key(vkey) for vkey in session.scalars(sa.text("SELECT vkey FROM log_key"))]
        notes: Sequence[bytes] = session.scalars(sa.text("SELECT note FROM checkpoint ORDER BY size")).all()
    return [open_checkpoint(read_note(note), keys) for note in notes]


def published_size(database: Database) -> int:
    with database.reading() as session:
        return tree.published_size(session)
