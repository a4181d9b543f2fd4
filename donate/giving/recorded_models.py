"""Recorded donations: money that reached the host outside us, entered by one person and confirmed by another.

What was entered is never edited; only how far it has come is written again. User ids are plain numbers, so that a
user can be erased while what they did stays.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from donate import clock
from donate.db import Base, Id
from donate.errors import N_


class Channel(StrEnum):
    """How the money came. `sentence` stands on the campaign's page and in the ledger."""

    BANK_TRANSFER = "bank_transfer"
    CASH = "cash"
    PLATFORM = "platform"

    @property
    def sentence(self) -> str:
        return _CHANNELS[self]


_CHANNELS = {
    Channel.BANK_TRANSFER: N_("Bank transfer"),
    Channel.CASH: N_("Cash paid in at the bank"),
    Channel.PLATFORM: N_("Another platform"),
}


class RecordedState(StrEnum):
    """How far a recorded donation, or a whole batch, has come."""

    CHECKED = "checked"  # a batch only: its file was looked through, nothing was entered yet
    ENTERED = "entered"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    REVERSED = "reversed"

    @property
    def sentence(self) -> str:
        return _STATES[self]


_STATES = {
    RecordedState.CHECKED: N_("Looked through, not entered"),
    RecordedState.ENTERED: N_("Waits for a second person"),
    RecordedState.CONFIRMED: N_("Booked"),
    RecordedState.DECLINED: N_("Declined"),
    RecordedState.REVERSED: N_("Reversed"),
}


class ReversalState(StrEnum):
    """How far the reversal of a booked recorded donation has come."""

    ASKED = "asked"
    BOOKED = "booked"
    REFUSED = "refused"


