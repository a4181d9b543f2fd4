"""Leaves of the public log: their canonical bytes, hash and commitments. LEAF.md is the specification."""

import hashlib
from collections.abc import Mapping

from donate.tlog.canonical import NotCanonical, encode_canonical

SALT_BYTES = 32
COMMITMENT_DOMAIN = b"donate/commitment/v1\n"


def commitment(salt: bytes, fields: Mapping[str, str]) -> bytes:
    """SHA-256(domain || salt || canonical private fields): binds an entry to what only its people may know."""
    if len(salt) != SALT_BYTES:
        raise NotCanonical(problem=f"a salt has {SALT_BYTES} bytes")
    if not all(isinstance(value, str) for value in fields.values()):
        raise NotCanonical(problem="a private field is not a string")
    return hashlib.sha256(COMMITMENT_DOMAIN + salt + encode_canonical(dict(fields))).digest()


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf), the leaf hash of RFC 6962."""
    return hashlib.sha256(b"\x00" + leaf).digest()
