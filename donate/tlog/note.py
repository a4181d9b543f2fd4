"""Signed notes: a text, and lines that say who signed it. Sources: c2sp.org/signed-note, c2sp.org/tlog-cosignature.

Two kinds of signature are known: Ed25519 over the text itself (a log's own), and the timestamped one of a witness.
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from donate.errors import N_, DonateError
from donate.tlog import ed25519

PLAIN = 0x01  # Ed25519 over the text
COSIGNATURE = 0x04  # Ed25519 over a time and the text
MAX_NOTE_BYTES = 64 * 1024
MAX_SIGNATURES = 100
_DASH = "— "


class NoteWrong(DonateError):
    sentence = N_("This is no signed note: %(problem)s")


class KeyWrong(DonateError):
    sentence = N_("This is no key of a signed note: %(problem)s")


class NotSigned(DonateError):
    """No trusted key signed it, or a trusted key's signature is wrong."""

    sentence = N_("This note is not signed as it has to be: %(problem)s")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name under which it signs; written as `<name>+<key id>+<base64>` (a vkey)."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes: the start of SHA-256(name || newline || kind || public key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A secret key; written as Go's note package does, `PRIVATE+KEY+<name>+<key id>+<base64>`."""

    name: str
    kind: int
    seed: bytes

    def __repr__(self) -> str:
        return f"SigningKey({self.name!r})"  # the seed never reaches a log line

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, self.kind, ed25519.public_of(self.seed))

    def spelt(self) -> str:
        """The secret itself, as it is kept in a file."""
        packed = base64.b64encode(bytes([self.kind]) + self.seed).decode()
        return f"PRIVATE+KEY+{self.name}+{self.verifier.id.hex()}+{packed}"


def new_key(name: str, kind: int = PLAIN) -> SigningKey:
    """A key of fresh randomness. Raises KeyWrong for a name that no signature line can carry."""
    _check_name(name)
    return SigningKey(name, kind, secrets.token_bytes(ed25519.KEY_BYTES))


def verifier_key(spelt: str) -> VerifierKey:
    """A vkey read. Raises KeyWrong."""
    parts = spelt.strip().split("+", 2)
    if len(parts) != 3:
        raise KeyWrong(problem="it is not <name>+<key id>+<base64>")
    name, key_id, packed = parts
    _check_name(name)
    kind, public = _unpacked_key(packed)
    key = VerifierKey(name, kind, public)
    if key.id.hex() != key_id:
        raise KeyWrong(problem="its key id is not that of its name and bytes")
    return key


def signing_key(spelt: str) -> SigningKey:
    """A secret key read. Raises KeyWrong, which never shows what was read."""
    parts = spelt.strip().split("+", 4)
    if len(parts) != 5 or parts[:2] != ["PRIVATE", "KEY"]:
        raise KeyWrong(problem="it is not PRIVATE+KEY+<name>+<key id>+<base64>")
    _, _, name, key_id, packed = parts
    _check_name(name)
    kind, seed = _unpacked_key(packed)
    key = SigningKey(name, kind, seed)
    if key.verifier.id.hex() != key_id:
        raise KeyWrong(problem="its key id is not that of its name and bytes")
    return key


class Signature(NamedTuple):
    """One signature line: whose name and key id it carries, and the signature's own bytes."""

    name: str
    key_id: bytes
    data: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.data).decode()}\n"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text that ends in a newline, and its signatures in the order in which they stand."""

    text: str
    signatures: tuple[Signature, ...]

    def __bytes__(self) -> bytes:
        return (self.text + "\n" + "".join(map(str, self.signatures))).encode()


def read_note(data: bytes) -> SignedNote:
    """A note taken apart; nothing in it is believed yet. Raises NoteWrong."""
    if len(data) > MAX_NOTE_BYTES:
        raise NoteWrong(problem="it is too long")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise NoteWrong(problem="it is not UTF-8") from error
    if any(sign < " " and sign != "\n" for sign in whole):
        raise NoteWrong(problem="it holds a control character")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise NoteWrong(problem="no signature follows after an empty line")
    signatures = tuple(_signature(line) for line in lines[:-1].split("\n"))
    if len(signatures) > MAX_SIGNATURES:
        raise NoteWrong(problem="it has too many signatures")
    return SignedNote(text + "\n", signatures)


def sign_note(text: str, keys: Iterable[SigningKey]) -> SignedNote:
    """The text under a plain signature of each key. Raises NoteWrong where no note could hold it."""
    if not text.endswith("\n") or any(sign < " " and sign != "\n" for sign in text):
        raise NoteWrong(problem="its text does not end in a newline, or holds a control character")
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise NoteWrong(problem="it is not UTF-8") from error
    return SignedNote(text, tuple(Signature(key.name, key.verifier.id, ed25519.sign(key.seed, data)) for key in keys))


def cosign(note: SignedNote, key: SigningKey, timestamp: int) -> SignedNote:
    """The note with a witness's signature behind the others; `timestamp` in seconds since 1970."""
    data = timestamp.to_bytes(8, "big") + ed25519.sign(key.seed, _cosigned(note.text, timestamp))
    return SignedNote(note.text, (*note.signatures, Signature(key.name, key.verifier.id, data)))


def signed_by(note: SignedNote, keys: Sequence[VerifierKey]) -> list[VerifierKey]:
    """Those of the trusted keys that signed the note; lines of other keys are passed over.

    Raises NotSigned where a line carries a trusted key's name and id but not its signature.
    """
    found = []
    for key in keys:
        theirs = [line for line in note.signatures if line.name == key.name and line.key_id == key.id]
        for line in theirs:
            if not _is_by(key, note.text, line.data):
                raise NotSigned(problem=f"the signature of {key.name} is wrong")
        if theirs:
            found.append(key)
    return found


def cosigned_at(note: SignedNote, key: VerifierKey) -> int | None:
    """When a witness signed, in seconds since 1970; None where it did not. Does not check the signature."""
    times = [
        int.from_bytes(line.data[:8], "big")
        for line in note.signatures
        if line.name == key.name and line.key_id == key.id and key.kind == COSIGNATURE
    ]
    return max(times, default=None)


def _is_by(key: VerifierKey, text: str, data: bytes) -> bool:
    if key.kind == PLAIN:
        return ed25519.is_signed(key.public, text.encode(), data)
    timestamp = int.from_bytes(data[:8], "big")
    if len(data) != 8 + ed25519.SIGNATURE_BYTES or timestamp >= 2**63:
        return False
    return ed25519.is_signed(key.public, _cosigned(text, timestamp), data[8:])


def _cosigned(text: str, timestamp: int) -> bytes:
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def _signature(line: str) -> Signature:
    name, _, packed = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not _is_name(name):
        raise NoteWrong(problem="a signature line is not a dash, a name and base64")
    data = _unpacked(packed)
    if data is None or len(data) < 5:
        raise NoteWrong(problem="a signature line is not a dash, a name and base64")
    return Signature(name, data[:4], data[4:])


def _unpacked_key(packed: str) -> tuple[int, bytes]:
    data = _unpacked(packed)
    if data is None or len(data) != 1 + ed25519.KEY_BYTES or data[0] not in (PLAIN, COSIGNATURE):
        raise KeyWrong(problem="its bytes are no Ed25519 key")
    return data[0], data[1:]


def _unpacked(packed: str) -> bytes | None:
    """Base64 in its one spelling; None for anything else."""
    try:
        data = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == packed else None


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(sign.isspace() for sign in name) and name.isprintable()


def _check_name(name: str) -> None:
    if not _is_name(name):
        raise KeyWrong(problem="its name is empty, or holds a space or a plus")
