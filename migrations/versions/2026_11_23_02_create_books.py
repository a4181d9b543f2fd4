"""Create books, accounts, entries and transfers, and refuse every change to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.rights import append_only, grant

revision = "r02_books"
down_revision = "r01_roles"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_books()
    _create_entries()
    _create_derived()
    append_only(op, "book", "merchant_account", "account", "entry", "transfer", "fund_release", "receipt_number")
    append_only(op, "ledger_check")
    facts = ("book", "merchant_account", "account", "entry", "transfer", "fund_release", "ledger_check")
    grant(op, "donate_web", "SELECT, INSERT", *facts, "entry_private", "entry_pending")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (available_minor)", "fund_stock")
    grant(op, "donate_web", "SELECT", "account_total", "day_total", "campaign_total", "receipt_number")
    grant(op, "donate_sequencer", "SELECT", "book", "merchant_account", "account", "entry", "transfer")
    grant(op, "donate_sequencer", "SELECT", "ledger_check")
    grant(op, "donate_sequencer", "SELECT, DELETE", "entry_pending")
    grant(op, "donate_sequencer", "SELECT, INSERT, UPDATE", "account_total", "day_total", "campaign_total")
    grant(op, "donate_sequencer", "SELECT, INSERT", "receipt_number")
    grant(op, "donate_eraser", "SELECT, DELETE", "entry_private")
    grant(op, "donate_eraser", "SELECT", "entry")


def _create_books() -> None:
    op.create_table(
        "book",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("ref", sa.String, nullable=False, unique=True),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("time_zone", sa.String, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.CheckConstraint("mode IN ('sandbox', 'live')", name="mode"),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    )
    op.create_table(
        "merchant_account",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("book_id", sa.BigInteger, sa.ForeignKey("book.id"), nullable=False),
        sa.Column("ref", sa.String, nullable=False, unique=True),
        sa.Column("provider", sa.String, nullable=False),
        sa.Column("livemode", sa.Boolean, nullable=False),
        sa.Column("tariff", sa.String, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.CheckConstraint("provider IN ('stripe', 'sandbox')", name="provider"),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("book_id", sa.BigInteger, sa.ForeignKey("book.id"), nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("account_class", sa.String, nullable=False),
        sa.Column("campaign", sa.String),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.UniqueConstraint("book_id", "code"),
        sa.UniqueConstraint("id", "book_id"),
        sa.CheckConstraint(
            "account_class IN ('asset', 'liability', 'fund', 'income', 'expense')", name="account_class"
        ),
        # As a line of the public log spells it: one that it could not spell would stop the log for everybody.
        sa.CheckConstraint("code ~ '^[a-z][a-z_]{0,19}(:[a-z0-9][a-z0-9-]{0,39})?$'", name="code"),
    )


def _create_entries() -> None:
    op.create_table(
        "entry",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("book_id", sa.BigInteger, sa.ForeignKey("book.id"), nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("campaign", sa.String),
        sa.Column("idempotency_key", sa.String, nullable=False),
        sa.Column("reference", sa.String),
        sa.Column("effective_on", sa.Date, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("reverses", sa.BigInteger),
        sa.Column("document_sha256", sa.LargeBinary),
        sa.Column("note_sha256", sa.LargeBinary),
        sa.Column("commitment", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("book_id", "idempotency_key"),
        sa.UniqueConstraint("id", "book_id"),
        sa.ForeignKeyConstraint(["reverses", "book_id"], ["entry.id", "entry.book_id"]),
        sa.CheckConstraint("(reason = 'reversal') = (reverses IS NOT NULL)", name="reverses"),
        sa.CheckConstraint("octet_length(commitment) = 32", name="commitment"),
    )
    # Of reversals alone: every other entry would pay for a null in it.
    op.create_index(
        "entry_reverses_key", "entry", ["reverses"], unique=True, postgresql_where=sa.text("reverses IS NOT NULL")
    )
    op.create_table(
        "transfer",
        sa.Column("entry_id", sa.BigInteger, primary_key=True),
        sa.Column("line", sa.SmallInteger, primary_key=True),
        sa.Column("book_id", sa.BigInteger, nullable=False),
        sa.Column("debit_id", sa.BigInteger, nullable=False),
        sa.Column("credit_id", sa.BigInteger, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["entry_id", "book_id"], ["entry.id", "entry.book_id"]),
        sa.ForeignKeyConstraint(["debit_id", "book_id"], ["account.id", "account.book_id"]),
        sa.ForeignKeyConstraint(["credit_id", "book_id"], ["account.id", "account.book_id"]),
        sa.CheckConstraint("amount_minor > 0 AND amount_minor <= 1000000000000000", name="amount_minor"),
        sa.CheckConstraint("debit_id <> credit_id", name="two_accounts"),
    )
    op.create_table(
        "entry_private",
        sa.Column("entry_id", sa.BigInteger, sa.ForeignKey("entry.id"), primary_key=True),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("fields", JSONB, nullable=False),
        sa.Column("note", sa.String),
        sa.CheckConstraint("octet_length(salt) = 32", name="salt"),
    )
    op.create_table(
        "entry_pending",
        sa.Column("entry_id", sa.BigInteger, sa.ForeignKey("entry.id"), primary_key=True),
    )


def _create_derived() -> None:
    op.create_table(
        "account_total",
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("account.id"), primary_key=True),
        sa.Column("book_id", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("debits_minor", "credits_minor", "debit_count", "credit_count", "as_of")
        ),
    )
    op.create_table(
        "day_total",
        sa.Column("book_id", sa.BigInteger, sa.ForeignKey("book.id"), primary_key=True),
        sa.Column("campaign", sa.String, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("reason", sa.String, primary_key=True),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("entry_count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "campaign_total",
        sa.Column("campaign", sa.String, primary_key=True),
        sa.Column("book_id", sa.BigInteger, sa.ForeignKey("book.id"), nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in (
                "received_minor",
                "donation_count",
                "refunded_minor",
                "fees_minor",
                "disbursed_minor",
                "evidenced_minor",
                "version",
                "as_of",
            )
        ),
    )
    op.create_table(
        "receipt_number",
        sa.Column("entry_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("book_id", sa.BigInteger, nullable=False),
        sa.Column("year", sa.SmallInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("book_id", "year", "number"),
    )
    op.create_table(
        "fund_stock",
        sa.Column("account_id", sa.BigInteger, primary_key=True),
        sa.Column("book_id", sa.BigInteger, nullable=False),
        sa.Column("available_minor", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["account_id", "book_id"], ["account.id", "account.book_id"]),
        sa.CheckConstraint("available_minor >= 0", name="available_minor"),
    )
    op.create_table(
        "fund_release",
        sa.Column("entry_id", sa.BigInteger, primary_key=True),
        sa.Column("account_id", sa.BigInteger, primary_key=True),
        sa.Column("book_id", sa.BigInteger, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["entry_id", "book_id"], ["entry.id", "entry.book_id"]),
        sa.ForeignKeyConstraint(["account_id", "book_id"], ["account.id", "account.book_id"]),
        sa.CheckConstraint("amount_minor > 0", name="amount_minor"),
    )
    op.create_table(
        "ledger_check",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("ran_at", MOMENT, nullable=False),
        sa.Column("is_ok", sa.Boolean, nullable=False),
        sa.Column("as_of", sa.BigInteger),
        sa.Column("results", JSONB, nullable=False),
    )
    op.create_index("ledger_check_ran_at_ix", "ledger_check", ["ran_at"])
