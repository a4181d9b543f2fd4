"""What went back to donors, or is to go: refunds, wishes for one, disputes, issuers' warnings, and what that cost.

A refund and a dispute belong either to a checkout or to unexplained money without one of its own. Amounts, ids and
parts are frozen when they are written; only how far a row has come is written again.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from donate import clock
from donate.db import Base, Id
from donate.errors import N_


class RefundState(StrEnum):
    """How far a refund has come; it only rises. `sentence` is what staff and donors read."""

    REQUESTED = "requested"  # written down by us; the provider may not have heard of it yet
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # sent, and come back
    CANCELED = "canceled"
    REFUSED = "refused"  # the provider said no: no money moved

    @property
    def rank(self) -> int:
        return _RANKS[self]

    @property
    def is_standing(self) -> bool:
        """Whether its money is gone, or about to go."""
        return self in STANDING

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


STANDING = (RefundState.REQUESTED, RefundState.PENDING, RefundState.SUCCEEDED)

_RANKS = {
    RefundState.REQUESTED: 0,
    RefundState.REFUSED: 1,
    RefundState.PENDING: 2,
    RefundState.SUCCEEDED: 3,
    RefundState.CANCELED: 4,
    RefundState.FAILED: 4,
}

_SENTENCES = {
    RefundState.REQUESTED: N_("Asked for at the payment provider"),
    RefundState.PENDING: N_("On its way back"),
    RefundState.SUCCEEDED: N_("Paid back"),
    RefundState.FAILED: N_("Sent back, and returned by the receiving bank"),
    RefundState.CANCELED: N_("Cancelled before it arrived"),
    RefundState.REFUSED: N_("Refused by the payment provider; nothing was paid back"),
}


class RefundOrigin(StrEnum):
    """Who wanted a refund."""

    STAFF = "staff"
    DONOR = "donor"
    PROVIDER = "provider"  # made in the provider's own dashboard
    FRAUD_WARNING = "fraud_warning"

    @property
    def sentence(self) -> str:
        return _ORIGINS[self]


_ORIGINS = {
    RefundOrigin.STAFF: N_("By the staff"),
    RefundOrigin.DONOR: N_("At the donor’s wish"),
    RefundOrigin.PROVIDER: N_("Made at the payment provider"),
    RefundOrigin.FRAUD_WARNING: N_("By itself, since the card’s issuer warned of fraud"),
}


class WishState(StrEnum):
    """What became of a donor's wish to have money back."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    DECLINED = "declined"

    @property
    def sentence(self) -> str:
        return _WISHES[self]


_WISHES = {
    WishState.ASKED: N_("The charity is looking at your request."),
    WishState.ACCEPTED: N_("Your request was accepted."),
    WishState.DECLINED: N_("Your request was declined."),
}


class DisputeState(StrEnum):
    """How a dispute stands; it only rises (a lost one may still be won by an appeal)."""

    WARNING = "warning"
    OPEN = "open"
    LOST = "lost"
    WON = "won"

    @property
    def rank(self) -> int:
        return list(DisputeState).index(self)

    @property
    def sentence(self) -> str:
        return _DISPUTES[self]


_DISPUTES = {
    DisputeState.WARNING: N_("The donor’s bank asks; no money has moved"),
    DisputeState.OPEN: N_("Open; the provider holds the money back"),
    DisputeState.LOST: N_("Lost; the money went back to the donor"),
    DisputeState.WON: N_("Won; the money is the charity’s again"),
}


