"""Proof files: everything that shows, without a network, that a leaf is in a log. Source: c2sp.org/tlog-proof."""

import base64
import binascii
import re
from dataclasses import dataclass

from donate.errors import N_, DonateError
from donate.tlog.merkle import HASH_BYTES
from donate.tlog.note import NoteWrong, SignedNote, read_note

FIRST_LINE = "c2sp.org/tlog-proof@v1"
MAX_BYTES = 256 * 1024
_EXTRA, _INDEX = "extra ", "index "


class ProofFileWrong(DonateError):
    sentence = N_("This is no proof file: %(problem)s")


@dataclass(frozen=True, slots=True)
class ProofFile:
    """Where a leaf stands, the hashes that lead from it to the root, the signed checkpoint, and what the donor alone has."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: SignedNote
    extra: bytes | None = None

    def __bytes__(self) -> bytes:
        lines = [FIRST_LINE]
        if self.extra is not None:
            lines.append(_EXTRA + base64.b64encode(self.extra).decode())
        lines.append(f"{_INDEX}{self.index}")
        lines += [base64.b64encode(one).decode() for one in self.hashes]
        return "\n".join([*lines, "", ""]).encode() + bytes(self.checkpoint)


def read_proof_file(data: bytes) -> ProofFile:
    """A proof file taken apart; nothing in it is believed yet. Raises ProofFileWrong."""
    if len(data) > MAX_BYTES:
        raise ProofFileWrong(problem="it is too long")
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
        signed = read_note(checkpoint)
    except (UnicodeDecodeError, NoteWrong) as error:
        raise ProofFileWrong(problem=f"it cannot be read ({error})") from error
    if not blank or lines.pop(0) != FIRST_LINE:
        raise ProofFileWrong(problem=f"it does not begin with {FIRST_LINE}")
    extra = None
    if lines and lines[0].startswith(_EXTRA):
        extra = _unpacked(lines.pop(0).removeprefix(_EXTRA))
    if not lines or re.fullmatch(r"index (0|[1-9][0-9]{0,18})", lines[0]) is None:
        raise ProofFileWrong(problem="no line says where the leaf stands")
    index = int(lines.pop(0).removeprefix(_INDEX))
    hashes = tuple(_unpacked(line) for line in lines)
    if any(len(one) != HASH_BYTES for one in hashes):
        raise ProofFileWrong(problem="a hash has not 32 bytes")
    return ProofFile(index, hashes, signed, extra)


def _unpacked(packed: str) -> bytes:
    try:
        data = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProofFileWrong(problem="a line is not base64") from error
    if base64.b64encode(data).decode() != packed:
        raise ProofFileWrong(problem="a line is not base64 in its one spelling")
    return data
