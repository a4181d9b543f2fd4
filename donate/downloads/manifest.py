"""The manifest of a month: every file's bytes and SHA-256, and the log that all of them were made from."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from donate.downloads.files import FILES, stream
from donate.downloads.months import BookMonth
from donate.downloads.reading import FORMAT
from donate.errors import N_, DonateError
from donate.publiclog import tree

NAME = "manifest.json"
# Files beside the month's that do not follow from the log: no size of the log gives them the same bytes.
BESIDE = {
    "bank-reconciliation.csv": "made from the bank statement as it was uploaded until then; its log part names its size",
    "data-dictionary.csv": "made from the program; one for all months of this format",
}


class LogNotSigned(DonateError):
    """There is no published checkpoint, so no file could name the log that it is of."""

    sentence = N_("The public log is not signed yet.")
    status = 404


def hashed(session: Session, wanted: BookMonth) -> list[dict[str, Any]]:
    """Name, bytes and sha256 of each of the month's files: writes them all once, in constant memory."""
    found = []
    for file in FILES.values():
        digest, size = hashlib.sha256(), 0
        for block in stream(session, wanted, file):
            digest.update(block)
            size += len(block)
        found.append({"name": file.name, "bytes": size, "sha256": digest.hexdigest()})
    return found


def origin(session: Session) -> str:
    """The log's name for itself. Raises LogNotSigned."""
    signed = tree.published(session)
    if signed is None:
        raise LogNotSigned
    return signed.origin


def written(wanted: BookMonth, *, origin: str, root: bytes, files: Sequence[dict[str, Any]]) -> bytes:
    """The manifest as JSON, the same bytes for the same facts."""
    said = {
        "format": f"donate/downloads/{FORMAT}",
        "book": wanted.book,
        "currency": wanted.currency,
        "month": wanted.name,
        "log": {
            "origin": origin,
            "size": wanted.size,
            "root": root.hex(),
            "first": wanted.after + 1,
            "last": wanted.upto,
        },
        "files": [
            {
                "path": file["name"],
                "bytes": file["bytes"],
                "sha256": file["sha256"],
                "media_type": FILES[file["name"]].media_type,
            }
            for file in files
        ],
        "not_from_the_log": BESIDE,
    }
    return (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()
