"""Create recorded donations, their batches and reversals, what reversals take back, and official receipts."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import append_only, grant

revision = "r12_recorded"
down_revision = "r11_refunds"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_batch()
    _create_recorded()
    _create_reversal()
    _create_official()
    # What was entered is never edited; only how far it has come, and a consent may be taken back.
    progress = "state, entered_at, donation_count, amount_minor, decided_by, decided_at, decline_reason"
    grant(op, "donate_web", f"SELECT, INSERT, UPDATE ({progress})", "recorded_batch")
    progress = "state, decided_by, decided_at, decline_reason, entry_id, name_is_public"
    grant(op, "donate_web", f"SELECT, INSERT, UPDATE ({progress})", "recorded_donation")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (state, decided_by, decided_at)", "recorded_reversal")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (state, number, number_key)", "official_receipt")
    grant(op, "donate_web", "SELECT, INSERT", "recorded_file", "recorded_private", "official_receipt_private")
    grant(op, "donate_web", "SELECT, INSERT", "official_receipt_step")
    private = ("recorded_file", "recorded_private", "official_receipt_private")
    grant(op, "donate_eraser", "SELECT, DELETE", *private)
    grant(op, "donate_eraser", "SELECT", "recorded_batch", "recorded_donation", "official_receipt")
    _create_fund_return()
    grant(op, "donate_web", "SELECT, INSERT", "fund_return")
    append_only(op, "official_receipt_step", "fund_return")


def _create_batch() -> None:
    op.create_table(
        "recorded_batch",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("public_id", sa.Uuid(), nullable=False, unique=True),
        sa.Column("book_id", sa.BigInteger(), sa.ForeignKey("book.id"), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("file_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded_by", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_at", TIME, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("entered_at", TIME),
        sa.Column("donation_count", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.BigInteger()),
        sa.Column("decided_at", TIME),
        sa.Column("decline_reason", sa.String(), nullable=False),
        sa.CheckConstraint("octet_length(file_sha256) = 32", name="file_sha256"),
        sa.CheckConstraint("state IN ('checked', 'entered', 'confirmed', 'declined')", name="state"),
        sa.CheckConstraint("decided_by IS NULL OR state = 'declined' OR decided_by <> uploaded_by", name="two_people"),
        sa.CheckConstraint("(state IN ('confirmed', 'declined')) = (decided_at IS NOT NULL)", name="decided_at"),
    )
    op.create_index("recorded_batch_book_id_state_id_ix", "recorded_batch", ["book_id", "state", "id"])
    batch = sa.Column(
        "batch_id", sa.BigInteger(), sa.ForeignKey("recorded_batch.id"), primary_key=True, autoincrement=False
    )
    op.create_table("recorded_file", batch, sa.Column("content", sa.LargeBinary(), nullable=False))


def _create_recorded() -> None:
    op.create_table(
        "recorded_donation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("public_id", sa.Uuid(), nullable=False, unique=True),
        sa.Column("book_id", sa.BigInteger(), sa.ForeignKey("book.id"), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), sa.ForeignKey("recorded_batch.id")),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_key", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("reference_key", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("campaign_ref", sa.String(), nullable=False),
        sa.Column("name_is_public", sa.Boolean(), nullable=False),
        sa.Column("proof_sha256", sa.LargeBinary(), sa.ForeignKey("stored_file.sha256")),
        sa.Column("secret", sa.String(), nullable=False, unique=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("entered_by", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", TIME, nullable=False),
        sa.Column("decided_by", sa.BigInteger()),
        sa.Column("decided_at", TIME),
        sa.Column("decline_reason", sa.String(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), sa.ForeignKey("entry.id"), unique=True),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.CheckConstraint("channel IN ('bank_transfer', 'cash', 'platform')", name="channel"),
        sa.CheckConstraint("state IN ('entered', 'confirmed', 'declined', 'reversed')", name="state"),
        sa.CheckConstraint("decided_by IS NULL OR state = 'declined' OR decided_by <> entered_by", name="two_people"),
        sa.CheckConstraint("(state IN ('confirmed', 'reversed')) = (entry_id IS NOT NULL)", name="booked"),
        sa.CheckConstraint("(state = 'entered') = (decided_at IS NULL)", name="decided_at"),
    )
    op.create_index(
        "recorded_donation_reference_key",
        "recorded_donation",
        ["book_id", "channel", "source_key", "reference_key"],
        unique=True,
        postgresql_where=sa.text("state IN ('entered', 'confirmed')"),
    )
    op.create_index("recorded_donation_book_id_state_id_ix", "recorded_donation", ["book_id", "state", "id"])
    op.create_index("recorded_donation_batch_id_id_ix", "recorded_donation", ["batch_id", "id"])
    op.create_index(
        "recorded_donation_day_ix",
        "recorded_donation",
        ["campaign_ref", "received_on", "channel"],
        postgresql_where=sa.text("state = 'confirmed' AND NOT name_is_public"),
    )
    op.create_index(
        "recorded_donation_named_ix",
        "recorded_donation",
        ["campaign_ref", "id"],
        postgresql_where=sa.text("name_is_public"),
    )
    recorded = sa.Column(
        "recorded_id", sa.BigInteger(), sa.ForeignKey("recorded_donation.id"), primary_key=True, autoincrement=False
    )
    op.create_table("recorded_private", recorded, sa.Column("name", sa.String(), nullable=False))


def _create_reversal() -> None:
    op.create_table(
        "recorded_reversal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("recorded_id", sa.BigInteger(), sa.ForeignKey("recorded_donation.id"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_by", sa.BigInteger()),
        sa.Column("decided_at", TIME),
        sa.CheckConstraint("state IN ('asked', 'booked', 'refused')", name="state"),
        sa.CheckConstraint("decided_by IS NULL OR state = 'refused' OR decided_by <> asked_by", name="two_people"),
        sa.CheckConstraint("(state = 'asked') = (decided_at IS NULL)", name="decided_at"),
    )
    op.create_index(
        "recorded_reversal_standing_key",
        "recorded_reversal",
        ["recorded_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'refused'"),
    )
    op.create_index("recorded_reversal_recorded_id_id_ix", "recorded_reversal", ["recorded_id", "id"])


def _create_fund_return() -> None:
    op.create_table(
        "fund_return",
        sa.Column("entry_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("account_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="amount_minor"),
        sa.ForeignKeyConstraint(["entry_id", "book_id"], ["entry.id", "entry.book_id"]),
        sa.ForeignKeyConstraint(["account_id", "book_id"], ["account.id", "account.book_id"]),
    )


def _create_official() -> None:
    op.create_table(
        "official_receipt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("public_id", sa.Uuid(), nullable=False, unique=True),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("book_id", sa.BigInteger(), sa.ForeignKey("book.id"), nullable=False),
        sa.Column("donation_id", sa.BigInteger(), sa.ForeignKey("donation.id")),
        sa.Column("recorded_id", sa.BigInteger(), sa.ForeignKey("recorded_donation.id")),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("number", sa.String()),
        sa.Column("number_key", sa.String()),
        sa.Column("requested_at", TIME, nullable=False),
        sa.CheckConstraint("(donation_id IS NULL) <> (recorded_id IS NULL)", name="one_donation"),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.CheckConstraint("state IN ('requested', 'issued', 'voided')", name="state"),
        sa.CheckConstraint("state <> 'issued' OR number IS NOT NULL", name="number"),
        sa.CheckConstraint("(number IS NULL) = (number_key IS NULL)", name="number_key"),
    )
    standing = sa.text("state <> 'voided'")
    for column in ("donation", "recorded"):
        name = f"official_receipt_{column}"
        op.create_index(f"{name}_key", "official_receipt", [f"{column}_id"], unique=True, postgresql_where=standing)
        op.create_index(f"{name}_id_id_ix", "official_receipt", [f"{column}_id", "id"])
    op.create_index("official_receipt_number_key", "official_receipt", ["host", "number_key"], unique=True)
    op.create_index("official_receipt_host_state_id_ix", "official_receipt", ["host", "state", "id"])
    receipt = sa.Column(
        "receipt_id", sa.BigInteger(), sa.ForeignKey("official_receipt.id"), primary_key=True, autoincrement=False
    )
    op.create_table(
        "official_receipt_private",
        receipt,
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("tax_id", sa.String()),
        sa.Column("email", sa.String()),
    )
    op.create_table(
        "official_receipt_step",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("receipt_id", sa.BigInteger(), sa.ForeignKey("official_receipt.id"), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("user_id", sa.BigInteger()),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.CheckConstraint("state IN ('requested', 'issued', 'voided')", name="state"),
    )
    op.create_index("official_receipt_step_receipt_id_id_ix", "official_receipt_step", ["receipt_id", "id"])
