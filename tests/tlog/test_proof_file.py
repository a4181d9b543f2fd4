"""Proof files: the specification's shape to the byte, read back as written, nothing else taken for one."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donate.tlog.checkpoint import Checkpoint, CheckpointWrong, open_checkpoint
from donate.tlog.leaf import leaf_hash
from donate.tlog.merkle import check_inclusion, inclusion_proof, root_of
from donate.tlog.note import COSIGNATURE, PLAIN, SigningKey, cosign, sign_note
from donate.tlog.proof_file import MAX_BYTES, ProofFile, ProofFileWrong, read_proof_file

LOG = SigningKey("example.org/log", PLAIN, b"l" * 32)
WITNESS = SigningKey("example.com/witness", COSIGNATURE, b"w" * 32)
HASHES = [leaf_hash(bytes([number])) for number in range(11)]
CHECKPOINT = Checkpoint("example.org/log", 11, root_of(HASHES))
NOTE = cosign(sign_note(CHECKPOINT.text, [LOG]), WITNESS, 1_795_392_000)
PATH = inclusion_proof(lambda height, index: root_of(HASHES[index << height : (index + 1) << height]), 5, 11)
PROOF = ProofFile(5, PATH, NOTE)
SPELT = bytes(PROOF).decode()
INDEX, FIRST_HASH = "\nindex 5\n", base64.b64encode(PATH[0]).decode()

# The example of c2sp.org/tlog-proof down to its checkpoint, of which it shows but parts.
EXAMPLE = """\
c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

