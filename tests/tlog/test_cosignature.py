"""Cosignatures: a witness's signature over a time and the note's text."""

import pytest

from donate.tlog import ed25519
from donate.tlog.note import (
    COSIGNATURE,
    PLAIN,
    NotSigned,
    SignedNote,
    SigningKey,
    VerifierKey,
    cosign,
    cosigned_at,
    read_note,
    sign_note,
    signed_by,
)
from tests.tlog.test_note import LOG, TEXT, TIME, WITNESS, with_data


def test_a_cosignature_comes_back_with_its_time() -> None:
    note = read_note(bytes(cosign(sign_note(TEXT, [LOG]), WITNESS, TIME)))
    assert [line.name for line in note.signatures] == [LOG.name, WITNESS.name]
    assert signed_by(note, [LOG.verifier, WITNESS.verifier]) == [LOG.verifier, WITNESS.verifier]
    assert cosigned_at(note, WITNESS.verifier) == TIME


def test_a_cosignature_is_over_time_and_text() -> None:
    line = cosign(SignedNote(TEXT, ()), WITNESS, TIME).signatures[-1]
    assert line.key_id == WITNESS.verifier.id
    assert int.from_bytes(line.data[:8], "big") == TIME
    message = f"cosignature/v1\ntime {TIME}\n{TEXT}".encode()
    assert ed25519.is_signed(WITNESS.verifier.public, message, line.data[8:])


def test_the_cosignature_in_the_specification_has_the_time_that_it_says() -> None:
    spelt = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— witness.example.com/w1 "
        "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    (line,) = read_note(spelt.encode()).signatures
    assert len(line.data) == 8 + 64
    assert int.from_bytes(line.data[:8], "big") == 1_679_315_147


def test_a_cosignature_with_another_time_is_refused() -> None:
    line = cosign(SignedNote(TEXT, ()), WITNESS, TIME).signatures[-1]
    later = with_data(line, (TIME + 1).to_bytes(8, "big") + line.data[8:])
    with pytest.raises(NotSigned):
        signed_by(SignedNote(TEXT, (later,)), [WITNESS.verifier])


def test_a_cosignature_of_another_text_is_refused() -> None:
    note = cosign(SignedNote("another text\n", ()), WITNESS, TIME)
    with pytest.raises(NotSigned):
        signed_by(SignedNote(TEXT, note.signatures), [WITNESS.verifier])


def test_a_cosignature_may_not_be_later_than_63_bits() -> None:
    latest = cosign(SignedNote(TEXT, ()), WITNESS, 2**63 - 1)
    assert signed_by(latest, [WITNESS.verifier]) == [WITNESS.verifier]
    with pytest.raises(NotSigned):
        signed_by(cosign(SignedNote(TEXT, ()), WITNESS, 2**63), [WITNESS.verifier])


def test_a_plain_signature_under_a_witnesss_key_is_refused() -> None:
    with pytest.raises(NotSigned):
        signed_by(sign_note(TEXT, [WITNESS]), [WITNESS.verifier])


@pytest.mark.parametrize("length", [0, 1, 7, 8, 64, 71, 73])
def test_a_cosignature_of_another_length_is_refused(length: int) -> None:
    line = cosign(SignedNote(TEXT, ()), WITNESS, TIME).signatures[-1]
    wrong = with_data(line, (line.data + b"\0")[:length])
    with pytest.raises(NotSigned):
        signed_by(SignedNote(TEXT, (wrong,)), [WITNESS.verifier])


def test_one_key_as_log_and_as_witness_is_two_signers() -> None:
    both = [VerifierKey("example.org/log", kind, LOG.verifier.public) for kind in (PLAIN, COSIGNATURE)]
    assert both[0].id != both[1].id
    assert signed_by(sign_note(TEXT, [LOG]), both) == both[:1]


def test_who_has_not_cosigned_has_no_time() -> None:
    note = cosign(sign_note(TEXT, [LOG]), WITNESS, TIME)
    assert cosigned_at(sign_note(TEXT, [LOG]), WITNESS.verifier) is None
    assert cosigned_at(note, LOG.verifier) is None
    assert cosigned_at(note, SigningKey("example.com/another", COSIGNATURE, WITNESS.seed).verifier) is None


def test_of_two_cosignatures_the_later_time_counts() -> None:
    note = SignedNote(TEXT, ())
    for time in (TIME, TIME + 60, TIME - 60):
        note = cosign(note, WITNESS, time)
    assert signed_by(note, [WITNESS.verifier]) == [WITNESS.verifier]
    assert cosigned_at(note, WITNESS.verifier) == TIME + 60
