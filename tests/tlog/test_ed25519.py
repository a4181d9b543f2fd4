"""Ed25519: the vectors of RFC 8032, and the same answers from openssl where the library is missing."""

import sys
from pathlib import Path

import pytest

from donate.tlog import ed25519
from donate.tlog.ed25519 import NoEd25519, is_signed, public_of, sign

# RFC 8032, section 7.1: secret seed, public key, message, signature.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
SEED, PUBLIC, MESSAGE, SIGNATURE = map(bytes.fromhex, VECTORS[2])
ORDER = 2**252 + 27742317777372353535851937790883648493  # of the curve's main subgroup


def plus_order(signature: bytes) -> bytes:
    """The same signature with its second half spelt in a way that RFC 8032 forbids."""
    half = int.from_bytes(signature[32:], "little") + ORDER
    return signature[:32] + half.to_bytes(32, "little")


REFUSED = {
    "another message": (PUBLIC, b"\xaf\x83", SIGNATURE),
    "another key": (bytes.fromhex(VECTORS[1][1]), MESSAGE, SIGNATURE),
    "a flipped bit at the start": (PUBLIC, MESSAGE, bytes([SIGNATURE[0] ^ 1]) + SIGNATURE[1:]),
    "a flipped bit at the end": (PUBLIC, MESSAGE, SIGNATURE[:-1] + bytes([SIGNATURE[-1] ^ 1])),
    "zeros": (PUBLIC, MESSAGE, bytes(64)),
    "a second spelling": (PUBLIC, MESSAGE, plus_order(SIGNATURE)),
    "no point of the curve": (b"\x02" + bytes(31), MESSAGE, SIGNATURE),
    "no number below the prime": (b"\xff" * 32, MESSAGE, SIGNATURE),
}


@pytest.mark.parametrize("vector", VECTORS)
def test_a_vector_of_the_rfc_is_exact(vector: tuple[str, str, str, str]) -> None:
    seed, public, message, signature = map(bytes.fromhex, vector)
    assert public_of(seed) == public
    assert sign(seed, message) == signature
    assert is_signed(public, message, signature)


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_signature_is_none(name: str) -> None:
    assert not is_signed(*REFUSED[name])


LENGTHS = [
    (PUBLIC[:-1], SIGNATURE),
    (PUBLIC + b"\0", SIGNATURE),
    (PUBLIC, SIGNATURE[:-1]),
    (PUBLIC, SIGNATURE + b"\0"),
    (b"", b""),
]


@pytest.mark.parametrize(("public", "signature"), LENGTHS)
def test_a_key_or_signature_of_another_length_signs_nothing(public: bytes, signature: bytes) -> None:
    assert not is_signed(public, MESSAGE, signature)


@pytest.mark.parametrize("vector", VECTORS[1:])  # openssl's program reads no empty message; no note is empty
def test_openssl_accepts_a_vector_of_the_rfc(vector: tuple[str, str, str, str]) -> None:
    _, public, message, signature = map(bytes.fromhex, vector)
    assert ed25519._openssl_says(public, message, signature)


@pytest.mark.parametrize("name", REFUSED)
def test_openssl_refuses_a_wrong_signature_too(name: str) -> None:
    assert not ed25519._openssl_says(*REFUSED[name])


@pytest.fixture
def no_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)


@pytest.mark.usefixtures("no_cryptography")
def test_openssl_is_asked_where_the_library_is_missing() -> None:
    long = SIGNATURE * 1000
    assert is_signed(PUBLIC, long, sign(SEED, long))
    assert not is_signed(PUBLIC, long + b"\n", sign(SEED, long))


@pytest.mark.usefixtures("no_cryptography")
@pytest.mark.parametrize(("public", "signature"), LENGTHS)
def test_openssl_need_not_see_another_length(public: bytes, signature: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert not is_signed(public, MESSAGE, signature)


@pytest.mark.usefixtures("no_cryptography")
def test_without_library_and_openssl_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoEd25519, match="install the Python library cryptography, or openssl 3"):
        is_signed(PUBLIC, MESSAGE, SIGNATURE)


@pytest.mark.usefixtures("no_cryptography")
@pytest.mark.parametrize(
    "script",
    [
        "echo 'pkeyutl: Unknown option: -rawin' >&2; exit 1",
        "exit 0",
        "echo 'Signature Verification Successful'; exit 0",
    ],
)
def test_an_openssl_that_cannot_check_says_nothing(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "openssl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoEd25519):
        is_signed(PUBLIC, MESSAGE, SIGNATURE)


@pytest.mark.usefixtures("no_cryptography")
def test_an_openssl_that_ends_badly_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "openssl"
    program.write_text("#!/bin/sh\necho Signature Verified Successfully\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not is_signed(PUBLIC, MESSAGE, SIGNATURE)
