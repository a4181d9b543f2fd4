"""Checkpoints: three lines in one spelling, believed only from a key of their own origin."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donate.tlog.checkpoint import Checkpoint, CheckpointWrong, open_checkpoint, read_checkpoint
from donate.tlog.note import COSIGNATURE, PLAIN, NotSigned, SignedNote, SigningKey, cosign, read_note, sign_note
from donate.tlog.note import verifier_key as read_key

# The example of c2sp.org/tlog-checkpoint.
EXAMPLE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
ROOT = base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")

LOG = SigningKey("example.org/log", PLAIN, b"l" * 32)
OTHER = SigningKey("example.net/other", PLAIN, b"o" * 32)
CHECKPOINT = Checkpoint("example.org/log", 7, bytes(range(32)))
SPELT = CHECKPOINT.text
SPELT_ROOT = base64.b64encode(bytes(range(32))).decode()


def test_the_example_of_the_specification_is_read_and_written() -> None:
    checkpoint = read_checkpoint(EXAMPLE)
    assert checkpoint == Checkpoint("example.com/behind-the-sofa", 20852163, ROOT)
    assert checkpoint.text == EXAMPLE


@settings(max_examples=50, deadline=None)
@given(
    st.text(st.characters(min_codepoint=32, codec="utf-8"), min_size=1),
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
)
def test_a_checkpoint_is_read_as_it_was_written(origin: str, size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin, size, root)
    assert read_checkpoint(checkpoint.text) == checkpoint


def test_extension_lines_are_allowed_and_left_alone() -> None:
    assert read_checkpoint(f"{SPELT}an extension\nand = another\n") == CHECKPOINT


def test_the_size_of_an_empty_tree_is_one_zero() -> None:
    assert read_checkpoint(SPELT.replace("\n7\n", "\n0\n")).size == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n\n",
        "example.org/log\n7\n",
        SPELT.rstrip("\n"),
        SPELT + "\n",
        SPELT + "\nan extension\n",
        SPELT + "an extension\n\n",
        SPELT + "an extension",
        "\n" + SPELT,
        "\n".join(["", "7", SPELT_ROOT, ""]),
        "\n".join(["example.org/log", "", SPELT_ROOT, ""]),
        "\n".join(["example.org/log", "7", "", ""]),
    ],
)
def test_other_than_three_lines_or_more_is_refused(text: str) -> None:
    with pytest.raises(CheckpointWrong, match="three or more lines"):
        read_checkpoint(text)


@pytest.mark.parametrize(
    "size",
    ["07", "00", "-7", "+7", " 7", "7 ", "7.0", "7e3", "1_000", "0x7", "seven", "٧", "７", "²", "9" * 20, "9" * 5000],
)
def test_another_spelling_of_the_size_is_refused(size: str) -> None:
    with pytest.raises(CheckpointWrong, match="size"):
        read_checkpoint(SPELT.replace("\n7\n", f"\n{size}\n"))


@pytest.mark.parametrize(
    "root",
    [
        SPELT_ROOT.rstrip("="),
        SPELT_ROOT + "=",
        SPELT_ROOT + " ",
        " " + SPELT_ROOT,
        SPELT_ROOT.replace("8=", "9="),
        SPELT_ROOT.replace("A", "-", 1),
        SPELT_ROOT.replace("A", "А", 1),
        base64.b64encode(bytes(31)).decode(),
        base64.b64encode(bytes(33)).decode(),
        bytes(32).hex(),
        "=",
    ],
)
def test_another_spelling_of_the_root_is_refused(root: str) -> None:
    assert root != SPELT_ROOT
    with pytest.raises(CheckpointWrong, match="root"):
        read_checkpoint(SPELT.replace(SPELT_ROOT, root))


def test_a_checkpoint_is_opened_by_the_key_of_its_origin() -> None:
    note = read_note(bytes(sign_note(SPELT, [LOG])))
    assert open_checkpoint(note, [OTHER.verifier, LOG.verifier]) == CHECKPOINT


def test_what_only_another_trusted_log_signed_is_refused() -> None:
    with pytest.raises(NotSigned, match=r"no trusted key signed for example\.org/log"):
        open_checkpoint(sign_note(SPELT, [OTHER]), [LOG.verifier, OTHER.verifier])


def test_what_a_key_signed_that_is_not_trusted_is_refused() -> None:
    with pytest.raises(NotSigned):
        open_checkpoint(sign_note(SPELT, [LOG]), [OTHER.verifier])
    with pytest.raises(NotSigned):
        open_checkpoint(sign_note(SPELT, [LOG]), [])


def test_a_key_of_the_same_name_with_other_bytes_is_not_the_logs() -> None:
    impostor = SigningKey(LOG.name, PLAIN, b"i" * 32)
    with pytest.raises(NotSigned):
        open_checkpoint(sign_note(SPELT, [impostor]), [LOG.verifier])


def test_a_cosignature_under_the_origins_name_is_not_the_logs() -> None:
    witness = SigningKey(LOG.name, COSIGNATURE, b"w" * 32)
    with pytest.raises(NotSigned):
        open_checkpoint(cosign(SignedNote(SPELT, ()), witness, 1), [witness.verifier])


def test_a_real_checkpoint_whose_key_has_another_name_than_its_origin_is_refused() -> None:
    key = read_key("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
    note = read_note(
        "go.sum database tree\n6476701\nmb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=\n\n— sum.golang.org "
        "Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=\n".encode()
    )
    assert read_checkpoint(note.text).size == 6476701
    with pytest.raises(NotSigned, match=r"go\.sum database tree"):
        open_checkpoint(note, [key])


@pytest.mark.parametrize("text", [SPELT.replace("7", "8"), SPELT.replace("/log", "/lag"), SPELT + "extension\n"])
def test_a_changed_checkpoint_is_refused(text: str) -> None:
    signatures = sign_note(SPELT, [LOG]).signatures
    with pytest.raises(NotSigned):
        open_checkpoint(SignedNote(text, signatures), [LOG.verifier])


def test_a_signed_text_that_is_no_checkpoint_is_refused() -> None:
    with pytest.raises(CheckpointWrong):
        open_checkpoint(sign_note("example.org/log\nseven\nroot\n", [LOG]), [LOG.verifier])
