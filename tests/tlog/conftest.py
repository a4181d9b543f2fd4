"""Large trees, made once for a file of tests; and a log that answers badly."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pymerkle
import pytest

from donate.tlog import source
from donate.tlog.merkle import (
    Nodes,
)
from donate.tlog.tiles import Tile, grow, nodes_of, tiles_of
from tests.tlog.hostile import LOG, Server, written
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


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that gives up soon and takes little."""
    monkeypatch.setattr(source, "FIRST_PAUSE_SECONDS", 0)
    monkeypatch.setattr(source, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(source, "MOST_BYTES", 1024 * 1024)


@pytest.fixture
def server(short_waits: None) -> Iterator[Server]:
    """A served log that answers as a test says."""
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An honest log as files."""
    return written(LOG.files, tmp_path / "log")
