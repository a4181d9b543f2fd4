"""Ed25519 signatures (RFC 8032), by the library `cryptography` or, where a verifier has none, by the program openssl."""

import subprocess
import tempfile
from pathlib import Path

from donate.errors import N_, DonateError

KEY_BYTES = 32
SIGNATURE_BYTES = 64
# DER in front of a raw public key: SubjectPublicKeyInfo with the algorithm 1.3.101.112 (RFC 8410).
_SPKI = bytes.fromhex("302a300506032b6570032100")


class NoEd25519(DonateError):
    sentence = N_("Signatures cannot be checked here: install the Python library cryptography, or openssl 3.")


def public_of(seed: bytes) -> bytes:
    """The public key of a secret seed of 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def sign(seed: bytes, message: bytes) -> bytes:
    """The signature of `message` under a secret seed of 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the signature of `message` under a raw public key. Raises NoEd25519."""
    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return _openssl_says(public, message, signature)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _openssl_says(public: bytes, message: bytes, signature: bytes) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = {"key.der": _SPKI + public, "message": message, "signature": signature}
        for part, data in parts.items():
            (folder / part).write_bytes(data)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der"]
        command += ["-rawin", "-in", "message", "-sigfile", "signature"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoEd25519 from error
    if "Verified Successfully" in done.stdout:
        return done.returncode == 0
    if "Verification Failure" not in done.stdout + done.stderr:
        raise NoEd25519
    return False
