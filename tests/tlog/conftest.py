"""Large trees, made once for a file of tests."""

import pymerkle
import pytest

from donate.tlog.merkle import (
    Nodes,
)
from donate.tlog.tiles import Tile, grow, nodes_of, tiles_of
from tests.tlog.trees import EDGES, HASHES, LEAVES, SMALL, Listed


@pytest.fixture(scope="module")
def other() -> pymerkle.InmemoryTree:
    return pymerkle.InmemoryTree.init_from_entries(LEAVES[: SMALL[-1]])


@pytest.fixture(scope="module")
def other_large() -> Listed:
    tree = Listed()
    for leaf in LEAVES:
        tree.append_entry(leaf)
    return tree


@pytest.fixture(scope="module")
def large() -> dict[int, Nodes]:
    """The nodes of trees of these sizes from nothing but the tiles that a log of that size has."""
    levels: list[list[bytes]] = [HASHES, [], []]
    for node in grow([], 0, HASHES).nodes:
        levels[node.level].append(node.hash)

    def nodes_from_tiles(size: int) -> Nodes:
        there = set(tiles_of(size))

        def read(tile: Tile) -> bytes:
            assert tile in there
            return b"".join(levels[tile.level][tile.start : tile.start + tile.width])

        return nodes_of(read, size)

    return {size: nodes_from_tiles(size) for size in EDGES}
