"""Merkle trees: roots and proofs as RFC 6962 and another library have them, and no proof but the right one accepted."""

from itertools import pairwise

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donate.tlog.leaf import leaf_hash
from donate.tlog.merkle import (
    EMPTY_ROOT,
    Nodes,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    perfect_parts,
    range_root,
    root_of,
    tree_root,
)
from tests.tlog.trees import EDGES, HASHES, REFERENCE, SMALL, Listed, root, small, split

# The tests of Certificate Transparency's own implementation, at github.com/google/certificate-transparency.
CT_HASHES = [
    leaf_hash(bytes.fromhex(leaf))
    for leaf in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CT_LEAF_1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
CT_LEAF_4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
CT_LEAVES_2_3 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
CT_LEAVES_4_5 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
CT_LEAVES_6_7 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
CT_LEAVES_4_7 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"


def ct_node(height: int, index: int) -> bytes:
    return root_of(CT_HASHES[index << height : (index + 1) << height])


@pytest.mark.parametrize(("size", "hexed"), list(enumerate(CT_ROOTS, 1)))
def test_a_root_is_that_of_certificate_transparency(size: int, hexed: str) -> None:
    assert root_of(CT_HASHES[:size]).hex() == tree_root(ct_node, size).hex() == hexed


@pytest.mark.parametrize(
    ("index", "size", "hexed"),
    [
        (0, 1, []),
        (0, 8, [CT_LEAF_1, CT_LEAVES_2_3, CT_LEAVES_4_7]),
        (5, 8, [CT_LEAF_4, CT_LEAVES_6_7, CT_ROOTS[3]]),
        (2, 3, [CT_ROOTS[1]]),
        (1, 5, [CT_ROOTS[0], CT_LEAVES_2_3, CT_LEAF_4]),
    ],
)
def test_an_inclusion_proof_is_that_of_certificate_transparency(index: int, size: int, hexed: list[str]) -> None:
    proof = inclusion_proof(ct_node, index, size)
    assert [one.hex() for one in proof] == hexed
    check_inclusion(CT_HASHES[index], index, size, bytes.fromhex(CT_ROOTS[size - 1]), proof)


@pytest.mark.parametrize(
    ("old", "new", "hexed"),
    [
        (1, 1, []),
        (1, 8, [CT_LEAF_1, CT_LEAVES_2_3, CT_LEAVES_4_7]),
        (6, 8, [CT_LEAVES_4_5, CT_LEAVES_6_7, CT_ROOTS[3]]),
        (2, 5, [CT_LEAVES_2_3, CT_LEAF_4]),
    ],
)
def test_a_consistency_proof_is_that_of_certificate_transparency(old: int, new: int, hexed: list[str]) -> None:
    proof = consistency_proof(ct_node, old, new)
    assert [one.hex() for one in proof] == hexed
    old_root, new_root = (bytes.fromhex(CT_ROOTS[size - 1]) for size in (old, new))
    check_consistency(old, old_root, new, new_root, proof)


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of([]).hex() == tree_root(small, 0).hex() == EMPTY_ROOT.hex() == empty


def test_a_root_is_that_of_the_rfc_and_of_another_library(other: pymerkle.InmemoryTree) -> None:
    for size in SMALL:
        assert root_of(HASHES[:size]) == tree_root(small, size) == root(size) == other.get_state(size)


def test_every_inclusion_proof_is_that_of_the_rfc_and_of_another_library(other: pymerkle.InmemoryTree) -> None:
    for size in SMALL:
        for index in range(size):
            proof = inclusion_proof(small, index, size)
            assert list(proof) == REFERENCE.path(index, 0, size) == other.prove_inclusion(index + 1, size).path[1:]
            check_inclusion(HASHES[index], index, size, root(size), proof)


def test_every_consistency_proof_is_that_of_the_rfc() -> None:
    for size in SMALL:
        for old in range(1, size + 1):
            proof = consistency_proof(small, old, size)
            assert list(proof) == REFERENCE.subproof(old, 0, size, True)
            check_consistency(old, root(old), size, root(size), proof)


def sides(old: int, new: int) -> list[int]:
    """For each hash of a consistency proof after the first, whether it stands to the left."""
    if old == new:
        return []
    k = split(new)
    return [*sides(old, k), 0] if old <= k else [*sides(old - k, new - k), 1]


def test_another_library_accepts_every_consistency_proof() -> None:
    for size in SMALL:
        for old in range(1, size + 1):
            proof = consistency_proof(small, old, size)
            lefts = sides(old, size)
            first = [] if len(proof) > len(lefts) else [root(old)]
            theirs = pymerkle.MerkleProof("sha256", True, size, [*lefts, 0], [1, *lefts], [*first, *proof])
            pymerkle.verify_consistency(root(old), root(size), theirs)


def test_the_consistency_proofs_of_another_library_fit_our_roots(other: pymerkle.InmemoryTree) -> None:
    for size in SMALL:
        for old in range(1, size + 1):
            proof = other.prove_consistency(old, size)
            pymerkle.verify_consistency(tree_root(small, old), tree_root(small, size), proof)


@pytest.mark.parametrize("size", EDGES[1:])  # an empty tree has no tiles
def test_a_root_from_tiles_is_that_of_the_rfc_and_of_another_library(
    size: int, large: dict[int, Nodes], other_large: Listed
) -> None:
    assert tree_root(large[size], size) == root_of(HASHES[:size]) == root(size) == other_large.get_state(size)


def marked(size: int) -> list[int]:
    """Leaves of a tree, or sizes before it, at which something might go wrong."""
    near = {0, 1, 2, 127, 128, 254, 255, 256, 257, 511, 512, 32767, 32768, 65279, 65280, 65534, 65535, 65536}
    return sorted(number for number in near | {size // 2, size // 3, size - 1} if 0 <= number < size)


@pytest.mark.parametrize("size", EDGES)
def test_an_inclusion_proof_from_tiles_is_that_of_the_rfc_and_of_another_library(
    size: int, large: dict[int, Nodes], other_large: Listed
) -> None:
    for index in marked(size):
        proof = inclusion_proof(large[size], index, size)
        assert list(proof) == REFERENCE.path(index, 0, size) == other_large.prove_inclusion(index + 1, size).path[1:]
        check_inclusion(HASHES[index], index, size, root(size), proof)


@pytest.mark.parametrize("size", EDGES)
def test_a_consistency_proof_from_tiles_is_that_of_the_rfc(size: int, large: dict[int, Nodes]) -> None:
    for old in [*marked(size), size]:
        proof = consistency_proof(large[size], old, size)
        assert list(proof) == (REFERENCE.subproof(old, 0, size, True) if old else [])
        check_consistency(old, root(old), size, root(size), proof)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_any_proofs_from_tiles_are_those_of_the_rfc(large: dict[int, Nodes], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 65537))
    nodes, index, old = large[65537], data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    assert list(inclusion_proof(nodes, index, size)) == REFERENCE.path(index, 0, size)
    assert list(consistency_proof(nodes, old, size)) == REFERENCE.subproof(old, 0, size, True)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**64), st.integers(0, 2**64))
def test_perfect_parts_follow_one_another_and_none_could_be_larger(one: int, another: int) -> None:
    start, end = sorted((one, another))
    parts = list(perfect_parts(start, end))
    ends = [start, *((index + 1) << height for height, index in parts)]
    assert [index << height for height, index in parts] == ends[:-1]
    assert ends[-1] == end
    # Two of one height that are one another's siblings would have been one part.
    assert not any(left[0] == right[0] and left[1] ^ 1 == right[1] for left, right in pairwise(parts))


def test_the_hash_of_a_range_is_that_of_the_subtree_over_it() -> None:
    assert range_root(small, 4, 6) == REFERENCE.mth(4, 6)
    assert range_root(small, 64, 71) == REFERENCE.mth(64, 71)
