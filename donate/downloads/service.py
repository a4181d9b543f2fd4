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
    """The leaves do not add up to what the last close leaf of these months says of them; nothing of them is kept."""


def keep_finished() -> int:
    """Keep every finished month of the published log that is not kept yet, oldest first; how many.

    Raises CloseDiffers, after all others were kept.
    """
    with snapshot() as session:
        due = waiting(session)
    wrong = [wanted for wanted in due if not _keep(wanted)]
    if wrong:
        raise CloseDiffers(", ".join(f"{one.book} {one.name}" for one in wrong))
    return len(due)


def _keep(wanted: BookMonth) -> bool:
    with snapshot() as session:
        row = _row(session, wanted)
    if row is None:
        log.error("month_differs_from_its_close", book=wanted.book, month=wanted.name)
        return False
    with transaction() as session:
        session.execute(insert(DownloadMonth).values(row).on_conflict_do_nothing())
    log.info("month_kept", book=wanted.book, month=wanted.name, log_size=wanted.size)
    return True


def waiting(session: Session) -> list[BookMonth]:
    """Finished months that are not kept yet, oldest first: each opens with the one before it."""
    rows: Sequence[Any] = session.execute(
        select(DownloadMonth.book_id, DownloadMonth.month).where(DownloadMonth.format == FORMAT)
    ).all()
    kept = {(book_id, month) for book_id, month in rows}
    found = months(session, tree.published_size(session))
    due = [one for one in found if one.is_finished and (one.book_id, one.month) not in kept]
    return sorted(due, key=lambda one: (one.book, one.month))


def _row(session: Session, wanted: BookMonth) -> dict[str, object] | None:
    """What is kept of a month; None where its leaves are not what its last close leaf says."""
    opening = reading.head(session, wanted).opening
    trial = trial_text(add_up(reading.entries(session, wanted), opening))
    closed = queries.line(session, wanted.upto).leaf
    if not isinstance(closed, CloseLeaf) or closed.trial != hashlib.sha256(trial.encode()).digest():
        return None
    return {
        "book_id": wanted.book_id,
        "month": wanted.month,
        "format": FORMAT,
        "log_size": wanted.size,
        "root": tree.root(session, wanted.size),
        "trial": trial,
        "files": manifest.hashed(session, wanted),
    }
