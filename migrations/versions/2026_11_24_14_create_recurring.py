"""Create recurring: standing promises, and the months that they were charged."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import append_only, grant

revision = "r14_recurring"
down_revision = "r13_settling"

TIME = sa.DateTime(timezone=True)
PROGRESS = (
    "state, recurring_id, seen_at, paid_until, next_attempt_at, stop_reason, stop_asked_at, ended_at, next_sync_at"
)


def upgrade() -> None:
    _create_recurring()
    _create_month()
    # What was promised is frozen; only how it goes is written again.
    grant(op, "donate_web", f"SELECT, INSERT, UPDATE ({PROGRESS})", "recurring")
    grant(op, "donate_web", "SELECT, INSERT", "recurring_month")
    append_only(op, "recurring_month")


def _create_recurring() -> None:
    op.create_table(
        "recurring",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("public_id", sa.Uuid(), nullable=False, unique=True),
        sa.Column("secret", sa.String(), nullable=False, unique=True),
        sa.Column("checkout_id", sa.BigInteger(), sa.ForeignKey("checkout.id"), nullable=False, unique=True),
        sa.Column("campaign_ref", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("recurring_id", sa.String(), unique=True),
        sa.Column("seen_at", TIME),
        sa.Column("paid_until", TIME),
        sa.Column("next_attempt_at", TIME),
        sa.Column("stop_reason", sa.String()),
        sa.Column("stop_asked_at", TIME),
        sa.Column("ended_at", TIME),
        sa.Column("next_sync_at", TIME),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.CheckConstraint("state IN ('pending', 'active', 'past_due', 'ended')", name="state"),
        sa.CheckConstraint("stop_reason IN ('donor', 'campaign', 'payment', 'provider')", name="stop_reason"),
        sa.CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_at"),
    )
    op.create_index(
        "recurring_next_sync_at_ix", "recurring", ["next_sync_at"], postgresql_where=sa.text("next_sync_at IS NOT NULL")
    )
    op.create_index(
        "recurring_running_ix",
        "recurring",
        ["campaign_ref"],
        postgresql_where=sa.text("state IN ('active', 'past_due')"),
    )


def _create_month() -> None:
    op.create_table(
        "recurring_month",
        sa.Column("invoice_id", sa.String(), primary_key=True),
        sa.Column("recurring_id", sa.BigInteger(), sa.ForeignKey("recurring.id"), nullable=False),
        sa.Column("checkout_id", sa.BigInteger(), sa.ForeignKey("checkout.id"), nullable=False, unique=True),
        sa.Column("period_from", TIME, nullable=False),
    )
    op.create_index("recurring_month_recurring_id_period_from_ix", "recurring_month", ["recurring_id", "period_from"])