class RecordedBatch(Base, kw_only=True):
    """One file of another platform: checked, entered and confirmed as a whole."""

    __tablename__ = "recorded_batch"
    __table_args__ = (
        CheckConstraint("octet_length(file_sha256) = 32", name="file_sha256"),
        CheckConstraint("state IN ('checked', 'entered', 'confirmed', 'declined')", name="state"),
        CheckConstraint("decided_by IS NULL OR state = 'declined' OR decided_by <> uploaded_by", name="two_people"),
        CheckConstraint("(state IN ('confirmed', 'declined')) = (decided_at IS NOT NULL)", name="decided_at"),
        Index(None, "book_id", "state", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    public_id: Mapped[UUID] = mapped_column(unique=True, default_factory=uuid4)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    source: Mapped[str]  # the platform, as typed
    # The entries of the batch carry it as their document, so that the file can be asked for and compared.
    file_sha256: Mapped[bytes]
    uploaded_by: Mapped[int]
    uploaded_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    state: Mapped[str] = mapped_column(default=RecordedState.CHECKED.value)
    entered_at: Mapped[datetime | None] = mapped_column(default=None)
    donation_count: Mapped[int] = mapped_column(default=0)  # what entering it wrote; 0 before
    amount_minor: Mapped[int] = mapped_column(default=0)
    decided_by: Mapped[int | None] = mapped_column(default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decline_reason: Mapped[str] = mapped_column(default="")


class RecordedFile(Base, kw_only=True):
    """The bytes of a batch's file, which name donors. Erasable; the batch keeps its hash."""

    __tablename__ = "recorded_file"

    batch_id: Mapped[int] = mapped_column(ForeignKey("recorded_batch.id"), primary_key=True, autoincrement=False)
    content: Mapped[bytes]


class RecordedDonation(Base, kw_only=True):
    """One donor's money that reached the host outside us. Booked under the key `recorded:<public_id>`."""

    __tablename__ = "recorded_donation"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("channel IN ('bank_transfer', 'cash', 'platform')", name="channel"),
        CheckConstraint("state IN ('entered', 'confirmed', 'declined', 'reversed')", name="state"),
        CheckConstraint("decided_by IS NULL OR state = 'declined' OR decided_by <> entered_by", name="two_people"),
        CheckConstraint("(state IN ('confirmed', 'reversed')) = (entry_id IS NOT NULL)", name="booked"),
        CheckConstraint("(state = 'entered') = (decided_at IS NULL)", name="decided_at"),
        # The same money is recorded once. What was declined or reversed may be recorded again, rightly this time.
        Index(
            "recorded_donation_reference_key",
            "book_id",
            "channel",
            "source_key",
            "reference_key",
            unique=True,
            postgresql_where="state IN ('entered', 'confirmed')",
        ),
        # The same number anywhere in the host's books, whatever the bank was called.
        Index("recorded_donation_number_ix", "reference_key", postgresql_where="state IN ('entered', 'confirmed')"),
        Index(None, "book_id", "state", "id"),
        Index(None, "batch_id", "id"),
        # Which channels the campaign page names for a day's unnamed donations.
        Index(
            "recorded_donation_day_ix",
            "campaign_ref",
            "received_on",
            "channel",
            postgresql_where="state = 'confirmed' AND NOT name_is_public",
        ),
        Index("recorded_donation_named_ix", "campaign_ref", "id", postgresql_where="name_is_public"),
        # What was booked lately, to see splitting around the threshold of large donations.
        Index("recorded_donation_decided_at_ix", "decided_at", postgresql_where="state = 'confirmed'"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    public_id: Mapped[UUID] = mapped_column(unique=True, default_factory=uuid4)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("recorded_batch.id"), default=None)
    channel: Mapped[str]
    source: Mapped[str]  # the bank or platform, as typed
    source_key: Mapped[str]  # letters and figures alone, folded
    reference: Mapped[str]  # the bank's or platform's own number, as typed
    reference_key: Mapped[str]
    amount_minor: Mapped[int]  # in the book's currency
    received_on: Mapped[date]  # in the book's time zone
    campaign_ref: Mapped[str]
    name_is_public: Mapped[bool] = mapped_column(default=False)
    proof_sha256: Mapped[bytes | None] = mapped_column(ForeignKey("stored_file.sha256"), default=None)
    # Opens the receipt, to be handed to the donor; whoever holds it may see the receipt.
    secret: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(default=RecordedState.ENTERED.value)
    entered_by: Mapped[int]
    entered_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    decided_by: Mapped[int | None] = mapped_column(default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decline_reason: Mapped[str] = mapped_column(default="")
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"), unique=True, default=None)
    # Where the written agreement behind a large donation is kept; empty below the threshold, as a rule.
    agreement: Mapped[str] = mapped_column(default="")
    # Why it is other money although its number stands in the host's books already, as the second person said.
    other_money: Mapped[str] = mapped_column(default="")

    @property
    def entry_key(self) -> str:
        """The idempotency key of this donation's ledger entry."""
        return f"recorded:{self.public_id}"


class RecordedPrivate(Base, kw_only=True):
    """The name of a recorded donation's donor. Erasable; there is no row where none was given."""

    __tablename__ = "recorded_private"

    recorded_id: Mapped[int] = mapped_column(ForeignKey("recorded_donation.id"), primary_key=True, autoincrement=False)
    name: Mapped[str]


class RecordedReversal(Base, kw_only=True):
    """The wish to reverse a booked recorded donation that was a mistake: asked by one person, decided by another."""

    __tablename__ = "recorded_reversal"
    __table_args__ = (
        CheckConstraint("state IN ('asked', 'booked', 'refused')", name="state"),
        CheckConstraint("decided_by IS NULL OR state = 'refused' OR decided_by <> asked_by", name="two_people"),
        CheckConstraint("(state = 'asked') = (decided_at IS NULL)", name="decided_at"),
        Index("recorded_reversal_standing_key", "recorded_id", unique=True, postgresql_where="state <> 'refused'"),
        Index(None, "recorded_id", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    recorded_id: Mapped[int] = mapped_column(ForeignKey("recorded_donation.id"))
    reason: Mapped[str]
    asked_by: Mapped[int]
    asked_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    state: Mapped[str] = mapped_column(default=ReversalState.ASKED.value)
    decided_by: Mapped[int | None] = mapped_column(default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
