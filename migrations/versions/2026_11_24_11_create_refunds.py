"""Create refunds: what goes back to donors, wishes for it, disputes, issuers' warnings, and what covers a shortfall."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import append_only, grant

revision = "r11_refunds"
down_revision = "r10_jobs"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_refund()
    _create_wish()
    _create_dispute()
    _create_cover()
    _widen_giving()
    # Amounts, ids and parts are frozen; only how far a row has come is written again.
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (state, refund_id, refused_code, failure, next_sync_at)", "refund")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (state, decided_by, decided_at, refund_id)", "refund_wish")
    progress = "state, is_withdrawn, is_reinstated, fee_minor, evidence_due_at, next_sync_at"
    grant(op, "donate_web", f"SELECT, INSERT, UPDATE ({progress})", "dispute")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (refund_id)", "fraud_warning")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (covered_minor, entry_count)", "fund_cover")
    grant(op, "donate_web", "SELECT, INSERT", "refund_part", "dispute_part", "cleared_part", "refund_note")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (answer)", "refund_wish_private")
    grant(op, "donate_eraser", "SELECT, DELETE", "refund_note", "refund_wish_private")
    grant(op, "donate_eraser", "SELECT", "refund", "refund_wish")
    grant(op, "donate_web", "UPDATE (charge_id, fee_minor, explained_by, outcome)", "unbooked_money")
    append_only(op, "refund_part", "dispute_part", "cleared_part")


def _payment() -> list[sa.Column[int]]:
    return [
        sa.Column("checkout_id", sa.BigInteger(), sa.ForeignKey("checkout.id")),
        sa.Column("unbooked_id", sa.BigInteger(), sa.ForeignKey("unbooked_money.id")),
    ]


def _part(table: str) -> None:
    """How one row of `table` is spread over donations."""
    op.create_table(
        f"{table}_part",
        sa.Column(f"{table}_id", sa.BigInteger(), sa.ForeignKey(f"{table}.id"), primary_key=True, autoincrement=False),
        sa.Column("donation_id", sa.BigInteger(), sa.ForeignKey("donation.id"), primary_key=True, autoincrement=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
    )
    op.create_index(f"{table}_part_donation_id_ix", f"{table}_part", ["donation_id"])
    for column in ("checkout_id", "unbooked_id"):
        op.create_index(f"{table}_{column}_ix", table, [column])
    waiting = sa.text("next_sync_at IS NOT NULL")
    op.create_index(f"{table}_next_sync_at_ix", table, ["next_sync_at"], postgresql_where=waiting)


def _create_refund() -> None:
    op.create_table(
        "refund",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("public_id", sa.Uuid(), nullable=False, unique=True),
        *_payment(),
        sa.Column("charge_id", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("requested_by", sa.BigInteger()),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("refund_id", sa.String(), unique=True),
        sa.Column("refused_code", sa.String()),
        sa.Column("failure", sa.String()),
        sa.Column("next_sync_at", TIME),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.CheckConstraint("(checkout_id IS NULL) <> (unbooked_id IS NULL)", name="one_payment"),
        sa.CheckConstraint(
            "state IN ('requested', 'pending', 'succeeded', 'failed', 'canceled', 'refused')", name="state"
        ),
        sa.CheckConstraint("origin IN ('staff', 'donor', 'provider', 'fraud_warning')", name="origin"),
        sa.CheckConstraint("(state IN ('requested', 'refused')) = (refund_id IS NULL)", name="refund_id"),
    )
    _part("refund")
    refund = sa.Column("refund_id", sa.BigInteger(), sa.ForeignKey("refund.id"), primary_key=True, autoincrement=False)
    op.create_table("refund_note", refund, sa.Column("note", sa.String(), nullable=False))
    op.create_table(
        "fraud_warning",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("warning_id", sa.String(), nullable=False, unique=True),
        sa.Column("charge_id", sa.String(), nullable=False),
        sa.Column("warned_at", TIME, nullable=False),
        sa.Column("refund_id", sa.BigInteger(), sa.ForeignKey("refund.id")),
    )


def _create_wish() -> None:
    op.create_table(
        "refund_wish",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("public_id", sa.Uuid(), nullable=False, unique=True),
        sa.Column("checkout_id", sa.BigInteger(), sa.ForeignKey("checkout.id"), nullable=False),
        sa.Column("donation_id", sa.BigInteger(), sa.ForeignKey("donation.id")),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_by", sa.BigInteger()),
        sa.Column("decided_at", TIME),
        sa.Column("refund_id", sa.BigInteger(), sa.ForeignKey("refund.id")),
        sa.CheckConstraint("state IN ('asked', 'accepted', 'declined')", name="state"),
        sa.CheckConstraint("(state = 'asked') = (decided_at IS NULL)", name="decided_at"),
        sa.CheckConstraint("(state = 'accepted') = (refund_id IS NOT NULL)", name="refund_id"),
    )
    op.create_index("refund_wish_checkout_id_id_ix", "refund_wish", ["checkout_id", "id"])
    asked = sa.text("state = 'asked'")
    op.create_index(
        "refund_wish_asked_key",
        "refund_wish",
        ["checkout_id", "donation_id"],
        unique=True,
        postgresql_where=asked,
        postgresql_nulls_not_distinct=True,
    )
    wish = sa.Column("wish_id", sa.BigInteger(), sa.ForeignKey("refund_wish.id"), primary_key=True, autoincrement=False)
    words = [sa.Column(name, sa.String(), nullable=False) for name in ("words", "answer")]
    op.create_table("refund_wish_private", wish, *words)


def _create_dispute() -> None:
    op.create_table(
        "dispute",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("dispute_id", sa.String(), nullable=False, unique=True),
        *_payment(),
        sa.Column("charge_id", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("is_withdrawn", sa.Boolean(), nullable=False),
        sa.Column("is_reinstated", sa.Boolean(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("evidence_due_at", TIME),
        sa.Column("next_sync_at", TIME),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.CheckConstraint("fee_minor >= 0", name="fee"),
        sa.CheckConstraint("(checkout_id IS NULL) <> (unbooked_id IS NULL)", name="one_payment"),
        sa.CheckConstraint("state IN ('warning', 'open', 'lost', 'won')", name="state"),
        sa.CheckConstraint("is_withdrawn OR NOT is_reinstated", name="reinstated"),
    )
    _part("dispute")
    running = sa.text("state IN ('warning', 'open')")
    op.create_index("dispute_running_ix", "dispute", ["evidence_due_at"], postgresql_where=running)


def _create_cover() -> None:
    op.create_table(
        "fund_cover",
        sa.Column("account_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("covered_minor", sa.BigInteger(), nullable=False),
        sa.Column("entry_count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id", "book_id"], ["account.id", "account.book_id"]),
        sa.CheckConstraint("covered_minor >= 0", name="covered"),
    )
    op.create_table(
        "cleared_part",
        sa.Column("donation_id", sa.BigInteger(), sa.ForeignKey("donation.id"), primary_key=True, autoincrement=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
    )


def _widen_giving() -> None:
    """Unexplained money learns its charge, its fee and who explained it; a checkout may be cleared out of suspense."""
    op.drop_constraint("booked_as", "checkout", type_="check")
    kinds = "booked_as IN ('donations', 'suspense', 'cleared', 'unbooked')"
    op.create_check_constraint("booked_as", "checkout", kinds)
    op.add_column("unbooked_money", sa.Column("charge_id", sa.String()))
    op.add_column("unbooked_money", sa.Column("fee_minor", sa.BigInteger()))
    op.add_column("unbooked_money", sa.Column("explained_by", sa.BigInteger()))
    op.add_column("unbooked_money", sa.Column("outcome", sa.String()))
    op.create_check_constraint("outcome", "unbooked_money", "outcome IN ('cleared', 'refunded', 'noted')")
    op.create_index("unbooked_money_charge_id_ix", "unbooked_money", ["charge_id"])
    op.create_index("unbooked_money_checkout_id_ix", "unbooked_money", ["checkout_id"])
