"""Keeping what never changes again: the manifest and the trial balance of every finished month."""

import hashlib
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate.db import reading as snapshot
from donate.db import transaction
from donate.downloads import manifest, reading
from donate.downloads.models import DownloadMonth
from donate.downloads.months import BookMonth, months
from donate.downloads.reading import FORMAT
from donate.downloads.sums import add_up, trial_text
from donate.publiclog import queries, tree
from donate.tlog.leaf import CloseLeaf

log = structlog.get_logger("donate.downloads")


class CloseDiffers(Exception):
    """The leaves do not add up to what the month's last close leaf says of them; nothing of that month is kept."""


def keep_finished() -> int:
    """Keep every finished month of the published log that is not kept yet, oldest first; how many."""
    with snapshot() as session:
        due = waiting(session)
    for wanted in due:
        with snapshot() as session:
            row = _row(session, wanted)
        with transaction() as session:
            session.execute(insert(DownloadMonth).values(row).on_conflict_do_nothing())
        log.info("month_kept", book=wanted.book, month=wanted.name, log_size=wanted.size)
    return len(due)


def waiting(session: Session) -> list[BookMonth]:
    """Finished months that are not kept yet, oldest first: each opens with the one before it."""
    rows: Sequence[Any] = session.execute(
        select(DownloadMonth.book_id, DownloadMonth.month).where(DownloadMonth.format == FORMAT)
    ).all()
    kept = {(book_id, month) for book_id, month in rows}
    found = months(session, tree.published_size(session))
    due = [one for one in found if one.is_finished and (one.book_id, one.month) not in kept]
    return sorted(due, key=lambda one: (one.book, one.month))


def _row(session: Session, wanted: BookMonth) -> dict[str, object]:
    opening = reading.head(session, wanted).opening
    trial = trial_text(add_up(reading.entries(session, wanted), opening))
    closed = queries.line(session, wanted.upto).leaf
    if not isinstance(closed, CloseLeaf) or closed.trial != hashlib.sha256(trial.encode()).digest():
        raise CloseDiffers(f"{wanted.book} {wanted.name}")
    return {
        "book_id": wanted.book_id,
        "month": wanted.month,
        "format": FORMAT,
        "log_size": wanted.size,
        "root": tree.root(session, wanted.size),
        "trial": trial,
        "files": manifest.hashed(session, wanted),
    }
