"""Signed notes: those of other programs read and made alike, strangers passed over, no wrong signature let through."""

import base64
import hashlib
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donate.tlog import ed25519
from donate.tlog.note import (
    COSIGNATURE,
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    PLAIN,
    KeyWrong,
    NoteWrong,
    NotSigned,
    Signature,
    SignedNote,
    SigningKey,
    cosigned_at,
    new_key,
    read_note,
    sign_note,
    signed_by,
    signing_key,
    verifier_key,
)

# The example of Go's package golang.org/x/mod/sumdb/note.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
GO_NOTE = f"{GO_TEXT}\n{GO_LINE}".encode()

# Go's checksum database; the second checkpoint is what C2SP's own examples show under a made-up name.
SUMDB_VKEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
SUMDB_NOTES = [
    "go.sum database tree\n6476701\nmb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=\n\n"
    "— sum.golang.org Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=\n",
    "go.sum database tree\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— sum.golang.org Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n",
]

# A checkpoint that a witness of the public network cosigned.
WITNESS_VKEY = "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G"
WITNESSED = (
    "markovianprotocol.com/log\n9266\nQnwPzJywq5AyOk9k1zLqfryh6Ktw1CnaaKplELApoxw=\n\n"
    "— markovianprotocol.com/log "
    "AwLGyIvuxLXZM101mKdNCPTsl9GgtiG/wzbd8cGru0pGnWVMXI06twIsEIZho7n8id+w2EO0BZCalxuEm6BauQGNmgo=\n"
    "— witness.navigli.sunlight.geomys.org "
    "o+AP4gAAAABqwX+So8evhUsltetL+QnwUxEYMNrD25pJYOTFHwDCopbgQMl2AEh583AxfFNMDZzE73rdjK62tUN8oUBfd9p6usq+BA==\n"
)

# The example of c2sp.org/signed-note, whose text has an empty line of its own.
QUASIMODO = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)

LOG = SigningKey("example.org/log", PLAIN, b"l" * 32)
OTHER = SigningKey("example.net/other", PLAIN, b"o" * 32)
WITNESS = SigningKey("example.com/witness", COSIGNATURE, b"w" * 32)
TEXT = "example.org/log\n7\n" + base64.b64encode(bytes(32)).decode() + "\n"
TIME = 1_795_392_000


def a_line(name: str = "a", data: bytes = bytes(68)) -> str:
    return f"— {name} {base64.b64encode(data).decode()}\n"


def with_data(line: Signature, data: bytes) -> Signature:
    return Signature(line.name, line.key_id, data)


# The notes of others


def test_the_note_of_go_is_signed_by_its_key() -> None:
    key = verifier_key(GO_VKEY)
    assert signed_by(read_note(GO_NOTE), [key]) == [key]


def test_the_note_of_go_is_made_to_the_byte() -> None:
    assert bytes(sign_note(GO_TEXT, [signing_key(GO_SKEY)])) == GO_NOTE


def test_the_keys_of_go_are_written_as_they_were_read() -> None:
    assert signing_key(GO_SKEY).spelt() == GO_SKEY
    assert str(signing_key(GO_SKEY).verifier) == str(verifier_key(GO_VKEY)) == GO_VKEY


@pytest.mark.parametrize("spelt", SUMDB_NOTES)
def test_a_checkpoint_of_gos_checksum_database_is_signed_by_its_key(spelt: str) -> None:
    key = verifier_key(SUMDB_VKEY)
    assert key.id.hex() == "033de0ae"
    assert signed_by(read_note(spelt.encode()), [key]) == [key]


def test_a_real_witness_has_cosigned_at_its_time() -> None:
    key, note = verifier_key(WITNESS_VKEY), read_note(WITNESSED.encode())
    assert key.kind == COSIGNATURE
    assert signed_by(note, [key]) == [key]
    assert cosigned_at(note, key) == 1_791_066_002


@pytest.mark.parametrize(
    "vkey", [SUMDB_VKEY, WITNESS_VKEY, "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"]
)
def test_a_real_key_is_written_as_it_was_read(vkey: str) -> None:
    assert str(verifier_key(vkey)) == vkey


