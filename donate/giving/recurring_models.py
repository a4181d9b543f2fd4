"""Standing promises: the same amount every month, charged by the provider until somebody ends it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from donate import clock
from donate.db import Base, Id
from donate.errors import N_


class RecurringState(StrEnum):
    """How a standing promise goes. `sentence` is what its donor reads."""

    PENDING = "pending"  # promised on our form; its first month is not known to be paid
    ACTIVE = "active"
    PAST_DUE = "past_due"
    ENDED = "ended"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    RecurringState.PENDING: N_("The first month is not confirmed yet."),
    RecurringState.ACTIVE: N_("Your monthly donation is running."),
    RecurringState.PAST_DUE: N_("The bank refused the last charge; the payment provider tries again by itself."),
    RecurringState.ENDED: N_("Your monthly donation has ended. Nothing more is charged."),
}


class StopReason(StrEnum):
    """Why a standing promise ended, or is to end."""

    DONOR = "donor"
    CAMPAIGN = "campaign"  # its campaign takes no donations any more
    PAYMENT = "payment"  # the bank refused to the last try
    PROVIDER = "provider"  # ended there, not through our pages

    @property
    def sentence(self) -> str:
        return _REASONS[self]


_REASONS = {
    StopReason.DONOR: N_("You stopped it here."),
    StopReason.CAMPAIGN: N_("The campaign takes no donations any more, so we stopped it before the next charge."),
    StopReason.PAYMENT: N_("The bank refused the charge several times, so it ended. Nothing is owed."),
    StopReason.PROVIDER: N_("It was ended at the payment provider."),
}


class Recurring(Base, kw_only=True):
    """One donor's standing promise to one campaign. What was promised is frozen; only how it goes is written again."""

    __tablename__ = "recurring"

    id: Mapped[Id] = mapped_column(init=False)
    public_id: Mapped[UUID] = mapped_column(unique=True, default_factory=uuid4)
    # Opens the page that stops it; whoever holds it may do so, and sees the receipts of its months.
    secret: Mapped[str] = mapped_column(unique=True)
    # The checkout of the form, whose payment is the first month.
    checkout_id: Mapped[int] = mapped_column(ForeignKey("checkout.id"), unique=True)
    campaign_ref: Mapped[str]
    amount_minor: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    state: Mapped[str] = mapped_column(default=RecurringState.PENDING.value)
    recurring_id: Mapped[str | None] = mapped_column(unique=True, default=None)  # the provider's
    # When what the rest of this row says was asked of the provider: an older answer never replaces a newer one.
    seen_at: Mapped[datetime | None] = mapped_column(default=None)
    paid_until: Mapped[datetime | None] = mapped_column(default=None)
    next_attempt_at: Mapped[datetime | None] = mapped_column(default=None)
    # Written before the provider is asked to end it, so that a job goes on where the asking failed.
    stop_reason: Mapped[str | None] = mapped_column(default=None)
    stop_asked_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    # When the job asks the provider again; empty once nothing more is to be learnt.
    next_sync_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("state IN ('pending', 'active', 'past_due', 'ended')", name="state"),
        CheckConstraint("stop_reason IN ('donor', 'campaign', 'payment', 'provider')", name="stop_reason"),
        CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_at"),
        Index("recurring_next_sync_at_ix", "next_sync_at", postgresql_where="next_sync_at IS NOT NULL"),
        Index("recurring_running_ix", "campaign_ref", postgresql_where="state IN ('active', 'past_due')"),
    )


class RecurringMonth(Base, kw_only=True):
    """One month that was charged, and the checkout that stands for it here."""

    __tablename__ = "recurring_month"

    invoice_id: Mapped[str] = mapped_column(primary_key=True)
    recurring_id: Mapped[int] = mapped_column(ForeignKey("recurring.id"))
    checkout_id: Mapped[int] = mapped_column(ForeignKey("checkout.id"), unique=True)
    period_from: Mapped[datetime]

    __table_args__ = (Index(None, "recurring_id", "period_from"),)
