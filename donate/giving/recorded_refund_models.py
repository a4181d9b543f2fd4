"""Money that the host sent back to a recorded donation's donor from its bank: said by one person, booked by another.

What was said is never edited; only how far it has come is written again. Whoever asked and decided are plain numbers,
so that a user can be erased while what they did stays.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from donate import clock
from donate.db import Base, Id
from donate.errors import N_


class SentBackState(StrEnum):
    """How far a refund of a recorded donation has come. `sentence` is what the host and the donor read."""

    ASKED = "asked"
    DECLINED = "declined"
    BOOKED = "booked"
    RETURNED = "returned"  # the donor's bank turned it back: the money is the campaign's again
    REVERSED = "reversed"  # booked by mistake

    @property
    def sentence(self) -> str:
        return _STATES[self]


_STATES = {
    SentBackState.ASKED: N_("Waits for a second person"),
    SentBackState.DECLINED: N_("Declined"),
    SentBackState.BOOKED: N_("Sent back to the donor"),
    SentBackState.RETURNED: N_("Sent back, and returned by the receiving bank"),
    SentBackState.REVERSED: N_("Reversed"),
}

# Money that is gone, or that somebody says is gone: nothing of it is sent back twice or receipted.
STANDING = (SentBackState.ASKED, SentBackState.BOOKED)


class UndoWay(StrEnum):
    """Why a booked refund does not stand: each is another entry."""

    RETURNED = "returned"
    MISTAKE = "mistake"

    @property
    def sentence(self) -> str:
        return _WAYS[self]


_WAYS = {
    UndoWay.RETURNED: N_("The bank turned it back, and the money is here again"),
    UndoWay.MISTAKE: N_("It never left: it was booked by mistake"),
}


class RecordedRefund(Base, kw_only=True):
    """One transfer by which a recorded donation, or a part of it, went back to its donor."""

    __tablename__ = "recorded_refund"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("state IN ('asked', 'declined', 'booked', 'returned', 'reversed')", name="state"),
        CheckConstraint("decided_by IS NULL OR state = 'declined' OR decided_by <> asked_by", name="two_people"),
        CheckConstraint("(state = 'asked') = (decided_at IS NULL)", name="decided_at"),
        CheckConstraint("(state IN ('booked', 'returned', 'reversed')) = (entry_id IS NOT NULL)", name="booked"),
        CheckConstraint("undo_way IN ('returned', 'mistake')", name="undo_way"),
        CheckConstraint("(undo_way IS NULL) = (undo_asked_by IS NULL)", name="undo_asked"),
        CheckConstraint("(undo_way IS NULL) = (undo_on IS NULL)", name="undo_on"),
        CheckConstraint("undone_by IS NULL OR undone_by <> undo_asked_by", name="undo_two_people"),
        CheckConstraint("(state IN ('returned', 'reversed')) = (undo_entry_id IS NOT NULL)", name="undone"),
        # One transfer of the bank is recorded once.
        Index(
            "recorded_refund_reference_key",
            "book_id",
            "reference_key",
            unique=True,
            postgresql_where="state IN ('asked', 'booked', 'returned')",
        ),
        Index(None, "recorded_id", "id"),
        Index(
            "recorded_refund_waiting_ix",
            "book_id",
            "id",
            postgresql_where="state = 'asked' OR (state = 'booked' AND undo_way IS NOT NULL)",
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    public_id: Mapped[UUID] = mapped_column(unique=True, default_factory=uuid4)
    recorded_id: Mapped[int] = mapped_column(ForeignKey("recorded_donation.id"))
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    amount_minor: Mapped[int]  # in the book's currency
    sent_on: Mapped[date]  # in the book's time zone
    reference: Mapped[str]  # the bank's own number of the transfer, as typed
    reference_key: Mapped[str]  # letters and figures alone, folded
    state: Mapped[str] = mapped_column(default=SentBackState.ASKED.value)
    asked_by: Mapped[int]
    asked_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    decided_by: Mapped[int | None] = mapped_column(default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"), unique=True, default=None)
    # Somebody says that it does not stand; booked by another person, or taken back, which empties these again.
    undo_way: Mapped[str | None] = mapped_column(default=None)
    undo_on: Mapped[date | None] = mapped_column(default=None)  # when the money was here again
    undo_asked_by: Mapped[int | None] = mapped_column(default=None)
    undone_by: Mapped[int | None] = mapped_column(default=None)
    undone_at: Mapped[datetime | None] = mapped_column(default=None)
    undo_entry_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"), unique=True, default=None)


class RecordedRefundNote(Base, kw_only=True):
    """Why it was sent back, and why it does not stand, in the words of who said so. Erasable."""

    __tablename__ = "recorded_refund_note"

    refund_id: Mapped[int] = mapped_column(ForeignKey("recorded_refund.id"), primary_key=True, autoincrement=False)
    note: Mapped[str]
    undo_note: Mapped[str] = mapped_column(default="")