@pytest.mark.parametrize("spelt", [*SUMDB_NOTES, WITNESSED, QUASIMODO])
def test_a_note_is_written_as_it_was_read(spelt: str) -> None:
    assert bytes(read_note(spelt.encode())) == spelt.encode()


def test_the_text_ends_at_the_last_empty_line() -> None:
    note = read_note(QUASIMODO.encode())
    assert note.text.endswith("sole:\n\ned è subito sera.\n")
    assert [line.name for line in note.signatures] == ["quasimodo.example/salvatore"]


# Who signed


def test_those_who_signed_are_found_in_the_order_in_which_they_are_trusted() -> None:
    keys = [OTHER.verifier, LOG.verifier]
    assert signed_by(sign_note(TEXT, [LOG, OTHER]), keys) == keys
    assert signed_by(sign_note(TEXT, [LOG]), keys) == [LOG.verifier]


@pytest.mark.parametrize(
    "stranger",
    [
        Signature(LOG.name, b"\1\2\3\4", bytes(64)),
        Signature("example.org/another", LOG.verifier.id, bytes(64)),
        Signature("example.org/another", b"\1\2\3\4", b"?"),
        Signature(LOG.name, SigningKey(LOG.name, COSIGNATURE, LOG.seed).verifier.id, bytes(72)),
        Signature("example.org/post-quantum", b"\1\2\3\4", bytes(2420)),
    ],
)
def test_a_stranger_is_passed_over(stranger: Signature) -> None:
    note = SignedNote(TEXT, (stranger, *sign_note(TEXT, [LOG]).signatures))
    again = read_note(bytes(note))
    assert again == note
    assert signed_by(again, [LOG.verifier]) == [LOG.verifier]


def test_a_note_of_strangers_alone_is_signed_by_nobody() -> None:
    assert signed_by(sign_note(TEXT, [OTHER]), [LOG.verifier]) == []
    assert signed_by(sign_note(TEXT, [OTHER]), []) == []


@pytest.mark.parametrize("place", [0, 31, 63])
def test_a_wrong_signature_of_a_trusted_key_refuses_the_note(place: int) -> None:
    (line,) = sign_note(TEXT, [LOG]).signatures
    wrong = with_data(line, line.data[:place] + bytes([line.data[place] ^ 1]) + line.data[place + 1 :])
    with pytest.raises(NotSigned, match=r"signature of example\.org/log is wrong"):
        signed_by(SignedNote(TEXT, (wrong,)), [LOG.verifier])


@pytest.mark.parametrize("data", [b"?", bytes(63), bytes(65), bytes(72)])
def test_a_signature_of_another_length_under_a_trusted_key_refuses_the_note(data: bytes) -> None:
    with pytest.raises(NotSigned):
        signed_by(SignedNote(TEXT, (Signature(LOG.name, LOG.verifier.id, data),)), [LOG.verifier])


def test_no_right_signature_makes_up_for_a_wrong_one() -> None:
    right = sign_note(TEXT, [OTHER, LOG])
    (wrong,) = sign_note("another text\n", [LOG]).signatures
    for signatures in ((*right.signatures, wrong), (wrong, *right.signatures)):
        with pytest.raises(NotSigned):
            signed_by(SignedNote(TEXT, signatures), [OTHER.verifier, LOG.verifier])


def test_a_changed_text_is_refused() -> None:
    note = sign_note(TEXT, [LOG])
    with pytest.raises(NotSigned):
        signed_by(SignedNote(TEXT.replace("7", "8"), note.signatures), [LOG.verifier])


def test_a_wrong_signature_of_nobody_that_is_trusted_does_no_harm() -> None:
    (wrong,) = sign_note("another text\n", [OTHER]).signatures
    note = SignedNote(TEXT, (wrong, *sign_note(TEXT, [LOG]).signatures))
    assert signed_by(note, [LOG.verifier]) == [LOG.verifier]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_changed_byte_takes_the_signature_away_or_leaves_the_text(data: st.DataObject) -> None:
    whole = bytearray(GO_NOTE)
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        note = read_note(bytes(whole))
        by = signed_by(note, [verifier_key(GO_VKEY)])
    except (NoteWrong, NotSigned):
        return
    assert not by or note.text == GO_TEXT