class Refund(Base, kw_only=True):
    """Money on its way back to the instrument that paid."""

    __tablename__ = "refund"

    id: Mapped[Id] = mapped_column(init=False)
    # The provider keeps it with the refund, so that a message finds this row where the answer to our call was lost.
    public_id: Mapped[UUID] = mapped_column(unique=True, default_factory=uuid4)
    checkout_id: Mapped[int | None] = mapped_column(ForeignKey("checkout.id"), default=None)
    unbooked_id: Mapped[int | None] = mapped_column(ForeignKey("unbooked_money.id"), default=None)
    charge_id: Mapped[str]
    amount_minor: Mapped[int]
    origin: Mapped[str]
    requested_by: Mapped[int | None] = mapped_column(default=None)
    requested_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    state: Mapped[str] = mapped_column(default=RefundState.REQUESTED.value)
    refund_id: Mapped[str | None] = mapped_column(unique=True, default=None)  # the provider's
    refused_code: Mapped[str | None] = mapped_column(default=None)  # the provider's word for why
    failure: Mapped[str | None] = mapped_column(default=None)  # likewise
    # What settlements have taken of it: its amount, negative, once; nothing again when they brought it back.
    settled_minor: Mapped[int] = mapped_column(default=0)
    # When the job looks again; empty once nothing more is to be learnt.
    next_sync_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("(checkout_id IS NULL) <> (unbooked_id IS NULL)", name="one_payment"),
        CheckConstraint(
            "state IN ('requested', 'pending', 'succeeded', 'failed', 'canceled', 'refused')", name="state"
        ),
        CheckConstraint("origin IN ('staff', 'donor', 'provider', 'fraud_warning')", name="origin"),
        CheckConstraint("(state IN ('requested', 'refused')) = (refund_id IS NULL)", name="refund_id"),
        Index(None, "checkout_id"),
        Index(None, "unbooked_id"),
        Index("refund_next_sync_at_ix", "next_sync_at", postgresql_where="next_sync_at IS NOT NULL"),
    )


class RefundPart(Base, kw_only=True):
    """How much of a refund comes from one donation. A refund of money in suspense has no parts."""

    __tablename__ = "refund_part"

    refund_id: Mapped[int] = mapped_column(ForeignKey("refund.id"), primary_key=True, autoincrement=False)
    donation_id: Mapped[int] = mapped_column(ForeignKey("donation.id"), primary_key=True, autoincrement=False)
    amount_minor: Mapped[int]

    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount"), Index(None, "donation_id"))


class RefundNote(Base, kw_only=True):
    """Why staff refund, in their words. Erasable."""

    __tablename__ = "refund_note"

    refund_id: Mapped[int] = mapped_column(ForeignKey("refund.id"), primary_key=True, autoincrement=False)
    note: Mapped[str]


class RefundWish(Base, kw_only=True):
    """A donor asks for money back, of one donation or of all; the charity decides."""

    __tablename__ = "refund_wish"

    id: Mapped[Id] = mapped_column(init=False)
    public_id: Mapped[UUID] = mapped_column(unique=True, default_factory=uuid4)
    checkout_id: Mapped[int] = mapped_column(ForeignKey("checkout.id"))
    donation_id: Mapped[int | None] = mapped_column(ForeignKey("donation.id"), default=None)  # empty: all of them
    asked_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    state: Mapped[str] = mapped_column(default=WishState.ASKED.value)
    decided_by: Mapped[int | None] = mapped_column(default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("refund.id"), default=None)

    __table_args__ = (
        CheckConstraint("state IN ('asked', 'accepted', 'declined')", name="state"),
        CheckConstraint("(state = 'asked') = (decided_at IS NULL)", name="decided_at"),
        CheckConstraint("(state = 'accepted') = (refund_id IS NOT NULL)", name="refund_id"),
        Index(None, "checkout_id", "id"),
        # One open wish for each donation, and one for all of them.
        Index(
            "refund_wish_asked_key",
            "checkout_id",
            "donation_id",
            unique=True,
            postgresql_where="state = 'asked'",
            postgresql_nulls_not_distinct=True,
        ),
    )


