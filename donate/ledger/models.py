"""Books, accounts, entries and transfers, and the rows that are derived from them."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from donate.db import Base, Id


class Book(Base, kw_only=True):
    """The accounts of one host in one currency, sandbox or live for ever."""

    __tablename__ = "book"
    __table_args__ = (
        CheckConstraint("mode IN ('sandbox', 'live')", name="mode"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    ref: Mapped[str] = mapped_column(unique=True)  # public, short, ASCII
    host: Mapped[str]  # public reference of the host organisation
    currency: Mapped[str]
    mode: Mapped[str]
    time_zone: Mapped[str]  # where its days begin, such as Asia/Shanghai
    opened_at: Mapped[datetime]


class MerchantAccount(Base, kw_only=True):
    """A host's account at the payment provider; its key and webhook secrets live in the environment."""

    __tablename__ = "merchant_account"
    __table_args__ = (CheckConstraint("provider IN ('stripe', 'sandbox')", name="provider"),)

    id: Mapped[Id] = mapped_column(init=False)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    ref: Mapped[str] = mapped_column(unique=True)  # in the webhook's path and the settings' names
    provider: Mapped[str]
    livemode: Mapped[bool]
    tariff: Mapped[str]
    opened_at: Mapped[datetime]


class Account(Base, kw_only=True):
    """A ledger account; its code says its kind and, for funds and payees, whose it is."""

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("book_id", "code"),
        UniqueConstraint("id", "book_id"),
        CheckConstraint("account_class IN ('asset', 'liability', 'fund', 'income', 'expense')", name="account_class"),
        CheckConstraint("code ~ '^[a-z][a-z_]{0,19}(:[a-z0-9][a-z0-9-]{0,39})?$'", name="code"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    code: Mapped[str]
    account_class: Mapped[str]
    campaign: Mapped[str | None]  # public reference of the campaign whose fund this is
    opened_at: Mapped[datetime]


class Entry(Base, kw_only=True):
    """An immutable dated fact about money: a reason, a reference, one or more transfers."""

    __tablename__ = "entry"
    __table_args__ = (
        UniqueConstraint("book_id", "idempotency_key"),
        UniqueConstraint("id", "book_id"),
        ForeignKeyConstraint(["reverses", "book_id"], ["entry.id", "entry.book_id"]),
        CheckConstraint("(reason = 'reversal') = (reverses IS NOT NULL)", name="reverses"),
        # Of reversals alone: every other entry would pay for a null in it.
        Index("entry_reverses_key", "reverses", unique=True, postgresql_where=text("reverses IS NOT NULL")),
        # What a bank's statement shows and no row of settling or giving names: few among many.
        Index(
            "entry_at_the_bank_ix",
            "book_id",
            "reason",
            postgresql_where=text(
                "reason IN ('opening', 'disbursement_paid', 'disbursement_returned')"
                " OR (reason = 'recorded_donation' AND campaign IS NULL)"
            ),
        ),
        CheckConstraint("octet_length(commitment) = 32", name="commitment"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    reason: Mapped[str]
    campaign: Mapped[str | None]
    idempotency_key: Mapped[str]  # derived from stored rows
    reference: Mapped[str | None]  # opaque: the provider's or the bank's
    effective_on: Mapped[date]  # in the book's time zone
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    reverses: Mapped[int | None]  # once at most
    document_sha256: Mapped[bytes | None]
    note_sha256: Mapped[bytes | None]  # of salt and note, so that erasing the salt makes it opaque
    commitment: Mapped[bytes]


class Transfer(Base, kw_only=True):
    """An amount from one account (debit) to another (credit) inside an entry."""

    __tablename__ = "transfer"
    __table_args__ = (
        ForeignKeyConstraint(["entry_id", "book_id"], ["entry.id", "entry.book_id"]),
        ForeignKeyConstraint(["debit_id", "book_id"], ["account.id", "account.book_id"]),
        ForeignKeyConstraint(["credit_id", "book_id"], ["account.id", "account.book_id"]),
        # The upper bound keeps every sum of a book far inside a bigint.
        CheckConstraint("amount_minor > 0 AND amount_minor <= 1000000000000000", name="amount_minor"),
        CheckConstraint("debit_id <> credit_id", name="two_accounts"),
    )

    entry_id: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    book_id: Mapped[int]
    debit_id: Mapped[int]
    credit_id: Mapped[int]
    amount_minor: Mapped[int]


class EntryPrivate(Base, kw_only=True):
    """What an entry's commitment opens to. Erasable: without it the public log stays valid and says nothing."""

    __tablename__ = "entry_private"
    __table_args__ = (CheckConstraint("octet_length(salt) = 32", name="salt"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    salt: Mapped[bytes]
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    note: Mapped[str | None]


class EntryPending(Base, kw_only=True):
    """The sequencer's queue: entries that have no place in the public log yet."""

    __tablename__ = "entry_pending"

    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"), primary_key=True)


class AccountTotal(Base, kw_only=True):
    """Debits and credits of an account over all numbered entries up to log index `as_of`."""

    __tablename__ = "account_total"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    book_id: Mapped[int]
    debits_minor: Mapped[int]
    credits_minor: Mapped[int]
    debit_count: Mapped[int]
    credit_count: Mapped[int]
    as_of: Mapped[int]


class DayTotal(Base, kw_only=True):
    """Entries of one campaign, effective day and reason; campaign is empty for those of no campaign."""

    __tablename__ = "day_total"

    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"), primary_key=True)
    campaign: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    amount_minor: Mapped[int]
    entry_count: Mapped[int]


class CampaignTotal(Base, kw_only=True):
    """What a campaign's page shows, over all numbered entries up to log index `as_of`."""

    __tablename__ = "campaign_total"

    campaign: Mapped[str] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    received_minor: Mapped[int]
    donation_count: Mapped[int]
    refunded_minor: Mapped[int]
    fees_minor: Mapped[int]
    disbursed_minor: Mapped[int]
    evidenced_minor: Mapped[int]
    version: Mapped[int]
    as_of: Mapped[int]


class ReceiptNumber(Base, kw_only=True):
    """The gap-free number of a donation's receipt in its book and year.

    Written by the sequencer alone, for entries that it has just read and that nobody can delete. Foreign keys would
    lock each entry's and the book's row once more: they made up a sixth of a pass, and donors lock the same book.
    """

    __tablename__ = "receipt_number"
    __table_args__ = (UniqueConstraint("book_id", "year", "number"),)

    entry_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    book_id: Mapped[int]
    year: Mapped[int] = mapped_column(SmallInteger)
    number: Mapped[int]


class FundStock(Base, kw_only=True):
    """Stock row: what of a fund may still be approved for disbursement. Tied to the ledger by a check.

    Below zero, the fund owes it to what it gets next: money that was approved went back to donors, or never came.
    """

    __tablename__ = "fund_stock"
    __table_args__ = (ForeignKeyConstraint(["account_id", "book_id"], ["account.id", "account.book_id"]),)

    account_id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int]
    available_minor: Mapped[int]


class FundRelease(Base, kw_only=True):
    """What an entry added to the stock of one fund: its part of money that reached the bank."""

    __tablename__ = "fund_release"
    __table_args__ = (
        ForeignKeyConstraint(["entry_id", "book_id"], ["entry.id", "entry.book_id"]),
        ForeignKeyConstraint(["account_id", "book_id"], ["account.id", "account.book_id"]),
        CheckConstraint("amount_minor > 0", name="amount_minor"),
    )

    entry_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int]
    amount_minor: Mapped[int]


class FundReturn(Base, kw_only=True):
    """What an entry took from the stock of one fund: its part of money that left the bank or never reached it."""

    __tablename__ = "fund_return"
    __table_args__ = (
        ForeignKeyConstraint(["entry_id", "book_id"], ["entry.id", "entry.book_id"]),
        ForeignKeyConstraint(["account_id", "book_id"], ["account.id", "account.book_id"]),
        CheckConstraint("amount_minor > 0", name="amount_minor"),
    )

    entry_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int]
    amount_minor: Mapped[int]


class FundHold(Base, kw_only=True):
    """Stock row: what a fund's stock is less by for one payment, which gave money back before a settlement took it."""

    __tablename__ = "fund_hold"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "book_id"], ["account.id", "account.book_id"]),
        CheckConstraint("amount_minor >= 0", name="amount_minor"),
    )

    account_id: Mapped[int] = mapped_column(primary_key=True)
    payment: Mapped[str] = mapped_column(primary_key=True)  # its public id
    book_id: Mapped[int]
    amount_minor: Mapped[int]


class LedgerCheck(Base, kw_only=True):
    """One run of the named checks; the newest is public."""

    __tablename__ = "ledger_check"
    __table_args__ = (Index(None, "ran_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, init=False)
    ran_at: Mapped[datetime]
    is_ok: Mapped[bool]
    as_of: Mapped[int | None]  # newest log index when it ran
    results: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    took_milliseconds: Mapped[int | None] = mapped_column(default=None)