# Notes that are none


@pytest.mark.parametrize(
    "spelt",
    [
        "",
        "\n",
        "\n\n",
        "text\n",
        "text\n\n",
        "text\n\n\n",
        "text\n" + a_line(),
        a_line(),
        "\n" + a_line(),
        "text\n\n" + a_line().rstrip("\n"),
        "text\n\n" + a_line() + "\n",
        "text\n\n" + a_line() + "more\n",
        "text\n\nmore\n" + a_line(),
        "text\n\n" + a_line().replace("—", "-"),
        "text\n\n" + a_line().replace("—", "–"),
        "text\n\n" + a_line().replace("— ", "—"),
        "text\n\n " + a_line(),
        "text\n\n" + a_line().replace("a ", "a  "),
        "text\n\n" + a_line().replace("\n", " \n"),
        "text\n\n" + a_line().replace("\n", "\r\n"),
        "text\r\n\r\n" + a_line(),
        "text\n\n" + a_line(name=""),
        "text\n\n" + a_line(name="a+b"),
        "text\n\n" + a_line(name="a b"),
        "text\n\n" + a_line(name="a\u2003b"),
        "text\n\n" + a_line(name="a\u00a0b"),
        "text\n\n" + a_line(name="a\tb"),
        "text\n\n" + a_line(data=b""),
        "text\n\n" + a_line(data=b"abc"),
        "text\n\n" + a_line(data=b"abcd"),
        "text\n\n— a\n",
        "text\n\n— a AAAA AAAAAAAA\n",
        "text\n\n— a AAAAAAA\n",
        "text\n\n— a AAAAAAB=\n",
        "text\n\n— a AAAA*AAAA\n",
        "text\n\n— a AAAAAA__\n",
        "text\n\n— a AAAAAAA÷\n",
        "te\txt\n\n" + a_line(),
        "te\0xt\n\n" + a_line(),
        "te\x1bxt\n\n" + a_line(),
        "\ufeff",
    ],
)
def test_what_is_no_note_is_refused(spelt: str) -> None:
    with pytest.raises(NoteWrong):
        read_note(spelt.encode())


@pytest.mark.parametrize(
    "data", [b"\xff\n\n" + a_line().encode(), b"\xed\xa0\x80\n\n" + a_line().encode(), b"\xc0\x8a"]
)
def test_what_is_no_utf_8_is_refused(data: bytes) -> None:
    with pytest.raises(NoteWrong, match="UTF-8"):
        read_note(data)


def test_as_many_signatures_as_are_allowed_are_read_and_no_more() -> None:
    assert len(read_note(f"text\n\n{a_line() * MAX_SIGNATURES}".encode()).signatures) == MAX_SIGNATURES >= 16
    with pytest.raises(NoteWrong, match="too many"):
        read_note(f"text\n\n{a_line() * (MAX_SIGNATURES + 1)}".encode())


def test_too_long_a_note_is_refused() -> None:
    whole = f"\n\n{a_line()}".encode()
    longest = b"a" * (MAX_NOTE_BYTES - len(whole)) + whole
    assert read_note(longest).text.startswith("aaa")
    with pytest.raises(NoteWrong, match="too long"):
        read_note(b"a" + longest)


@pytest.mark.parametrize("text", ["", "text", "text\r\n", "te\0xt\n", "text\n\t\n", "\ud800\n"])
def test_a_text_that_no_note_could_hold_is_not_signed(text: str) -> None:
    with pytest.raises(NoteWrong):
        sign_note(text, [LOG])


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(min_codepoint=32, codec="utf-8") | st.just("\n")))
def test_any_signed_text_is_read_back(text: str) -> None:
    note = sign_note(text + "\n", [LOG, OTHER])
    assert read_note(bytes(note)) == note
    assert signed_by(note, [LOG.verifier]) == [LOG.verifier]


# Keys


