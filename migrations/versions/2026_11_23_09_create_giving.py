"""Create giving."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import grant

revision = "r09_giving"
down_revision = "r08_campaigns"

TIME = sa.DateTime(timezone=True)
PROGRESS = "state, session_id, session_url, charge_id, fee_minor, booked_as, paid_at, fee_booked_at, next_sync_at"
STATES = "'created', 'open', 'processing', 'expired', 'failed', 'paid', 'settled'"


def upgrade() -> None:
    _create_checkout()
    _create_donation()
    _create_private()
    _create_unbooked_money()
    # A checkout's amount, currency, account and secret are frozen; only how far it has come is written again.
    grant(op, "donate_web", f"SELECT, INSERT, UPDATE ({PROGRESS})", "checkout")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (explained_at, explanation)", "unbooked_money")
    # What was given is never edited; only the consent to show a name may be taken back.
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (name_is_public)", "donation")
    grant(op, "donate_web", "SELECT, INSERT", "checkout_private", "donation_private")
    grant(op, "donate_eraser", "SELECT, DELETE", "checkout_private", "donation_private")
    grant(op, "donate_eraser", "SELECT", "checkout", "donation")


def _create_checkout() -> None:
    op.create_table(
        "checkout",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("public_id", sa.Uuid(), nullable=False, unique=True),
        sa.Column("book_id", sa.BigInteger(), sa.ForeignKey("book.id"), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), sa.ForeignKey("merchant_account.id"), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False, unique=True),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), unique=True),
        sa.Column("session_url", sa.String()),
        sa.Column("charge_id", sa.String()),
        sa.Column("fee_minor", sa.BigInteger()),
        sa.Column("booked_as", sa.String()),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("paid_at", TIME),
        sa.Column("fee_booked_at", TIME),
        sa.Column("next_sync_at", TIME),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.CheckConstraint(f"state IN ({STATES})", name="state"),
        sa.CheckConstraint("booked_as IN ('donations', 'suspense', 'unbooked')", name="booked_as"),
        sa.CheckConstraint("state NOT IN ('paid', 'settled') OR paid_at IS NOT NULL", name="paid_at"),
    )
    # A checkout's row moves a few times in its life: room on its page lets that leave the indexes alone.
    op.execute("ALTER TABLE checkout SET (fillfactor = 75)")
    op.create_index("checkout_charge_id_ix", "checkout", ["charge_id"])
    op.create_index(
        "checkout_next_sync_at_ix",
        "checkout",
        ["next_sync_at"],
        postgresql_where=sa.text("next_sync_at IS NOT NULL"),
    )


def _create_donation() -> None:
    op.create_table(
        "donation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("public_id", sa.Uuid(), nullable=False, unique=True),
        sa.Column("checkout_id", sa.BigInteger(), sa.ForeignKey("checkout.id"), nullable=False),
        sa.Column("campaign_ref", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("name_is_public", sa.Boolean(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
    )
    op.create_index("donation_checkout_id_ix", "donation", ["checkout_id"])
    op.create_index("donation_campaign_ref_id_ix", "donation", ["campaign_ref", "id"])
    op.create_index("donation_named_ix", "donation", ["campaign_ref", "id"], postgresql_where=sa.text("name_is_public"))


def _create_private() -> None:
    op.create_table(
        "checkout_private",
        sa.Column("checkout_id", sa.BigInteger(), sa.ForeignKey("checkout.id"), primary_key=True, autoincrement=False),
        sa.Column("email", sa.String(), nullable=False),
    )
    op.create_table(
        "donation_private",
        sa.Column("donation_id", sa.BigInteger(), sa.ForeignKey("donation.id"), primary_key=True, autoincrement=False),
        sa.Column("name", sa.String()),
        sa.Column("message", sa.String()),
    )
    op.create_index(
        "donation_private_message_ix",
        "donation_private",
        ["donation_id"],
        postgresql_where=sa.text("message IS NOT NULL"),
    )


def _create_unbooked_money() -> None:
    op.create_table(
        "unbooked_money",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("merchant_account_id", sa.BigInteger(), sa.ForeignKey("merchant_account.id"), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False, unique=True),
        sa.Column("checkout_id", sa.BigInteger(), sa.ForeignKey("checkout.id")),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("is_in_suspense", sa.Boolean(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("explained_at", TIME),
        sa.Column("explanation", sa.String()),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.CheckConstraint("(explained_at IS NULL) = (explanation IS NULL)", name="explained"),
    )
    op.create_index(
        "unbooked_money_standing_ix", "unbooked_money", ["id"], postgresql_where=sa.text("explained_at IS NULL")
    )
