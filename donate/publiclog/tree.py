"""The tree over the log as it stands in rows: its edge, its tiles, its checkpoints. Ranges of rows, nothing made up."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.tlog.checkpoint import Checkpoint, read_checkpoint
from donate.tlog.merkle import Nodes, tree_root
from donate.tlog.note import read_note, verifier_key
from donate.tlog.tiles import BUNDLE, Edge, Tile, bundle, edge_parts, level_size, nodes_of


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint's row: the size it was signed at, the root, and the note verbatim."""

    size: int
    root: bytes
    note: bytes

    @property
    def origin(self) -> str:
        """The log's name for itself."""
        return self.note.decode().partition("\n")[0]

    @property
    def checkpoint(self) -> Checkpoint:
        """What was signed."""
        return read_checkpoint(read_note(self.note).text)


def newest(session: Session) -> Signed | None:
    """The newest signed checkpoint, published or not."""
    row: Any = session.execute(_NEWEST).one_or_none()
    return None if row is None else Signed(*row)


def published(session: Session) -> Signed | None:
    """The newest checkpoint that readers are shown; None while there is none."""
    row: Any = session.execute(_PUBLISHED).one_or_none()
    return None if row is None else Signed(*row)


def signed_at_size(session: Session, size: int) -> Signed | None:
    """What was signed at exactly this size."""
    row: Any = session.execute(_AT_SIZE, {"size": size}).one_or_none()
    return None if row is None else Signed(*row)


def published_size(session: Session) -> int:
    size: int = session.scalars(_PUBLISHED_SIZE).one()
    return size


def vkeys(session: Session) -> list[str]:
    """The public keys under which the published checkpoint is signed, oldest first."""
    signed = published(session)
    if signed is None:
        return []
    names = {(line.name, line.key_id) for line in read_note(signed.note).signatures}
    known = [verifier_key(vkey) for vkey in session.scalars(_VKEYS)]
    return [str(key) for key in known if (key.name, key.id) in names]


def edge(session: Session, size: int) -> Edge:
    """The hashes of each level that fill no tile yet, in a tree of `size` leaves."""
    return [hashes(session, level, start, count) if count else [] for level, start, count in edge_parts(size)]


def hashes(session: Session, level: int, start: int, count: int) -> list[bytes]:
    """`count` hashes of a tile level from `start` on, fewer where the log ends."""
    facts = {"level": level, "start": start, "end": start + count}
    return list(session.scalars(_LEAF_HASHES if level == 0 else _NODES, facts))


def leaves(session: Session, start: int, count: int) -> list[bytes]:
    """`count` leaves from `start` on, as they are stored."""
    return list(session.scalars(_LEAVES, {"start": start, "end": start + count}))


def tile_bytes(session: Session, tile: Tile) -> bytes | None:
    """A tile or an entry bundle as it is published; None where the rows do not fill it."""
    if tile.level == BUNDLE:
        rows = leaves(session, tile.start, tile.width)
        return bundle(rows) if len(rows) == tile.width else None
    rows = hashes(session, tile.level, tile.start, tile.width)
    return b"".join(rows) if len(rows) == tile.width else None


def is_within(tile: Tile, size: int) -> bool:
    """Whether a tree of `size` leaves has this much of the tile."""
    return tile.start + tile.width <= level_size(tile.level, size)


class TreeIncomplete(Exception):
    """Rows of the tree are missing or too many: somebody was at the database behind the triggers."""


def nodes(session: Session, size: int) -> Nodes:
    """The perfect subtrees of the tree of `size` leaves, read as tiles. Raises TreeIncomplete."""
    return nodes_of(_reading(session), size)


def root(session: Session, size: int) -> bytes:
    """The root of the first `size` leaves, from stored nodes. Raises TreeIncomplete."""
    return tree_root(nodes(session, size), size)


def _reading(session: Session) -> Callable[[Tile], bytes]:
    def read(tile: Tile) -> bytes:
        data = tile_bytes(session, tile)
        if data is None:
            raise TreeIncomplete(tile.path)
        return data

    return read


def leaf_hashes_in_blocks(session: Session, start: int, end: int, most: int) -> Iterator[Sequence[bytes]]:
    """Leaf hashes from `start` to `end`, at most `most` at a time."""
    for first in range(start, end, most):
        yield hashes(session, 0, first, min(most, end - first))


_NEWEST = text("SELECT size, root, note FROM checkpoint ORDER BY size DESC LIMIT 1")
_PUBLISHED = text(
    "SELECT size, root, note FROM checkpoint WHERE size = (SELECT published_size FROM log_head WHERE id = 1)"
)
_AT_SIZE = text("SELECT size, root, note FROM checkpoint WHERE size = :size")
_PUBLISHED_SIZE = text("SELECT published_size FROM log_head WHERE id = 1")
_VKEYS = text("SELECT vkey FROM log_key ORDER BY added_at, vkey")
_LEAF_HASHES = text("SELECT leaf_hash FROM log_leaf WHERE log_index >= :start AND log_index < :end ORDER BY log_index")
_LEAVES = text("SELECT leaf FROM log_leaf WHERE log_index >= :start AND log_index < :end ORDER BY log_index")
_NODES = text(
    "SELECT hash FROM log_node WHERE level = :level AND node_index >= :start AND node_index < :end ORDER BY node_index"
)