def test_a_key_id_is_the_start_of_the_hash_of_name_kind_and_key() -> None:
    public = ed25519.public_of(WITNESS.seed)
    assert WITNESS.verifier.id == hashlib.sha256(b"example.com/witness\n\x04" + public).digest()[:4]
    assert LOG.verifier.id == hashlib.sha256(b"example.org/log\n\x01" + ed25519.public_of(LOG.seed)).digest()[:4]


def test_a_new_key_is_another_each_time_and_comes_back_from_its_file() -> None:
    one, another = new_key("example.org/log"), new_key("example.org/log")
    assert one.seed != another.seed
    assert one.kind == PLAIN
    assert signing_key(one.spelt() + "\n") == one
    assert verifier_key(str(one.verifier) + "\n") == one.verifier


def test_a_cosigning_key_comes_back_too() -> None:
    key = new_key("example.com/witness", COSIGNATURE)
    assert signing_key(key.spelt()) == key
    assert verifier_key(str(key.verifier)).kind == COSIGNATURE


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\u00a0b", "a\x00b", "\ud800"])
def test_a_name_that_no_signature_line_can_carry_gets_no_key(name: str) -> None:
    with pytest.raises(KeyWrong, match="name"):
        new_key(name)


def packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


NAME, KEY_ID, PACKED = GO_VKEY.split("+", 2)


@pytest.mark.parametrize(
    "spelt",
    [
        "",
        "PeterNeumann",
        f"{NAME}+{KEY_ID}",
        f"{NAME}+{PACKED}",
        f"+{KEY_ID}+{PACKED}",
        f"Peter Neumann+{KEY_ID}+{PACKED}",
        f"Peter+Neumann+{KEY_ID}+{PACKED}",
        f"peterneumann+{KEY_ID}+{PACKED}",
        f"{NAME}+c74f20a4+{PACKED}",
        f"{NAME}+c74f20+{PACKED}",
        f"{NAME}+0xc74f20a3+{PACKED}",
        f"{NAME}++{PACKED}",
        f"{NAME}+{KEY_ID}+{PACKED[:-1]}",
        f"{NAME}+{KEY_ID}+{PACKED}=",
        f"{NAME}+{KEY_ID}+{PACKED} {PACKED}",
        f"{NAME}+{KEY_ID}+{PACKED[:-4]}*{PACKED[-3:]}",
        f"{NAME}+{KEY_ID}+{packed(bytes([1]) + bytes(32))}",
        GO_SKEY,
    ],
)
def test_what_is_no_verifier_key_is_refused(spelt: str) -> None:
    with pytest.raises(KeyWrong):
        verifier_key(spelt)


@pytest.mark.parametrize(
    "data", [b"", b"\1", b"\1" + bytes(31), b"\1" + bytes(33), b"\2" + bytes(32), b"\xff" + bytes(32)]
)
def test_a_key_of_another_kind_or_length_is_refused(data: bytes) -> None:
    key_id = hashlib.sha256(b"a\n" + data).digest()[:4].hex()
    with pytest.raises(KeyWrong, match="no Ed25519 key"):
        verifier_key(f"a+{key_id}+{packed(data)}")


@pytest.mark.parametrize(
    "spelt",
    [
        GO_VKEY,
        GO_SKEY.replace("c74f20a3", "c74f20a4"),
        GO_SKEY.replace("PeterNeumann", "PeterNewmann"),
        GO_SKEY.replace("PRIVATE", "PUBLIC"),
        GO_SKEY.removeprefix("PRIVATE+KEY+"),
        GO_SKEY[:-1],
        GO_SKEY + "A",
        GO_SKEY.replace("+AYEK", "+AgEK"),
        "",
    ],
)
def test_what_is_no_signing_key_is_refused_and_not_shown(spelt: str) -> None:
    with pytest.raises(KeyWrong) as caught:
        signing_key(spelt)
    assert GO_SKEY[-40:-4] not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_a_signing_key_never_shows_its_seed() -> None:
    key = signing_key(GO_SKEY)
    shown = f"{key} {key!r} {[key]} {(key, {'key': key})}"
    assert "PeterNeumann" in shown
    for secret in (key.seed.hex(), packed(key.seed), packed(b"\1" + key.seed), repr(key.seed), repr(key.seed)[2:-1]):
        assert secret not in shown
