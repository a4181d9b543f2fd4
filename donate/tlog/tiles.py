"""Tiles of a log as C2SP tlog-tiles has them: their names, what grows when leaves are added, entry bundles.

A tile is up to 256 hashes in a row at a height that is a multiple of 8. Level 0 are the leaf hashes; a hash of a higher
level stands over a full tile of the level below. Source: c2sp.org/tlog-tiles.
"""

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from donate.errors import N_, DonateError
from donate.tlog.merkle import EMPTY_ROOT, HASH_BYTES, Nodes, node_hash, perfect_parts, root_of

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_LEVEL = 63
BUNDLE = -1  # the level under which an entry bundle is named: leaves themselves, where level 0 are their hashes

_PATH = re.compile(
    r"tile/(?P<level>0|[1-9][0-9]?|entries)/(?P<index>(x[0-9]{3}/){0,6}[0-9]{3})(\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


class TileWrong(DonateError):
    """A tile, a bundle or its name is not as the format has it."""

    sentence = N_("This part of the log is not well-formed: %(problem)s")


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile by its place; `level` is BUNDLE for the entries under the level-0 tile of the same index."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its address below the log's prefix, such as `tile/0/x001/234.p/17`."""
        level = "entries" if self.level == BUNDLE else str(self.level)
        groups = [self.index % 1000]
        rest = self.index // 1000
        while rest:
            groups.append(rest % 1000)
            rest //= 1000
        *outer, inner = [f"{group:03}" for group in reversed(groups)]
        name = "/".join([*(f"x{group}" for group in outer), inner])
        return f"tile/{level}/{name}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @property
    def start(self) -> int:
        """The first hash of its level (or the first leaf of a bundle) that it holds."""
        return self.index * WIDTH


def tile_of(path: str) -> Tile:
    """The tile that a path names. Raises TileWrong where it is not spelt in the one right way."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise TileWrong(problem="its name is none of a tile")
    level = BUNDLE if match["level"] == "entries" else int(match["level"])
    index = int("".join(part.removeprefix("x") for part in match["index"].split("/")))
    tile = Tile(level, index, int(match["width"] or WIDTH))
    if level > MAX_LEVEL or tile.width > WIDTH or tile.path != path:
        raise TileWrong(problem="its name is none of a tile")
    return tile


def level_size(level: int, size: int) -> int:
    """How many hashes stand at a tile level in a tree of `size` leaves."""
    return size >> (HEIGHT * max(level, 0))


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of a tree of `size` leaves, level by level from the leaf hashes up; bundles are not among them."""
    level = 0
    while (count := level_size(level, size)) > 0:
        yield from tiles_at(level, count)
        level += 1


def bundles_of(size: int) -> Iterator[Tile]:
    """Every entry bundle of a tree of `size` leaves."""
    return tiles_at(BUNDLE, size)


def tiles_at(level: int, count: int) -> Iterator[Tile]:
    """The tiles that hold `count` hashes of a level, the last of them partial where it is not full."""
    for index in range(-(-count // WIDTH)):
        yield Tile(level, index, min(WIDTH, count - index * WIDTH))


# The hashes of each level that fill no tile yet, from level 0 up: all that is needed to go on, and to know the root.
Edge = list[list[bytes]]


@dataclass(frozen=True, slots=True)
class Node:
    """A hash over a full tile of the level below, as it is stored."""

    level: int
    index: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Growth:
    """What a tree got by new leaves: the nodes above level 0, the new edge and the new size."""

    nodes: tuple[Node, ...]
    edge: Edge
    size: int

    @property
    def root(self) -> bytes:
        """The root over all leaves so far, hashed when it is asked for."""
        return edge_root(self.edge)


def grow(edge: Edge, size: int, hashes: Sequence[bytes]) -> Growth:
    """Add leaf hashes to a tree of `size` leaves with this edge. The same tree comes of any way to cut them up."""
    new_edge: Edge = [list(row) for row in edge]
    nodes: list[Node] = []
    level, fresh = 0, list(hashes)
    while fresh:
        if level == len(new_edge):
            new_edge.append([])
        row = new_edge[level] + fresh
        full = len(row) - len(row) % WIDTH
        first = (level_size(level, size) - len(new_edge[level])) // WIDTH
        fresh = [root_of(row[start : start + WIDTH]) for start in range(0, full, WIDTH)]
        new_edge[level] = row[full:]
        level += 1
        nodes += [Node(level, first + number, over) for number, over in enumerate(fresh)]
    return Growth(tuple(nodes), new_edge, size + len(hashes))


def edge_root(edge: Edge) -> bytes:
    """The root of the tree whose edge this is: the perfect subtrees of its levels, folded from the right."""
    parts: list[bytes] = []
    for row in reversed(edge):
        parts += [root_of(row[index << height : (index + 1) << height]) for height, index in perfect_parts(0, len(row))]
    if not parts:
        return EMPTY_ROOT
    root = parts.pop()
    while parts:
        root = node_hash(parts.pop(), root)
    return root


def edge_parts(size: int) -> list[tuple[int, int, int]]:
    """Where the edge of a tree of `size` leaves stands: (level, first hash, how many) for each level, from 0 up."""
    parts = []
    level = 0
    while (count := level_size(level, size)) > 0:
        parts.append((level, count - count % WIDTH, count % WIDTH))
        level += 1
    return parts


def nodes_of(read: Callable[[Tile], bytes], size: int) -> Nodes:
    """The perfect subtrees of a tree of `size` leaves, hashed up from the tiles that `read` gives. Raises TileWrong."""
    held: dict[Tile, list[bytes]] = {}

    def node(height: int, index: int) -> bytes:
        level, above = divmod(height, HEIGHT)
        first = index << above
        tile = Tile(level, first // WIDTH)
        tile = replace(tile, width=min(WIDTH, level_size(level, size) - tile.start))
        if tile not in held:
            held[tile] = split_tile(read(tile), tile.width)
        start = first % WIDTH
        return root_of(held[tile][start : start + (1 << above)])

    return node


def split_tile(data: bytes, width: int) -> list[bytes]:
    """The hashes of a tile. Raises TileWrong where there are more or fewer than `width`."""
    if len(data) != width * HASH_BYTES:
        raise TileWrong(problem=f"a tile of {width} hashes has {len(data)} bytes")
    return [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]


def bundle(leaves: Sequence[bytes]) -> bytes:
    """Leaves as an entry bundle: each behind its length as two big-endian bytes."""
    return b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in leaves)


def split_bundle(data: bytes, width: int) -> list[bytes]:
    """The leaves of an entry bundle. Raises TileWrong where there are more or fewer than `width`."""
    leaves, place, end = [], 0, len(data)
    while place + 2 <= end:
        length = data[place] << 8 | data[place + 1]
        place += 2 + length
        leaves.append(data[place - length : place])
    if place != end or len(leaves) != width:
        raise TileWrong(problem=f"a bundle of {width} leaves has another number of them, or ends in the middle of one")
    return leaves