"""


def test_a_proof_file_has_the_shape_of_the_specification() -> None:
    lines = bytes(ProofFile(5, PATH, NOTE, b"salt")).decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra c2FsdA==", "index 5"]
    assert lines[3:7] == [base64.b64encode(one).decode() for one in PATH]
    assert "\n".join(lines[7:]) == "\n" + bytes(NOTE).decode()


def test_the_example_of_the_specification_is_read_and_written() -> None:
    spelt = EXAMPLE.encode() + bytes(NOTE)
    proof = read_proof_file(spelt)
    assert (proof.index, len(proof.hashes)) == (73894, 5)
    assert proof.extra is not None
    assert proof.extra.startswith(b"age-v1.2.1-darwin-arm64.tar.gz")
    assert proof.hashes[0] == base64.b64decode("gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=")
    assert bytes(proof) == spelt


def test_a_proof_file_shows_that_a_leaf_is_in_the_log() -> None:
    proof = read_proof_file(SPELT.encode())
    checkpoint = open_checkpoint(proof.checkpoint, [LOG.verifier])
    check_inclusion(HASHES[5], proof.index, checkpoint.size, checkpoint.root, proof.hashes)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=64).map(tuple),
    st.none() | st.binary(max_size=100),
)
def test_what_is_written_is_read_back(index: int, hashes: tuple[bytes, ...], extra: bytes | None) -> None:
    proof = ProofFile(index, hashes, NOTE, extra)
    assert read_proof_file(bytes(proof)) == proof


def test_the_only_leaf_of_a_log_needs_no_hashes() -> None:
    assert read_proof_file(bytes(ProofFile(0, (), NOTE))) == ProofFile(0, (), NOTE)


def test_the_checkpoint_is_kept_to_the_byte() -> None:
    with_lines = sign_note(CHECKPOINT.text + "an extension\n", [LOG])
    assert bytes(ProofFile(5, PATH, with_lines)).endswith(b"\n\n" + bytes(with_lines))
    assert read_proof_file(bytes(ProofFile(5, PATH, with_lines))).checkpoint == with_lines


def test_what_an_early_empty_line_cuts_off_spoils_the_checkpoint() -> None:
    proof = read_proof_file(SPELT.replace(INDEX, f"{INDEX}\n").encode())
    assert proof.hashes == ()
    with pytest.raises(CheckpointWrong):
        open_checkpoint(proof.checkpoint, [LOG.verifier])


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_changed_byte_is_refused_or_is_another_proof(data: st.DataObject) -> None:
    whole = bytearray(SPELT.encode())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        proof = read_proof_file(bytes(whole))
    except ProofFileWrong:
        return
    assert proof != PROOF
    assert bytes(proof) == bytes(whole)


@pytest.mark.parametrize(
    "change",
    [
        lambda spelt: "",
        lambda spelt: "\n\n",
        lambda spelt: "\n" + spelt,
        lambda spelt: "\ufeff" + spelt,
        lambda spelt: spelt.replace("@v1", "@v2"),
        lambda spelt: spelt.replace("@v1", "@v1 "),
        lambda spelt: spelt.replace("c2sp", "C2SP", 1),
        lambda spelt: spelt.removeprefix("c2sp.org/tlog-proof@v1\n"),
        lambda spelt: spelt.replace("\n", "\r\n"),
        lambda spelt: spelt.replace(INDEX, "\n"),
        lambda spelt: spelt.replace(INDEX, "\nindex 5\nindex 5\n"),
        lambda spelt: spelt.replace(INDEX, "\nindex\n"),
        lambda spelt: spelt.replace(INDEX, "\nindex \n"),
        lambda spelt: spelt.replace(INDEX, "\nindex  5\n"),
        lambda spelt: spelt.replace(INDEX, "\nindex 5 \n"),
        lambda spelt: spelt.replace(INDEX, "\nindex 05\n"),
        lambda spelt: spelt.replace(INDEX, "\nindex -5\n"),
        lambda spelt: spelt.replace(INDEX, "\nindex +5\n"),
        lambda spelt: spelt.replace(INDEX, "\nindex 5.0\n"),
        lambda spelt: spelt.replace(INDEX, "\nindex ٥\n"),
        lambda spelt: spelt.replace(INDEX, "\nindex " + "9" * 20 + "\n"),
        lambda spelt: spelt.replace(INDEX, "\nIndex 5\n"),
        lambda spelt: spelt.replace(INDEX, "\nindex 5\nextra AAAA\n"),
        lambda spelt: spelt.replace(INDEX, "\nextra AAAA\nextra AAAA\nindex 5\n"),
        lambda spelt: spelt.replace(INDEX, "\nextra\nindex 5\n"),
        lambda spelt: spelt.replace(INDEX, "\nextra AAA\nindex 5\n"),
        lambda spelt: spelt.replace(INDEX, "\nextra AAB=\nindex 5\n"),
        lambda spelt: spelt.replace(INDEX, "\nextra AA-_\nindex 5\n"),
        lambda spelt: spelt.replace(INDEX, "\nextra  AAAA\nindex 5\n"),
        lambda spelt: spelt.replace(INDEX, "\nindex 5\n# a comment\n"),
        lambda spelt: spelt.replace(FIRST_HASH, FIRST_HASH[:-1]),
        lambda spelt: spelt.replace(FIRST_HASH, FIRST_HASH + "="),
        lambda spelt: spelt.replace(FIRST_HASH, FIRST_HASH + " "),
        lambda spelt: spelt.replace(FIRST_HASH, " " + FIRST_HASH),
        lambda spelt: spelt.replace(FIRST_HASH, PATH[0].hex()),
        lambda spelt: spelt.replace(FIRST_HASH, base64.b64encode(bytes(31)).decode()),
        lambda spelt: spelt.replace(FIRST_HASH, base64.b64encode(bytes(33)).decode()),
        lambda spelt: spelt.replace(FIRST_HASH, base64.b64encode(bytes(64)).decode()),
        lambda spelt: spelt.partition("\n\n")[0],
        lambda spelt: spelt.partition("\n\n")[0] + "\n\n",
        lambda spelt: spelt.partition("\n\n")[0] + "\n" + bytes(NOTE).decode(),
        lambda spelt: spelt.partition("\n\n")[0] + "\n\n" + CHECKPOINT.text,
        lambda spelt: spelt + "\n",
        lambda spelt: spelt.rstrip("\n"),
        lambda spelt: bytes(NOTE).decode(),
    ],
)
def test_what_is_no_proof_file_is_refused(change: Callable[[str], str]) -> None:
    changed = change(SPELT)
    assert changed != SPELT
    with pytest.raises(ProofFileWrong):
        read_proof_file(changed.encode())


def test_what_is_no_utf_8_is_refused() -> None:
    for data in (b"\xff" + SPELT.encode(), SPELT.encode().replace(b"example.org/log\n11", b"\xff\n11")):
        with pytest.raises(ProofFileWrong, match="cannot be read"):
            read_proof_file(data)


def test_too_long_a_file_is_refused_unread() -> None:
    extra = bytes(MAX_BYTES // 2)
    assert read_proof_file(bytes(ProofFile(5, PATH, NOTE, extra))).extra == extra
    with pytest.raises(ProofFileWrong, match="too long"):
        read_proof_file(bytes(ProofFile(5, PATH, NOTE, bytes(MAX_BYTES))))
