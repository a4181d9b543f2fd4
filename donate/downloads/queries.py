"""What the desk shows: months of every book, and of the finished ones each file's bytes and hash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.downloads.models import DownloadMonth
from donate.downloads.months import BookMonth, months
from donate.downloads.reading import FORMAT
from donate.publiclog import tree
from donate.publiclog.tree import Signed

PAGE_MONTHS = 12


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a finished month: its size in bytes and its SHA-256 in hexadecimal."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DeskMonth:
    """A month on the desk. `files`, by name, are there once the month is finished and was kept."""

    of: BookMonth
    files: Mapping[str, KeptFile]


@dataclass(frozen=True, slots=True)
class DeskBook:
    """A book with a page of its months, newest first; `older` is the last of them where there are more."""

    ref: str
    currency: str
    months: tuple[DeskMonth, ...]
    older: date | None


@dataclass(frozen=True, slots=True)
class Desk:
    """The published checkpoint that everything is of, and the books that have anything in it."""

    signed: Signed | None
    books: tuple[DeskBook, ...]


def desk(session: Session, *, book: str | None = None, before: date | None = None) -> Desk:
    """The newest months of all books or of one, those before `before` only."""
    signed = tree.published(session)
    if signed is None:
        return Desk(None, ())
    by_book: dict[str, list[BookMonth]] = {}
    for one in months(session, signed.size, book):
        if before is None or one.month < before:
            by_book.setdefault(one.book, []).append(one)
    shown = [one for found in by_book.values() for one in found[:PAGE_MONTHS]]
    files = _files(session, shown)
    return Desk(signed, tuple(_book(ref, found, files) for ref, found in by_book.items()))


def kept(session: Session, wanted: BookMonth) -> DownloadMonth | None:
    """What was kept of a finished month; None before the job came by."""
    return session.get(DownloadMonth, (wanted.book_id, wanted.month, FORMAT))


def _book(ref: str, found: list[BookMonth], files: Mapping[tuple[int, date], Mapping[str, KeptFile]]) -> DeskBook:
    page = found[:PAGE_MONTHS]
    shown = tuple(DeskMonth(one, files.get((one.book_id, one.month), {})) for one in page)
    return DeskBook(ref, page[0].currency, shown, page[-1].month if len(found) > PAGE_MONTHS else None)


def _files(session: Session, shown: list[BookMonth]) -> dict[tuple[int, date], Mapping[str, KeptFile]]:
    if not shown:
        return {}
    rows: Sequence[Any] = session.execute(
        select(DownloadMonth.book_id, DownloadMonth.month, DownloadMonth.files).where(
            DownloadMonth.format == FORMAT,
            DownloadMonth.book_id.in_({one.book_id for one in shown}),
            DownloadMonth.month.in_({one.month for one in shown}),
        )
    ).all()
    return {
        (book_id, month): {file["name"]: KeptFile(file["bytes"], file["sha256"]) for file in files}
        for book_id, month, files in rows
    }
