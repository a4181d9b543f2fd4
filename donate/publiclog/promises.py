"""A promise to log: until an entry is under a published signature, its donor holds this instead.

A signed note (c2sp.org/signed-note) of the web's own key, which is not the log's: whoever takes over a web machine can
make promises, and no log. Its text:

    donate/promise/v1
    log <the log's origin, or `none` before its first checkpoint>
    book <reference of the book>
    commitment <the entry's commitment, in hexadecimal>
    booked <when, in UTC>
    logged by <when at the latest>

A donor whose commitment is in no leaf after that moment shows the note to anybody: it is our own word against us.
"""

import hashlib
import hmac
from datetime import datetime, timedelta

from donate.tlog.note import PLAIN, SignedNote, SigningKey, sign_note

FIRST_LINE = "donate/promise/v1"
_DOMAIN = b"donate/promise-key/v1"


def promise_key(secret_key: str, host: str) -> SigningKey:
    """The web's own key, the same on every machine that shares the secret."""
    seed = hmac.new(secret_key.encode(), _DOMAIN, hashlib.sha256).digest()
    return SigningKey(f"{host}/promise", PLAIN, seed)


def promise(
    key: SigningKey, *, origin: str | None, book: str, commitment: bytes, booked_at: datetime, within: timedelta
) -> SignedNote:
    """The note for one entry."""
    lines = (
        FIRST_LINE,
        f"log {origin or 'none'}",
        f"book {book}",
        f"commitment {commitment.hex()}",
        f"booked {_utc(booked_at)}",
        f"logged by {_utc(booked_at + within)}",
    )
    return sign_note("".join(f"{line}\n" for line in lines), [key])


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
