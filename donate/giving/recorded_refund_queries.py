"""What a host's treasurers, and the donor, read of money that went back from the bank."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, aliased

from donate.errors import NotFound
from donate.giving.recorded_models import RecordedDonation
from donate.giving.recorded_queries import MAY_CONFIRM, user_names
from donate.giving.recorded_refund import refund_by_public_id
from donate.giving.recorded_refund_models import RecordedRefund, RecordedRefundNote, SentBackState, UndoWay
from donate.ledger.models import Book
from donate.people.queries import SignedIn
from donate.publiclog.models import LogLeaf

RECENT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBack:
    """One transfer back to a donor, in a list or on its own page."""

    public_id: UUID
    recorded: UUID
    campaign_ref: str
    amount_minor: int
    currency: str
    time_zone: str
    sent_on: date
    reference: str
    state: SentBackState
    note: str
    asked_by: int
    asked_at: datetime
    decided_by: int | None
    decided_at: datetime | None
    undo_way: UndoWay | None
    undo_on: date | None
    undo_asked_by: int | None
    undo_note: str
    undone_by: int | None
    undone_at: datetime | None
    log_index: int | None
    undo_index: int | None
    names: dict[int, str]  # of the users of this row who still exist

    @property
    def waits_to_be_undone(self) -> bool:
        return self.state is SentBackState.BOOKED and self.undo_way is not None


def refund_of(session: Session, user: SignedIn, public_id: UUID) -> RecordedRefund:
    """The transfer, if it is of a host whose treasurer or owner the user is. Raises NotFound."""
    found = refund_by_public_id(session, public_id)
    if not user.is_in(session.get_one(Book, found.book_id).host, *MAY_CONFIRM):
        raise NotFound
    return found


def sent_back(session: Session, refund: RecordedRefund) -> SentBack:
    """One transfer with who did what."""
    (found,) = _read(session, RecordedRefund.id == refund.id)
    return found


def all_sent_back(session: Session, recorded_id: int) -> list[SentBack]:
    """Every transfer of one recorded donation, oldest first."""
    return _read(session, RecordedRefund.recorded_id == recorded_id)


def stands(session: Session, recorded_id: int) -> list[SentBack]:
    """Those that are booked and stand, for the donor."""
    return _read(session, RecordedRefund.recorded_id == recorded_id, RecordedRefund.state == SentBackState.BOOKED)


def waiting(session: Session, book_ids: Collection[int]) -> list[SentBack]:
    """What waits for a second person in these books."""
    waits = or_(
        RecordedRefund.state == SentBackState.ASKED,
        and_(RecordedRefund.state == SentBackState.BOOKED, RecordedRefund.undo_way.is_not(None)),
    )
    return _read(session, RecordedRefund.book_id.in_(book_ids), waits)[:RECENT]


def _read(session: Session, *conditions: ColumnElement[bool]) -> list[SentBack]:
    leaf, undo_leaf = aliased(LogLeaf), aliased(LogLeaf)
    rows: Sequence[Any] = session.execute(
        select(RecordedRefund, RecordedRefundNote, RecordedDonation, Book, leaf.log_index, undo_leaf.log_index)
        .join(RecordedDonation, RecordedDonation.id == RecordedRefund.recorded_id)
        .join(Book, Book.id == RecordedRefund.book_id)
        .outerjoin(RecordedRefundNote, RecordedRefundNote.refund_id == RecordedRefund.id)
        .outerjoin(leaf, leaf.entry_id == RecordedRefund.entry_id)
        .outerjoin(undo_leaf, undo_leaf.entry_id == RecordedRefund.undo_entry_id)
        .where(*conditions)
        .order_by(RecordedRefund.id)
    ).all()
    ids = {one for row, *_ in rows for one in (row.asked_by, row.decided_by, row.undo_asked_by, row.undone_by)}
    names = user_names(session, ids)
    return [
        _line(row, note, recorded, book, log_index, undo_index, names)
        for row, note, recorded, book, log_index, undo_index in rows
    ]


def _line(
    row: RecordedRefund,
    note: RecordedRefundNote | None,
    recorded: RecordedDonation,
    book: Book,
    log_index: int | None,
    undo_index: int | None,
    names: dict[int, str],
) -> SentBack:
    return SentBack(
        public_id=row.public_id,
        recorded=recorded.public_id,
        campaign_ref=recorded.campaign_ref,
        amount_minor=row.amount_minor,
        currency=book.currency,
        time_zone=book.time_zone,
        sent_on=row.sent_on,
        reference=row.reference,
        state=SentBackState(row.state),
        note=note.note if note else "",
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        undo_way=None if row.undo_way is None else UndoWay(row.undo_way),
        undo_on=row.undo_on,
        undo_asked_by=row.undo_asked_by,
        undo_note=note.undo_note if note else "",
        undone_by=row.undone_by,
        undone_at=row.undone_at,
        log_index=log_index,
        undo_index=undo_index,
        names=names,
    )
