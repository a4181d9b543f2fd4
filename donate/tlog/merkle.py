"""Merkle trees as RFC 6962, section 2.1, has them, over SHA-256: roots, and proofs made and checked.

A tree of `size` leaves is never held whole. Whoever makes a proof names the perfect subtrees that it needs: the node at
`(height, index)` covers the `2**height` leaves from `index * 2**height` on.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence

from donate.errors import N_, DonateError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

# The hash of the perfect subtree at (height, index).
Nodes = Callable[[int, int], bytes]


class ProofWrong(DonateError):
    """The proof does not lead from what it starts with to the root that it claims."""

    sentence = N_("This proof does not fit: %(problem)s")


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right): what stands over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over these leaf hashes, or over subtrees of one size in their place."""
    if not hashes:
        return EMPTY_ROOT
    row = list(hashes)
    sha256 = hashlib.sha256  # node_hash written out: a call for each was a tenth of a verifier's time
    while len(row) > 1:
        # An odd one at the end moves up as it is: it is the smaller half of a later pair.
        odd = row[-1:] if len(row) % 2 else []
        row = [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=False)] + odd
    return row[0]


def perfect_parts(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The perfect subtrees that make up leaves `start` to `end`, from left to right, as (height, index)."""
    while start < end:
        # The largest that begins at `start` and does not reach beyond `end`.
        height = (end - start).bit_length() - 1
        if start:
            height = min(height, (start & -start).bit_length() - 1)
        yield height, start >> height
        start += 1 << height


def range_root(nodes: Nodes, start: int, end: int) -> bytes:
    """The hash over leaves `start` to `end` (at least one), where the RFC's recursion ever splits a tree."""
    parts = [nodes(height, index) for height, index in perfect_parts(start, end)]
    root = parts.pop()
    while parts:
        root = node_hash(parts.pop(), root)
    return root


def tree_root(nodes: Nodes, size: int) -> bytes:
    """The root of the tree over the first `size` leaves."""
    return range_root(nodes, 0, size) if size else EMPTY_ROOT


def inclusion_proof(nodes: Nodes, index: int, size: int) -> tuple[bytes, ...]:
    """PATH(index, D[0:size]) of RFC 6962, 2.1.1, from the leaf's sibling to the root's child. Raises ProofWrong."""
    if not 0 <= index < size:
        raise ProofWrong(problem=f"a tree of {size} leaves has no leaf {index}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _half(end - start)
        if index < middle:
            path.append(range_root(nodes, middle, end))
            end = middle
        else:
            path.append(range_root(nodes, start, middle))
            start = middle
    return tuple(reversed(path))


def consistency_proof(nodes: Nodes, old: int, new: int) -> tuple[bytes, ...]:
    """PROOF(old, D[0:new]) of RFC 6962, 2.1.2; empty where nothing needs to be shown. Raises ProofWrong."""
    if not 0 <= old <= new:
        raise ProofWrong(problem=f"a tree of {new} leaves does not go on from one of {old}")
    if old in (0, new):
        return ()
    path: list[bytes] = []
    start, end = 0, new
    while end != old:
        middle = start + _half(end - start)
        if old <= middle:
            path.append(range_root(nodes, middle, end))
            end = middle
        else:
            path.append(range_root(nodes, start, middle))
            start = middle
    if start:  # the old tree is no perfect subtree of its own, so its last part has to be named
        path.append(range_root(nodes, start, end))
    return tuple(reversed(path))


def check_inclusion(leaf_hash: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """The leaf stands at `index` of the tree with this root. Raises ProofWrong."""
    if not 0 <= index < size:
        raise ProofWrong(problem=f"a tree of {size} leaves has no leaf {index}")
    inner = (index ^ (size - 1)).bit_length()  # steps below the tree's right edge, where either side may be ours
    edge = (index >> inner).bit_count()
    if len(proof) != inner + edge:
        raise ProofWrong(problem=f"{inner + edge} hashes are wanted, not {len(proof)}")
    found = leaf_hash
    for step, sibling in enumerate(proof):
        is_left = step < inner and not (index >> step) & 1
        found = node_hash(found, sibling) if is_left else node_hash(sibling, found)
    if found != root:
        raise ProofWrong(problem="it leads to another root")


def check_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """The tree of `new` leaves begins with the tree of `old` leaves. Raises ProofWrong."""
    if not 0 <= old <= new:
        raise ProofWrong(problem=f"a tree of {new} leaves does not go on from one of {old}")
    if old in (0, new):
        _check_trivial(old, old_root, new, new_root, proof)
        return
    # Where the old tree is itself a perfect subtree, its root is the start and the proof does not repeat it.
    shift = (old & -old).bit_length() - 1
    start, path = (old_root, list(proof)) if old == 1 << shift else (b"", list(proof))
    if not start:
        if not path:
            raise ProofWrong(problem="it is empty")
        start = path.pop(0)
    index, last = (old - 1) >> shift, (new - 1) >> shift
    inner = (index ^ last).bit_length()
    edge = (index >> inner).bit_count()
    if len(path) != inner + edge:
        raise ProofWrong(problem=f"{inner + edge} hashes are wanted after the first, not {len(path)}")
    found_old = found_new = start
    for step, sibling in enumerate(path):
        if step < inner and not (index >> step) & 1:
            found_new = node_hash(found_new, sibling)
        else:
            found_old, found_new = node_hash(sibling, found_old), node_hash(sibling, found_new)
    if found_old != old_root:
        raise ProofWrong(problem="it leads to another old root")
    if found_new != new_root:
        raise ProofWrong(problem="it leads to another new root")


def _check_trivial(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise ProofWrong(problem="nothing had to be shown")
    if old == 0 and old_root != EMPTY_ROOT:
        raise ProofWrong(problem="an empty tree has another root")
    if new == 0 and new_root != EMPTY_ROOT:
        raise ProofWrong(problem="an empty tree has another root")
    if old == new and old_root != new_root:
        raise ProofWrong(problem="two trees of one size have two roots")


def _half(size: int) -> int:
    """The largest power of two that is smaller than `size` (2 or more): where the RFC splits a tree."""
    return 1 << ((size - 1).bit_length() - 1)
