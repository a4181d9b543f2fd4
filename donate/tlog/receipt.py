"""What a donor's proof file carries besides the proof: the leaf itself, and the salt and fields that only the donor has.

The `extra` line of the file is the base64 of a canonical JSON object:

    {"fields":{…},"leaf":"<the leaf's bytes>","salt":"<64 hexadecimal digits>"}

Nothing in it is believed: the leaf has to hash to where the proof leads from, and salt and fields to the leaf's `cm`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from donate.errors import N_, DonateError
from donate.tlog.canonical import NotCanonical, decode_canonical, encode_canonical
from donate.tlog.checkpoint import Checkpoint, open_checkpoint
from donate.tlog.leaf import EntryLeaf, commitment, decode, leaf_hash
from donate.tlog.merkle import check_inclusion
from donate.tlog.note import VerifierKey
from donate.tlog.proof_file import ProofFile


class ReceiptWrong(DonateError):
    sentence = N_("This proof file does not show a donation: %(problem)s")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a proof file shows: the leaf, the private fields that it commits to, and the checkpoint that it is under."""

    leaf: EntryLeaf
    fields: Mapping[str, str]
    checkpoint: Checkpoint


def extra_of(leaf: bytes, salt: bytes, fields: Mapping[str, str]) -> bytes:
    """The content of the `extra` line."""
    return encode_canonical({"leaf": leaf.decode("ascii"), "salt": salt.hex(), "fields": dict(fields)})


def check_receipt(proof: ProofFile, keys: Sequence[VerifierKey]) -> Shown:
    """What the file shows, from itself alone and the log's key. Raises NotSigned, CheckpointWrong, ProofWrong, ReceiptWrong."""
    data, salt, fields = _extra(proof.extra)
    checkpoint = open_checkpoint(proof.checkpoint, keys)
    check_inclusion(leaf_hash(data), proof.index, checkpoint.size, checkpoint.root, proof.hashes)
    try:
        leaf = decode(data)
        binds = isinstance(leaf, EntryLeaf) and leaf.seq == proof.index and leaf.cm == commitment(salt, fields)
    except NotCanonical as error:
        raise ReceiptWrong(problem=str(error)) from error
    if not isinstance(leaf, EntryLeaf) or not binds:
        raise ReceiptWrong(problem="salt and fields are not those that the entry committed to")
    return Shown(leaf, fields, checkpoint)


def _extra(extra: bytes | None) -> tuple[bytes, bytes, dict[str, str]]:
    if extra is None:
        raise ReceiptWrong(problem="it has no extra line")
    try:
        found = decode_canonical(extra)
    except NotCanonical as error:
        raise ReceiptWrong(problem=str(error)) from error
    match found:
        case {"leaf": str(leaf), "salt": str(salt), "fields": dict(fields), **rest} if not rest:
            if all(isinstance(value, str) for value in fields.values()):
                try:
                    return leaf.encode("ascii"), bytes.fromhex(salt), fields
                except ValueError:
                    pass
    raise ReceiptWrong(problem="its extra line is not leaf, salt and fields")
