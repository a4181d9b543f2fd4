"""Checkpoints: what a log signs about itself, its size and its root. Source: c2sp.org/tlog-checkpoint."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from donate.errors import N_, DonateError
from donate.tlog import note
from donate.tlog.merkle import HASH_BYTES
from donate.tlog.note import NotSigned, SignedNote, VerifierKey


class CheckpointWrong(DonateError):
    sentence = N_("This is no checkpoint: %(problem)s")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's name for itself (its origin), how many leaves it has and the root over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def read_checkpoint(text: str) -> Checkpoint:
    """A note's text as a checkpoint. Lines after the third are allowed and left alone. Raises CheckpointWrong."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise CheckpointWrong(problem="it is not three or more lines with something in each")
    origin, size, root = lines[:3]
    if not size.isascii() or not size.isdigit() or (size[0] == "0" and size != "0") or len(size) > 19:
        raise CheckpointWrong(problem="its size is no number")
    try:
        packed = base64.b64decode(root, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CheckpointWrong(problem="its root is not base64") from error
    if len(packed) != HASH_BYTES or base64.b64encode(packed).decode() != root:
        raise CheckpointWrong(problem="its root is not the base64 of 32 bytes")
    return Checkpoint(origin, int(size), packed)


def open_checkpoint(signed: SignedNote, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint in a note, signed by a trusted key of its own origin. Raises NotSigned, CheckpointWrong."""
    checkpoint = read_checkpoint(signed.text)
    by = note.signed_by(signed, keys)
    if not any(key.name == checkpoint.origin and key.kind == note.PLAIN for key in by):
        raise NotSigned(problem=f"no trusted key signed for {checkpoint.origin}")
    return checkpoint
