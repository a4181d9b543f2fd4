"""Trees to hold ours against: the RFC's own recursion, another library, and nodes read from tiles alone."""

import hashlib
from collections.abc import Sequence
from functools import cache

import pymerkle

from donate.tlog.leaf import leaf_hash
from donate.tlog.merkle import (
    root_of,
)

LEAVES = [f"leaf {number}".encode() for number in range(65537)]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]
SMALL = range(71)  # every size up to here, with all that there is to prove
EDGES = [0, 1, 2, 255, 256, 257, 65535, 65536, 65537]


class Reference:
    """RFC 6962, section 2.1, as it is written there; D[start:end] by its ends."""

    def __init__(self, hashes: Sequence[bytes]) -> None:
        self.hashes = hashes
        self.known: dict[tuple[int, int], bytes] = {}

    def mth(self, start: int, end: int) -> bytes:
        if start == end:
            return hashlib.sha256(b"").digest()
        if end - start == 1:
            return self.hashes[start]
        if (start, end) not in self.known:
            k = split(end - start)
            both = self.mth(start, start + k) + self.mth(start + k, end)
            self.known[start, end] = hashlib.sha256(b"\x01" + both).digest()
        return self.known[start, end]

    def path(self, m: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        k = split(end - start)
        if m < k:
            return [*self.path(m, start, start + k), self.mth(start + k, end)]
        return [*self.path(m - k, start + k, end), self.mth(start, start + k)]

    def subproof(self, m: int, start: int, end: int, whole: bool) -> list[bytes]:
        if m == end - start:
            return [] if whole else [self.mth(start, end)]
        k = split(end - start)
        if m <= k:
            return [*self.subproof(m, start, start + k, whole), self.mth(start + k, end)]
        return [*self.subproof(m - k, start + k, end, False), self.mth(start, start + k)]


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


REFERENCE = Reference(HASHES)


def root(size: int) -> bytes:
    return REFERENCE.mth(0, size)


@cache
def small(height: int, index: int) -> bytes:
    return root_of(HASHES[index << height : (index + 1) << height])


class Listed(pymerkle.BaseMerkleTree):
    """The other library over a list of leaf hashes, where its own tree of objects would take seconds to build."""

    def __init__(self) -> None:
        super().__init__()
        self.hashes: list[bytes] = []

    def _encode_entry(self, data: bytes) -> bytes:
        return data

    def _store_leaf(self, data: bytes, digest: bytes) -> int:
        self.hashes.append(digest)
        return len(self.hashes)

    def _get_leaf(self, index: int) -> bytes:
        return self.hashes[index - 1]

    def _get_leaves(self, offset: int, width: int) -> list[bytes]:
        return self.hashes[offset : offset + width]

    def _get_size(self) -> int:
        return len(self.hashes)
