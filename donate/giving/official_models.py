"""Official receipts: the finance authority's document for a donation, asked for by its donor, issued by the host."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from donate import clock
from donate.db import Base, Id
from donate.errors import N_


class OfficialState(StrEnum):
    """How far an official receipt has come; it only moves on, and a voided one is asked for anew."""

    REQUESTED = "requested"
    ISSUED = "issued"
    VOIDED = "voided"

    @property
    def sentence(self) -> str:
        return _STATES[self]


_STATES = {
    OfficialState.REQUESTED: N_("Asked for"),
    OfficialState.ISSUED: N_("Issued"),
    OfficialState.VOIDED: N_("Voided"),
}


class OfficialReceipt(Base, kw_only=True):
    """One official receipt for one donation, online or recorded."""

    __tablename__ = "official_receipt"
    __table_args__ = (
        CheckConstraint("(donation_id IS NULL) <> (recorded_id IS NULL)", name="one_donation"),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("state IN ('requested', 'issued', 'voided')", name="state"),
        CheckConstraint("state <> 'issued' OR number IS NOT NULL", name="number"),
        CheckConstraint("(number IS NULL) = (number_key IS NULL)", name="number_key"),
        # A donation has one that counts; the authority's numbers are never used twice, voided ones neither.
        Index("official_receipt_donation_key", "donation_id", unique=True, postgresql_where="state <> 'voided'"),
        Index("official_receipt_recorded_key", "recorded_id", unique=True, postgresql_where="state <> 'voided'"),
        Index("official_receipt_number_key", "host", "number_key", unique=True),
        Index(None, "host", "state", "id"),
        Index(None, "donation_id", "id"),
        Index(None, "recorded_id", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    public_id: Mapped[UUID] = mapped_column(unique=True, default_factory=uuid4)
    host: Mapped[str]  # public reference of the organisation that issues it
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    donation_id: Mapped[int | None] = mapped_column(ForeignKey("donation.id"), default=None)
    recorded_id: Mapped[int | None] = mapped_column(ForeignKey("recorded_donation.id"), default=None)
    amount_minor: Mapped[int]  # what it is for, in the book's currency, when it was asked for
    state: Mapped[str] = mapped_column(default=OfficialState.REQUESTED.value)
    number: Mapped[str | None] = mapped_column(default=None)  # the authority's, as typed
    number_key: Mapped[str | None] = mapped_column(default=None)  # letters and figures alone, folded
    requested_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class OfficialReceiptPrivate(Base, kw_only=True):
    """To whom it is made out and where it is sent. Erasable."""

    __tablename__ = "official_receipt_private"

    receipt_id: Mapped[int] = mapped_column(ForeignKey("official_receipt.id"), primary_key=True, autoincrement=False)
    title: Mapped[str]
    tax_id: Mapped[str | None] = mapped_column(default=None)
    email: Mapped[str | None] = mapped_column(default=None)


class OfficialReceiptStep(Base, kw_only=True):
    """One step of an official receipt: what, by whom (nobody: the donor or a rule), why and when. Never changed."""

    __tablename__ = "official_receipt_step"
    __table_args__ = (
        CheckConstraint("state IN ('requested', 'issued', 'voided')", name="state"),
        Index(None, "receipt_id", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    receipt_id: Mapped[int] = mapped_column(ForeignKey("official_receipt.id"))
    state: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(default=None)
    reason: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)
