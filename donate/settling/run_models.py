"""Runs of reconciling: where they stand, what they saw, and every difference that they found. All of it is public."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from donate import clock
from donate.db import Base, Id


class ReconcileCursor(Base, kw_only=True):
    """How far one merchant account has been read, so that a run that broke off goes on where it was."""

    __tablename__ = "reconcile_cursor"

    merchant_account_id: Mapped[int] = mapped_column(
        ForeignKey("merchant_account.id"), primary_key=True, autoincrement=False
    )
    events_until: Mapped[datetime | None] = mapped_column(default=None)
    lines_until: Mapped[datetime | None] = mapped_column(default=None)
    payouts_until: Mapped[datetime | None] = mapped_column(default=None)


class ReconcileRun(Base, kw_only=True):
    """One run, published with its counts. A run without `finished_at` broke off, or is still at it."""

    __tablename__ = "reconcile_run"
    __table_args__ = (CheckConstraint("started_by IN ('schedule', 'hand')", name="started_by"),)

    id: Mapped[Id] = mapped_column(init=False)
    started_by: Mapped[str]
    with_repairs: Mapped[bool]
    # The one account that it was for; empty: all of them.
    merchant_account_id: Mapped[int | None] = mapped_column(ForeignKey("merchant_account.id"), default=None)
    started_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    checkout_count: Mapped[int] = mapped_column(default=0)
    event_count: Mapped[int] = mapped_column(default=0)
    line_count: Mapped[int] = mapped_column(default=0)
    settlement_count: Mapped[int] = mapped_column(default=0)
    difference_count: Mapped[int] = mapped_column(default=0)


class ReconcileDifference(Base, kw_only=True):
    """One thing on which the provider and our books disagree. `subject` is an opaque reference, never a person."""

    __tablename__ = "reconcile_difference"
    __table_args__ = (Index(None, "run_id", "id"),)

    id: Mapped[Id] = mapped_column(init=False)
    run_id: Mapped[int] = mapped_column(ForeignKey("reconcile_run.id"))
    merchant_account_id: Mapped[int] = mapped_column(ForeignKey("merchant_account.id"))
    kind: Mapped[str]  # one of settling.differences.Difference
    subject: Mapped[str]
    ours_minor: Mapped[int | None]
    theirs_minor: Mapped[int | None]
    currency: Mapped[str]
    was_repaired: Mapped[bool]


class ProviderSnapshot(Base, kw_only=True):
    """What the provider held in one currency at a moment, and what its lines up to then sum to."""

    __tablename__ = "provider_snapshot"
    __table_args__ = (Index(None, "merchant_account_id", "id"),)

    id: Mapped[Id] = mapped_column(init=False)
    run_id: Mapped[int] = mapped_column(ForeignKey("reconcile_run.id"))
    merchant_account_id: Mapped[int] = mapped_column(ForeignKey("merchant_account.id"))
    currency: Mapped[str]
    total_minor: Mapped[int]
    lines_minor: Mapped[int]
    taken_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class ClearingSnapshot(Base, kw_only=True):
    """What our books said was at the provider when a run had read it, and the parts that must sum to it."""

    __tablename__ = "clearing_snapshot"
    __table_args__ = (Index(None, "book_id", "id"),)

    id: Mapped[Id] = mapped_column(init=False)
    run_id: Mapped[int] = mapped_column(ForeignKey("reconcile_run.id"))
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    clearing_minor: Mapped[int]
    lines_minor: Mapped[int]
    under_way_minor: Mapped[int]
    unlined_minor: Mapped[int]
    taken_at: Mapped[datetime] = mapped_column(default_factory=clock.now)

    @property
    def excess_minor(self) -> int:
        """By how much the books say more than the parts."""
        return self.clearing_minor - self.lines_minor - self.under_way_minor - self.unlined_minor


class MoneyUnderWay(Base, kw_only=True):
    """Money of one kind that was between donors and the bank when a run looked: how much of it, and since when."""

    __tablename__ = "money_under_way"
    __table_args__ = (
        CheckConstraint("kind IN ('payment', 'settlement', 'settlement_failed', 'refund', 'dispute')", name="kind"),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("reconcile_run.id"), primary_key=True, autoincrement=False)
    merchant_account_id: Mapped[int] = mapped_column(
        ForeignKey("merchant_account.id"), primary_key=True, autoincrement=False
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    item_count: Mapped[int]
    amount_minor: Mapped[int]
    oldest_at: Mapped[datetime]
