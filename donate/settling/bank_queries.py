"""What treasurers and owners of a host read of its bank statement; who is none is told that there is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from donate.errors import NotFound
from donate.giving.recorded_models import RecordedBatch, RecordedDonation
from donate.giving.recorded_queries import MAY_CONFIRM, user_names
from donate.giving.recorded_refund_models import RecordedRefund
from donate.giving.reference_key import key_of
from donate.ledger.models import Book
from donate.people.queries import SignedIn
from donate.settling.bank_matching import Candidate, candidates, carries
from donate.settling.bank_models import BankLine, BankLinePrivate, BankMatch, BankStatement
from donate.settling.bank_totals import BankTotals, totals_of
from donate.settling.models import Settlement

MOST_WAITING = 200
PAGE = 50
MOST_CHOICES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLine:
    """A line of the statement with its book, and the bank's words on it."""

    line_id: int
    booked_on: date
    amount_minor: int
    currency: str
    reference: str
    running_number: str
    words: str
    note: str
    met: BankMatch | None
    subject: str | None
    met_at: datetime | None
    met_by: int | None

    @property
    def number(self) -> str:
        """The bank's own number of the line, empty where it has none."""
        return "" if self.running_number.startswith("~") else self.running_number


@dataclass(frozen=True, slots=True, kw_only=True)
class BankDesk:
    """One book's statement: what waits, what was matched last, and what the books have and no line shows."""

    waiting: tuple[ShownLine, ...]
    waiting_count: int
    matched: tuple[ShownLine, ...]
    next_before: int | None
    unseen: tuple[Candidate, ...]
    unseen_count: int
    totals: BankTotals
    last: BankStatement | None
    until: date | None  # the day of the newest line


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFile:
    """Everything about one line: what it may be by its amount, and what only has its reference."""

    line: ShownLine
    book: Book
    by_name: str | None
    fitting: tuple[Candidate, ...]
    same_reference: tuple[Candidate, ...]  # of another amount, so that it cannot be this
    has_other_reference: bool  # a reference that none of `fitting` bears: they have its amount alone
    settlement_id: int | None
    recorded: RecordedDonation | None
    batch: RecordedBatch | None
    sent_back: RecordedRefund | None


def line_of(session: Session, user: SignedIn, line_id: int) -> BankLine:
    """The line, if it is of a host whose treasurer or owner the user is. Raises NotFound."""
    line = session.get(BankLine, line_id)
    if line is None or not user.is_in(session.get_one(Book, line.book_id).host, *MAY_CONFIRM):
        raise NotFound
    return line


def bank_desk(session: Session, book: Book, before: int | None = None) -> BankDesk:
    """The desk of one book; `before` pages through what was matched."""
    waiting = _lines(book).where(BankLine.met.is_(None)).order_by(BankLine.booked_on, BankLine.id).limit(MOST_WAITING)
    matched = _lines(book).where(BankLine.met.is_not(None)).order_by(BankLine.id.desc()).limit(PAGE + 1)
    if before is not None:
        matched = matched.where(BankLine.id < before)
    rows = _shown(session, matched)
    unseen = [one for one in candidates(session, book.id) if not one.is_other_sum]
    return BankDesk(
        waiting=_shown(session, waiting),
        waiting_count=session.scalars(
            select(func.count()).select_from(BankLine).where(BankLine.book_id == book.id, BankLine.met.is_(None))
        ).one(),
        matched=rows[:PAGE],
        next_before=rows[PAGE - 1].line_id if len(rows) > PAGE else None,
        unseen=tuple(unseen[:PAGE]),
        unseen_count=len(unseen),
        totals=totals_of(session, book, unseen),
        last=session.scalars(
            select(BankStatement).where(BankStatement.book_id == book.id).order_by(BankStatement.id.desc()).limit(1)
        ).first(),
        until=session.scalar(select(func.max(BankLine.booked_on)).where(BankLine.book_id == book.id)),
    )


def line_file(session: Session, line: BankLine) -> LineFile:
    book = session.get_one(Book, line.book_id)
    (shown,) = _shown(session, _lines(book).where(BankLine.id == line.id))
    known = (key_of(shown.reference), key_of(shown.words))
    open_ones = candidates(session, book.id) if shown.met is None else []
    fitting = [one for one in open_ones if one.amount_minor == line.amount_minor]
    fitting.sort(key=lambda one: (not carries(known, one.key), abs(one.on - line.booked_on)))
    other = [one for one in open_ones if one.amount_minor != line.amount_minor and carries(known, one.key)]
    names = user_names(session, [line.met_by])
    return LineFile(
        line=shown,
        book=book,
        by_name=names.get(line.met_by or 0),
        fitting=tuple(fitting[:MOST_CHOICES]),
        same_reference=tuple(other),
        has_other_reference=bool(known[0] and fitting) and not any(carries(known, one.key) for one in fitting),
        settlement_id=_settlement(session, shown),
        recorded=_recorded(session, shown),
        batch=_batch(session, shown),
        sent_back=_sent_back(session, shown),
    )


def _settlement(session: Session, shown: ShownLine) -> int | None:
    if shown.met not in (BankMatch.SETTLEMENT, BankMatch.SETTLEMENT_RETURNED):
        return None
    return session.scalar(select(Settlement.id).where(Settlement.payout_id == shown.subject))


def _recorded(session: Session, shown: ShownLine) -> RecordedDonation | None:
    if shown.met is not BankMatch.RECORDED_DONATION or shown.subject is None:
        return None
    query = select(RecordedDonation).where(RecordedDonation.public_id == UUID(shown.subject))
    return session.scalars(query).one_or_none()


def _batch(session: Session, shown: ShownLine) -> RecordedBatch | None:
    if shown.met is not BankMatch.RECORDED_BATCH or shown.subject is None:
        return None
    query = select(RecordedBatch).where(RecordedBatch.public_id == UUID(shown.subject))
    return session.scalars(query).one_or_none()


def _sent_back(session: Session, shown: ShownLine) -> RecordedRefund | None:
    if shown.met not in (BankMatch.RECORDED_REFUND, BankMatch.RECORDED_REFUND_RETURNED) or shown.subject is None:
        return None
    query = select(RecordedRefund).where(RecordedRefund.public_id == UUID(shown.subject))
    return session.scalars(query).one_or_none()


def _lines(book: Book) -> Select[BankLine, str, str, str]:
    return (
        select(BankLine, BankLinePrivate.words, BankLinePrivate.note, Book.currency)
        .join(Book, Book.id == BankLine.book_id)
        .outerjoin(BankLinePrivate, BankLinePrivate.line_id == BankLine.id)
        .where(BankLine.book_id == book.id)
    )


def _shown(session: Session, query: Select[BankLine, str, str, str]) -> tuple[ShownLine, ...]:
    rows = cast("Sequence[tuple[BankLine, str | None, str | None, str]]", session.execute(query).all())
    return tuple(
        ShownLine(
            line_id=line.id,
            booked_on=line.booked_on,
            amount_minor=line.amount_minor,
            currency=currency,
            reference=line.reference,
            running_number=line.running_number,
            words=words or "",
            note=note or "",
            met=None if line.met is None else BankMatch(line.met),
            subject=line.subject,
            met_at=line.met_at,
            met_by=line.met_by,
        )
        for line, words, note, currency in rows
    )
