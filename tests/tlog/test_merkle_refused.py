"""No proof but the right one is accepted: whatever is changed, nothing follows from it."""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

import pytest

from donate.tlog.leaf import leaf_hash
from donate.tlog.merkle import (
    EMPTY_ROOT,
    ProofWrong,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    node_hash,
    root_of,
)
from tests.tlog.trees import HASHES, root, small


def changed(proof: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Every way of one kind or another to spoil a proof."""
    for place, one in enumerate(proof):
        for bit in (0, 7, 128, 255):
            flipped = int.from_bytes(one, "big") ^ 1 << bit
            yield [*proof[:place], flipped.to_bytes(32, "big"), *proof[place + 1 :]]
        yield [*proof[:place], *proof[place + 1 :]]
        yield [*proof[:place], one[:-1], *proof[place + 1 :]]
        yield [*proof[:place], one + b"\0", *proof[place + 1 :]]
        yield [*proof[:place], one, one, *proof[place + 1 :]]
    for place in range(len(proof) + 1):
        yield [*proof[:place], bytes(32), *proof[place:]]
    for left, right in combinations(range(len(proof)), 2):
        swapped = list(proof)
        swapped[left], swapped[right] = swapped[right], swapped[left]
        yield swapped
    for place, (left_hash, right_hash) in enumerate(pairwise(proof)):  # the same bytes, cut in another place
        yield [*proof[:place], left_hash[:-1], left_hash[-1:] + right_hash, *proof[place + 2 :]]
        yield [*proof[:place], left_hash + right_hash[:1], right_hash[1:], *proof[place + 2 :]]


@pytest.mark.parametrize("size", range(1, 20))
def test_a_changed_inclusion_proof_is_refused(size: int) -> None:
    for index in range(size):
        for proof in changed(inclusion_proof(small, index, size)):
            with pytest.raises(ProofWrong):
                check_inclusion(HASHES[index], index, size, root(size), proof)


@pytest.mark.parametrize("size", range(1, 20))
def test_a_changed_consistency_proof_is_refused(size: int) -> None:
    for old in range(1, size + 1):
        for proof in changed(consistency_proof(small, old, size)):
            with pytest.raises(ProofWrong):
                check_consistency(old, root(old), size, root(size), proof)


def flips(data: bytes) -> Iterator[bytes]:
    for bit in range(8 * len(data)):
        yield (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")


def test_any_flipped_bit_of_an_inclusion_proof_is_refused() -> None:
    proof = inclusion_proof(small, 41, 70)
    for place, one in enumerate(proof):
        for flipped in flips(one):
            with pytest.raises(ProofWrong, match="another root"):
                check_inclusion(HASHES[41], 41, 70, root(70), [*proof[:place], flipped, *proof[place + 1 :]])


def test_any_flipped_bit_of_a_consistency_proof_is_refused() -> None:
    proof = consistency_proof(small, 41, 70)
    for place, one in enumerate(proof):
        for flipped in flips(one):
            with pytest.raises(ProofWrong, match=r"another (old|new) root"):
                check_consistency(41, root(41), 70, root(70), [*proof[:place], flipped, *proof[place + 1 :]])


@pytest.mark.parametrize("size", [1, 2, 7, 8, 13])
def test_another_leaf_or_root_is_refused(size: int) -> None:
    for index in range(size):
        proof = inclusion_proof(small, index, size)
        for flipped in (next(flips(HASHES[index])), HASHES[20], leaf_hash(HASHES[index])):
            with pytest.raises(ProofWrong, match="another root"):
                check_inclusion(flipped, index, size, root(size), proof)
        for wrong in (next(flips(root(size))), root(20), EMPTY_ROOT, b""):
            with pytest.raises(ProofWrong, match="another root"):
                check_inclusion(HASHES[index], index, size, wrong, proof)


def test_a_node_is_no_leaf_of_a_smaller_tree() -> None:
    """What a tree without the 0x00 and 0x01 in front would let pass."""
    with pytest.raises(ProofWrong):
        check_inclusion(leaf_hash(HASHES[0] + HASHES[1]), 0, 2, root(4), [small(1, 1)])
    assert node_hash(HASHES[0], HASHES[1]) != leaf_hash(HASHES[0] + HASHES[1])


@pytest.mark.parametrize("size", range(1, 20))
def test_another_index_is_refused(size: int) -> None:
    for index in range(size):
        proof = inclusion_proof(small, index, size)
        for wrong in {-1, *range(size + 2)} - {index}:
            with pytest.raises(ProofWrong):
                check_inclusion(HASHES[index], wrong, size, root(size), proof)


@pytest.mark.parametrize("size", range(1, 20))
def test_another_size_with_its_own_root_is_refused(size: int) -> None:
    for index in range(size):
        proof = inclusion_proof(small, index, size)
        for wrong in set(range(30)) - {size}:
            with pytest.raises(ProofWrong):
                check_inclusion(HASHES[index], index, wrong, root(wrong), proof)


# Where the leaf stands in the same way in both trees, as leaf 0 of 3 and of 4 does, only the root tells sizes apart; a
# checkpoint signs both together.
@pytest.mark.parametrize(
    ("index", "size", "claimed"),
    [(0, 1, (0, 2)), (1, 2, (1, 3)), (2, 3, (2, 4)), (4, 5, (4, 6)), (5, 8, (5, 9)), (0, 4, (0, 2)), (3, 4, (1, 2))],
)
def test_another_size_is_refused_where_the_leaf_would_stand_elsewhere(
    index: int, size: int, claimed: tuple[int, int]
) -> None:
    with pytest.raises(ProofWrong):
        check_inclusion(HASHES[index], *claimed, root(size), inclusion_proof(small, index, size))


@pytest.mark.parametrize(("old", "new", "claimed"), [(2, 4, 8), (2, 8, 4), (3, 7, 9), (5, 6, 9), (3, 4, 5)])
def test_another_size_is_refused_where_more_or_fewer_hashes_lead_to_it(old: int, new: int, claimed: int) -> None:
    proof = consistency_proof(small, old, new)
    with pytest.raises(ProofWrong, match="hashes are wanted"):
        check_consistency(old, root(old), claimed, root(new), proof)


@pytest.mark.parametrize("new", range(1, 20))
def test_another_old_or_new_size_with_its_own_root_is_refused(new: int) -> None:
    for old in range(1, new):
        proof = consistency_proof(small, old, new)
        for wrong in set(range(30)) - {old}:
            with pytest.raises(ProofWrong):
                check_consistency(wrong, root(wrong), new, root(new), proof)
        for wrong in set(range(30)) - {new}:
            with pytest.raises(ProofWrong):
                check_consistency(old, root(old), wrong, root(wrong), proof)


@pytest.mark.parametrize("new", range(2, 20))
def test_another_old_or_new_root_is_refused(new: int) -> None:
    for old in range(1, new):
        proof = consistency_proof(small, old, new)
        for wrong in (next(flips(root(old))), root(20), EMPTY_ROOT, b"", root(new)):
            with pytest.raises(ProofWrong):
                check_consistency(old, wrong, new, root(new), proof)
        for wrong in (next(flips(root(new))), root(20), EMPTY_ROOT, b"", root(old)):
            with pytest.raises(ProofWrong, match="another new root"):
                check_consistency(old, root(old), new, wrong, proof)


def test_a_tree_that_was_rewritten_has_no_consistency_proof() -> None:
    rewritten = [*HASHES[:3], leaf_hash(b"another"), *HASHES[4:8]]
    proof = consistency_proof(lambda height, index: root_of(rewritten[index << height : (index + 1) << height]), 5, 8)
    with pytest.raises(ProofWrong, match="another old root"):
        check_consistency(5, root(5), 8, root_of(rewritten), proof)


@pytest.mark.parametrize(
    ("old", "old_root", "new", "new_root", "proof"),
    [
        (3, root(3), 4, root(4), []),
        (0, EMPTY_ROOT, 5, root(5), [bytes(32)]),
        (5, root(5), 5, root(5), [bytes(32)]),
        (5, root(5), 5, root(4), []),
        (0, root(1), 5, root(5), []),
        (0, EMPTY_ROOT, 0, root(1), []),
        (0, root(1), 0, root(1), []),
        (5, root(5), 4, root(4), []),
        (-1, EMPTY_ROOT, 4, root(4), []),
        (0, EMPTY_ROOT, -1, EMPTY_ROOT, []),
    ],
)
def test_two_trees_that_need_no_proof_or_have_none_are_told_apart(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]
) -> None:
    with pytest.raises(ProofWrong):
        check_consistency(old, old_root, new, new_root, proof)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (5, 5)])
def test_nothing_has_to_be_shown_from_an_empty_tree_or_to_the_same(old: int, new: int) -> None:
    assert consistency_proof(small, old, new) == ()
    check_consistency(old, root(old), new, root(new), ())


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (6, 5), (-1, 5)])
def test_no_leaf_outside_a_tree_has_a_proof(index: int, size: int) -> None:
    with pytest.raises(ProofWrong, match="has no leaf"):
        inclusion_proof(small, index, size)
    with pytest.raises(ProofWrong, match="has no leaf"):
        check_inclusion(HASHES[0], index, size, root(size), ())


@pytest.mark.parametrize(("old", "new"), [(5, 4), (-1, 4)])
def test_no_tree_goes_on_from_a_larger_one(old: int, new: int) -> None:
    with pytest.raises(ProofWrong, match="does not go on"):
        consistency_proof(small, old, new)
