"""Tiles: one name each as C2SP spells it, one tree however leaves come in, and no more read than there is."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donate.tlog.leaf import leaf_hash
from donate.tlog.merkle import (
    EMPTY_ROOT,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    root_of,
    tree_root,
)
from donate.tlog.tiles import (
    BUNDLE,
    WIDTH,
    Edge,
    Node,
    Tile,
    TileWrong,
    bundle,
    bundles_of,
    edge_parts,
    edge_root,
    grow,
    level_size,
    nodes_of,
    split_bundle,
    split_tile,
    tile_of,
    tiles_of,
)

SIZE = 70_000  # the specification's example
HASHES = [leaf_hash(str(number).encode()) for number in range(SIZE)]
EDGES = [0, 1, 2, 255, 256, 257, 65535, 65536, 65537]


@cache
def root(size: int) -> bytes:
    return root_of(HASHES[:size])


@cache
def levels() -> list[list[bytes]]:
    """The hashes of every level of the tree over HASHES."""
    found: list[list[bytes]] = [HASHES, [], []]
    for node in grow([], 0, HASHES).nodes:
        assert node.index == len(found[node.level])
        found[node.level].append(node.hash)
    return found


def reader(size: int) -> tuple[Callable[[Tile], bytes], list[Tile]]:
    """Reads the tiles that a log of this size has and refuses any other; and the list of those read so far."""
    there, seen = set(tiles_of(size)), []

    def read(tile: Tile) -> bytes:
        assert tile in there
        seen.append(tile)
        return b"".join(levels()[tile.level][tile.start : tile.start + tile.width])

    return read, seen


# Names


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 999), "tile/1/999"),
        (Tile(0, 1000), "tile/0/x001/000"),
        (Tile(0, 1234, 17), "tile/0/x001/234.p/17"),
        (Tile(2, 0, 1), "tile/2/000.p/1"),
        (Tile(63, 0, 255), "tile/63/000.p/255"),
        (Tile(BUNDLE, 0, 112), "tile/entries/000.p/112"),
        (Tile(BUNDLE, 1234067), "tile/entries/x001/x234/067"),
    ],
)
def test_a_tile_has_the_name_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert tile_of(path) == tile


TILES = st.builds(Tile, st.integers(BUNDLE, 63), st.integers(0, 2**64), st.integers(1, WIDTH))


@settings(max_examples=60, deadline=None)
@given(TILES)
def test_a_name_says_which_tile_it_is(tile: Tile) -> None:
    assert tile_of(tile.path) == tile


@settings(max_examples=60, deadline=None)
@given(TILES, st.data())
def test_a_changed_name_is_none_or_that_of_another_tile(tile: Tile, data: st.DataObject) -> None:
    path = tile.path
    place = data.draw(st.integers(0, len(path) - 1))
    put = data.draw(st.sampled_from(["", "0", "1", "x", "/", ".", "x000/", ".p/"]))
    changed = path[:place] + put + path[place + data.draw(st.integers(0, 1)) :]
    try:
        assert tile_of(changed).path == changed
    except TileWrong:
        return


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/1234",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile//000",
        "tile/00/000",
        "tile/01/000",
        "tile/+1/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/99/000",
        "tile/100/000",
        "tile/Entries/000",
        "tile/data/000",
        "tile/0/x000/001",
        "tile/0/x000/x001/234",
        "tile/0/001/234",
        "tile/0/x001/x234",
        "tile/0/x001",
        "tile/0/X001/234",
        "tile/0/x1/234",
        "tile/0/x001//234",
        "tile/0/x001/../234",
        "tile/0/-01",
        "tile/0/ 01",
        "tile/0/00a",
        "tile/0/٠٠١",
        "tile/٠/000",
        "tile/0/000.p/٧",
        "tile/0/０００",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/00",
        "tile/0/000.p/017",
        "tile/0/000.p/17/",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/300",
        "tile/0/000.p/999",
        "tile/0/000.p/1000",
        "tile/0/000.p/-1",
        "tile/0/000.q/17",
        "tile/0/000p/17",
        "tile/0/" + "x999/" * 2000 + "999",
    ],
)
def test_another_spelling_of_a_name_is_refused(path: str) -> None:
    with pytest.raises(TileWrong):
        tile_of(path)


# Which tiles there are


def counted(tiles: Iterable[Tile]) -> Counter[tuple[int, int]]:
    """How many tiles there are of a level and width."""
    return Counter((tile.level, tile.width) for tile in tiles)


def test_the_specifications_tree_of_70000_leaves_has_its_tiles() -> None:
    assert counted(tiles_of(SIZE)) == {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1}


def test_the_specifications_tree_of_256_leaves_has_its_tiles() -> None:
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]


def test_an_empty_tree_has_no_tiles() -> None:
    assert [*tiles_of(0), *bundles_of(0), *edge_parts(0)] == []


def test_entry_bundles_are_cut_as_the_leaf_hashes_are() -> None:
    assert counted(bundles_of(SIZE)) == {(BUNDLE, 256): 273, (BUNDLE, 112): 1}
    cut = [(tile.index, tile.width) for tile in bundles_of(SIZE)]
    assert cut == [(tile.index, tile.width) for tile in tiles_of(SIZE) if tile.level == 0]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**17))
def test_the_tiles_of_a_level_lie_side_by_side(size: int) -> None:
    tiles = list(tiles_of(size))
    assert all(left.start + WIDTH == right.start for left, right in pairwise(tiles) if left.level == right.level)
    widths: Counter[int] = Counter()
    for tile in tiles:
        widths[tile.level] += tile.width
    assert widths == {level: size // 256**level for level in range(3) if size >= 256**level}
    assert level_size(BUNDLE, size) == size


def test_the_edge_is_what_fills_no_tile_yet() -> None:
    assert edge_parts(SIZE) == [(0, 69888, 112), (1, 256, 17), (2, 0, 1)]
    assert edge_parts(256) == [(0, 256, 0), (1, 0, 1)]
    assert edge_parts(255) == [(0, 0, 255)]


# Growing


def in_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(sorted(nodes, key=lambda node: (node.level, node.index)))


def in_steps(sizes: Iterable[int], edge: Edge, size: int) -> tuple[tuple[Node, ...], Edge, bytes]:
    """The nodes that come of growing to each of these sizes in turn, and the edge and root at the end."""
    nodes: list[Node] = []
    for to in sizes:
        grown = grow(edge, size, HASHES[size:to])
        assert grown.size == to
        nodes += grown.nodes
        edge, size = grown.edge, grown.size
    return in_order(nodes), edge, grown.root


def at_once(size: int) -> tuple[tuple[Node, ...], Edge, bytes]:
    return in_steps([size], [], 0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2000), min_size=1).map(sorted))
def test_the_same_tree_grows_however_leaves_are_cut_up(sizes: list[int]) -> None:
    assert in_steps(sizes, [], 0) == at_once(sizes[-1])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(65000, 66000), min_size=1).map(sorted))
def test_the_same_tree_grows_over_the_first_tile_of_the_second_level(sizes: list[int]) -> None:
    start, end = GROWN[65000], sizes[-1]
    nodes, edge, root_then = in_steps(sizes, start.edge, 65000)
    within = [node for node in GROWN[SIZE].nodes if (node.index + 1) * 256**node.level <= end]
    assert in_order([*start.nodes, *nodes]) == in_order(within)
    assert edge == [levels()[level][first : first + count] for level, first, count in edge_parts(end)]
    assert root_then == tree_root(nodes_of(reader(end)[0], end), end)


def test_leaves_one_by_one_grow_the_same_tree() -> None:
    assert in_steps(range(600), [], 0) == at_once(599)


GROWN = {size: grow([], 0, HASHES[:size]) for size in [*EDGES, 65000, SIZE]}


@pytest.mark.parametrize("size", [*EDGES, SIZE])
def test_the_root_of_what_has_grown_is_that_of_its_leaves(size: int) -> None:
    grown = GROWN[size]
    assert grown.size == size
    assert grown.root == edge_root(grown.edge) == root(size)


@pytest.mark.parametrize("size", [*EDGES, SIZE])
def test_the_edge_of_what_has_grown_stands_where_it_should(size: int) -> None:
    expected = [levels()[level][first : first + count] for level, first, count in edge_parts(size)]
    assert GROWN[size].edge == expected


def test_a_node_stands_over_a_full_tile_of_the_level_below() -> None:
    nodes = GROWN[SIZE].nodes
    assert Counter(node.level for node in nodes) == {1: 273, 2: 1}
    for node in nodes:
        assert node.hash == root_of(levels()[node.level - 1][node.index * WIDTH : (node.index + 1) * WIDTH])
    assert nodes[-1].hash == root(65536)


def test_a_tree_without_new_leaves_stays_as_it_is() -> None:
    before = GROWN[257]
    assert in_steps([257], before.edge, 257) == ((), before.edge, before.root)
    assert in_steps([0], [], 0) == ((), [], EMPTY_ROOT)


def test_growing_leaves_the_edge_that_it_was_given() -> None:
    edge = grow([], 0, HASHES[:300]).edge
    kept = [list(row) for row in edge]
    grow(edge, 300, HASHES[300:900])
    assert edge == kept


# Reading


@pytest.mark.parametrize("size", [*EDGES, SIZE])
def test_the_root_is_read_from_tiles_that_exist(size: int) -> None:
    read, seen = reader(size)
    assert tree_root(nodes_of(read, size), size) == root(size)
    assert len(seen) == len(set(seen)) <= 3


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_proofs_are_read_from_tiles_that_exist_each_once(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, SIZE))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    read, seen = reader(size)
    nodes = nodes_of(read, size)
    check_inclusion(HASHES[index], index, size, tree_root(nodes, size), inclusion_proof(nodes, index, size))
    consistency_proof(nodes, old, size)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + bytes(32), lambda data: b""])
def test_a_tile_of_another_length_is_refused(change: Callable[[bytes], bytes]) -> None:
    read, _ = reader(300)
    with pytest.raises(TileWrong, match="hashes has"):
        tree_root(nodes_of(lambda tile: change(read(tile)), 300), 300)


def test_a_tile_is_cut_into_its_hashes() -> None:
    assert split_tile(b"".join(HASHES[:17]), 17) == HASHES[:17]
    for width in (16, 18, 0):
        with pytest.raises(TileWrong):
            split_tile(b"".join(HASHES[:17]), width)


# Entry bundles

LEAVES = st.lists(st.binary(max_size=300), max_size=20)


def test_a_leaf_stands_behind_its_length() -> None:
    assert bundle([b"ab", b"", b"c" * 258]) == b"\0\2ab" + b"\0\0" + b"\1\2" + b"c" * 258


def test_the_longest_leaf_and_a_full_bundle_come_back() -> None:
    leaves = [b"a" * 65535, *[b""] * 254, b"b"]
    assert split_bundle(bundle(leaves), WIDTH) == leaves


@settings(max_examples=60, deadline=None)
@given(LEAVES)
def test_what_is_bundled_comes_back(leaves: list[bytes]) -> None:
    assert split_bundle(bundle(leaves), len(leaves)) == leaves


@settings(max_examples=60, deadline=None)
@given(LEAVES, st.integers(0, 20))
def test_a_bundle_of_another_number_of_leaves_is_refused(leaves: list[bytes], width: int) -> None:
    if width == len(leaves):
        width += 1
    with pytest.raises(TileWrong):
        split_bundle(bundle(leaves), width)


@settings(max_examples=60, deadline=None)
@given(LEAVES.filter(len), st.data())
def test_a_bundle_cut_short_is_refused(leaves: list[bytes], data: st.DataObject) -> None:
    whole = bundle(leaves)
    with pytest.raises(TileWrong):
        split_bundle(whole[: data.draw(st.integers(0, len(whole) - 1))], len(leaves))


@pytest.mark.parametrize("more", [b"\0", b"\0\0", b"\0\1", b"\0\1a", b"\xff\xff"])
def test_a_bundle_with_something_behind_it_is_refused(more: bytes) -> None:
    with pytest.raises(TileWrong):
        split_bundle(bundle([b"a", b"b"]) + more, 2)