class RefundWishPrivate(Base, kw_only=True):
    """What the donor wrote, and what the charity answered. Erasable."""

    __tablename__ = "refund_wish_private"

    wish_id: Mapped[int] = mapped_column(ForeignKey("refund_wish.id"), primary_key=True, autoincrement=False)
    words: Mapped[str] = mapped_column(default="")
    answer: Mapped[str] = mapped_column(default="")


class Dispute(Base, kw_only=True):
    """The donor's bank wants a charge back."""

    __tablename__ = "dispute"

    id: Mapped[Id] = mapped_column(init=False)
    dispute_id: Mapped[str] = mapped_column(unique=True)  # the provider's
    checkout_id: Mapped[int | None] = mapped_column(ForeignKey("checkout.id"), default=None)
    unbooked_id: Mapped[int | None] = mapped_column(ForeignKey("unbooked_money.id"), default=None)
    charge_id: Mapped[str]
    amount_minor: Mapped[int]
    reason: Mapped[str]  # the provider's word
    opened_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default=DisputeState.WARNING.value)
    is_withdrawn: Mapped[bool] = mapped_column(default=False)  # ever: its opening is booked
    is_reinstated: Mapped[bool] = mapped_column(default=False)
    fee_minor: Mapped[int] = mapped_column(default=0)  # all that was ever taken, as far as it is booked
    fee_returned_minor: Mapped[int] = mapped_column(default=0)  # what came back of it, likewise
    settled_minor: Mapped[int] = mapped_column(default=0)  # as of a refund
    evidence_due_at: Mapped[datetime | None] = mapped_column(default=None)
    next_sync_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("fee_minor >= 0 AND fee_returned_minor >= 0", name="fee"),
        CheckConstraint("(checkout_id IS NULL) <> (unbooked_id IS NULL)", name="one_payment"),
        CheckConstraint("state IN ('warning', 'open', 'lost', 'won')", name="state"),
        CheckConstraint("is_withdrawn OR NOT is_reinstated", name="reinstated"),
        Index(None, "checkout_id"),
        Index(None, "unbooked_id"),
        Index("dispute_running_ix", "evidence_due_at", postgresql_where="state IN ('warning', 'open')"),
        Index("dispute_next_sync_at_ix", "next_sync_at", postgresql_where="next_sync_at IS NOT NULL"),
    )


class DisputePart(Base, kw_only=True):
    """How much of a dispute falls on one donation. A dispute of money in suspense has no parts."""

    __tablename__ = "dispute_part"

    dispute_id: Mapped[int] = mapped_column(ForeignKey("dispute.id"), primary_key=True, autoincrement=False)
    donation_id: Mapped[int] = mapped_column(ForeignKey("donation.id"), primary_key=True, autoincrement=False)
    amount_minor: Mapped[int]

    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount"), Index(None, "donation_id"))


class WarningOfFraud(Base, kw_only=True):
    """The card's issuer suspects fraud; `refund_id` is the refund that followed, where anything was left to refund."""

    __tablename__ = "fraud_warning"

    id: Mapped[Id] = mapped_column(init=False)
    warning_id: Mapped[str] = mapped_column(unique=True)
    charge_id: Mapped[str]
    warned_at: Mapped[datetime]
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("refund.id"), default=None)


class FundCover(Base, kw_only=True):
    """What the general fund gives at present to a fund that refunds, disputes or a reversal left short."""

    __tablename__ = "fund_cover"

    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    book_id: Mapped[int]
    covered_minor: Mapped[int] = mapped_column(default=0)
    entry_count: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        ForeignKeyConstraint(["account_id", "book_id"], ["account.id", "account.book_id"]),
        CheckConstraint("covered_minor >= 0", name="covered"),
    )


class ClearedPart(Base, kw_only=True):
    """What a donation really brought, where the whole payment was first in suspense and a person cleared it."""

    __tablename__ = "cleared_part"

    donation_id: Mapped[int] = mapped_column(ForeignKey("donation.id"), primary_key=True, autoincrement=False)
    amount_minor: Mapped[int]

    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount"),)
