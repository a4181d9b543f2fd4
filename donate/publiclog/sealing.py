"""The last part of a pass: what the new lines add to the tree, and the log's signature over all of it.

All of it is written in the pass's own transaction, so a line and the checkpoint over it appear together or not at all.
What is signed is not shown yet: publishing.py does that after the commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from sqlalchemy.orm import Session

from donate import clock
from donate.publiclog import log, tree
from donate.tlog.checkpoint import Checkpoint
from donate.tlog.note import SigningKey, sign_note
from donate.tlog.tiles import WIDTH, Edge, edge_root, grow

# Lines that no checkpoint covers yet are sealed so many at a time: those numbered before the log had a key.
BLOCK_LEAVES = 256 * WIDTH


@dataclass(slots=True)
class KnownEdge:
    """The edge of the tree at a size, as the last committed pass left it; spares a pass reading it."""

    size: int = -1
    edge: Edge = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sealer:
    """Signs for the log; all its keys carry the log's origin as their name."""

    keys: tuple[SigningKey, ...]
    known: KnownEdge = field(default_factory=KnownEdge)

    @property
    def origin(self) -> str:
        return self.keys[0].name

    def seal(self, session: Session, next_index: int, fresh: Sequence[bytes] = ()) -> KnownEdge:
        """Sign the log's first `next_index` lines, the last of which are `fresh`, by their leaf hashes.

        Nothing is done where they are signed already. The answer is for `remember`, once this is committed.
        """
        newest = tree.newest(session)
        size = newest.size if newest else 0
        if size >= next_index:
            return self.known
        edge = self.known.edge if self.known.size == size else tree.edge(session, size)
        first_fresh = next_index - len(fresh)
        unsealed = tree.leaf_hashes_in_blocks(session, size, first_fresh, BLOCK_LEAVES)
        for block in chain(unsealed, [fresh]):
            growth = grow(edge, size, block)
            log.add_nodes(session, growth.nodes)
            edge, size = growth.edge, growth.size
        if size != next_index:
            raise tree.TreeIncomplete(f"{size} lines where {next_index} were numbered")
        checkpoint = Checkpoint(self.origin, size, edge_root(edge))
        log.add_checkpoint(session, checkpoint, bytes(sign_note(checkpoint.text, self.keys)), clock.now())
        return KnownEdge(size, edge)

    def remember(self, edge: KnownEdge) -> None:
        """Keep what a committed pass left."""
        self.known.size, self.known.edge = edge.size, edge.edge

    def forget(self) -> None:
        """Read the edge anew: the database may have become another."""
        self.known.size, self.known.edge = -1, []
