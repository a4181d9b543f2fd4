"""The provider's own account of its balance, and its settlements.

What the provider said is written once; only what we made of it (`met`, `booked_at`, an explanation) is added later,
and the database grants no more. Amounts are signed as the provider signs them: what raises its balance is positive.
"""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from donate import clock
from donate.db import Base, Id
from donate.errors import N_


class Met(StrEnum):
    """What a balance line turned out to be. `sentence` is what staff read."""

    CHARGE = "charge"
    REFUND = "refund"
    DISPUTE = "dispute"
    SETTLEMENT = "settlement"
    OPENING = "opening"  # moved before the account was connected: in the one entry of what it held then
    SUSPENSE = "suspense"  # none of ours, or a kind that we do not know: booked against suspense
    UNBOOKED = "unbooked"  # of another currency than the book's: in no entry

    @property
    def sentence(self) -> str:
        return _MET[self]


_MET = {
    Met.CHARGE: N_("A payment of ours"),
    Met.REFUND: N_("A refund of ours"),
    Met.DISPUTE: N_("A dispute of ours"),
    Met.SETTLEMENT: N_("A settlement"),
    Met.OPENING: N_("Held before the account was connected"),
    Met.SUSPENSE: N_("In suspense"),
    Met.UNBOOKED: N_("Not in the books"),
}


class SettlementState(StrEnum):
    """How far the provider's transfer to the bank has come."""

    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def sentence(self) -> str:
        return _STATES[self]


_STATES = {
    SettlementState.PENDING: N_("Announced by the provider"),
    SettlementState.IN_TRANSIT: N_("On its way to the bank"),
    SettlementState.PAID: N_("Sent to the bank"),
    SettlementState.FAILED: N_("Turned back by the bank"),
    SettlementState.CANCELED: N_("Cancelled"),
}


class ProviderLine(Base, kw_only=True):
    """One movement of the provider's balance (its balance transaction), and what we made of it."""

    __tablename__ = "provider_line"
    __table_args__ = (
        UniqueConstraint("merchant_account_id", "line_id"),
        CheckConstraint("net_minor = amount_minor - fee_minor", name="net"),
        CheckConstraint(
            "met IN ('charge', 'refund', 'dispute', 'settlement', 'opening', 'suspense', 'unbooked')",
            name="met",
        ),
        CheckConstraint("(explained_at IS NULL) = (explanation IS NULL)", name="explained"),
        Index(None, "merchant_account_id", "source_id"),
        Index(None, "checkout_id"),
        Index("provider_line_waiting_ix", "id", postgresql_where="met IS NULL"),
        Index(
            "provider_line_standing_ix",
            "id",
            postgresql_where="met IN ('suspense', 'unbooked') AND explained_at IS NULL",
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    merchant_account_id: Mapped[int] = mapped_column(ForeignKey("merchant_account.id"))
    line_id: Mapped[str]
    kind: Mapped[str]
    source_id: Mapped[str | None]
    amount_minor: Mapped[int]
    fee_minor: Mapped[int]
    net_minor: Mapped[int]
    currency: Mapped[str]
    occurred_at: Mapped[datetime]
    available_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    met: Mapped[str | None] = mapped_column(default=None)
    checkout_id: Mapped[int | None] = mapped_column(ForeignKey("checkout.id"), default=None)  # of a charge
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"), default=None)  # of what stands in suspense
    explained_at: Mapped[datetime | None] = mapped_column(default=None)
    explained_by: Mapped[int | None] = mapped_column(default=None)
    explanation: Mapped[str | None] = mapped_column(default=None)


class Settlement(Base, kw_only=True):
    """The provider's transfer to the charity's bank (its payout), as it stood when we last looked."""

    __tablename__ = "settlement"
    __table_args__ = (
        UniqueConstraint("merchant_account_id", "payout_id"),
        CheckConstraint("state IN ('pending', 'in_transit', 'paid', 'failed', 'canceled')", name="state"),
        CheckConstraint("returned_entry_id IS NULL OR entry_id IS NOT NULL", name="returned"),
        Index(None, "bank_reference"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    merchant_account_id: Mapped[int] = mapped_column(ForeignKey("merchant_account.id"))
    payout_id: Mapped[str]
    amount_minor: Mapped[int]  # negative where the provider takes money back from the bank
    currency: Mapped[str]
    is_automatic: Mapped[bool]
    created_at: Mapped[datetime]
    arrives_on: Mapped[date]
    state: Mapped[str] = mapped_column(default=SettlementState.PENDING.value)
    bank_reference: Mapped[str | None] = mapped_column(default=None)
    failure: Mapped[str | None] = mapped_column(default=None)
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"), default=None)
    returned_entry_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"), default=None)
    # What its lines sum to, once the provider's list was read; complete when that is the amount.
    lines_minor: Mapped[int | None] = mapped_column(default=None)
    released_at: Mapped[datetime | None] = mapped_column(default=None)
    taken_back_at: Mapped[datetime | None] = mapped_column(default=None)
    seen_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class SettlementLine(Base, kw_only=True):
    """Which line a settlement pays out; a line is paid out once (what came back has a line of its own)."""

    __tablename__ = "settlement_line"
    __table_args__ = (Index(None, "settlement_id"),)

    line_id: Mapped[int] = mapped_column(ForeignKey("provider_line.id"), primary_key=True, autoincrement=False)
    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id"))


class SettlementShare(Base, kw_only=True):
    """What a settlement brought to one account, signed: of all accounts the shares sum to its amount.

    `released_minor` is what it added to the stock of a fund or took from it: of a fund its share, of others nothing.
    """

    __tablename__ = "settlement_share"

    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id"), primary_key=True, autoincrement=False)
    is_return: Mapped[bool] = mapped_column(primary_key=True)  # of the day on which the bank turned it back
    code: Mapped[str] = mapped_column(primary_key=True)  # of the account
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    due_minor: Mapped[int]
    released_minor: Mapped[int]

    __table_args__ = (Index(None, "book_id", "code"),)


class LateShare(Base, kw_only=True):
    """What a balance line moved between accounts when its owner became known after its settlement: they sum to nothing.

    The settlement's own shares stay as they were: by them the line was suspense's.
    """

    __tablename__ = "late_share"

    line_id: Mapped[int] = mapped_column(ForeignKey("provider_line.id"), primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(primary_key=True)  # of the account
    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id"))
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"))  # by which the line left suspense
    due_minor: Mapped[int]

    __table_args__ = (Index(None, "settlement_id"), CheckConstraint("due_minor <> 0", name="due"))

    @property
    def is_released(self) -> bool:
        """Whether it changed a stock: of a fund it does."""
        return self.code.startswith("fund:")
