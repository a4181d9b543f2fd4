"""Create the provider's messages and the sandbox's own world."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.rights import grant

revision = "r06_payments"
down_revision = "r05_places"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "provider_event",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("merchant", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("api_version", sa.Text, nullable=False),
        sa.Column("object_id", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("occurred_at", moment, nullable=False),
        sa.Column("received_at", moment, nullable=False),
        sa.Column("next_attempt_at", moment, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.UniqueConstraint("merchant", "event_id", name="provider_event_merchant_event_id_key"),
        sa.CheckConstraint("outcome IN ('new', 'handled', 'ignored', 'failed')", name="outcome"),
    )
    op.create_index(
        "provider_event_waiting_ix",
        "provider_event",
        ["next_attempt_at"],
        postgresql_where=sa.text("outcome IN ('new', 'failed')"),
    )
    op.create_table(
        "sandbox_object",
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("merchant", sa.Text, nullable=False),
        sa.Column("object_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("private", JSONB, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("ripe_at", moment),
        sa.UniqueConstraint("merchant", "object_id", name="sandbox_object_merchant_object_id_key"),
    )
    op.create_index("sandbox_object_merchant_kind_number_ix", "sandbox_object", ["merchant", "kind", "number"])
    op.create_index(
        "sandbox_object_ripe_at_ix", "sandbox_object", ["ripe_at"], postgresql_where=sa.text("ripe_at IS NOT NULL")
    )
    op.create_table(
        "sandbox_reply",
        sa.Column("merchant", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request_sha256", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
    )
    op.create_table(
        "sandbox_delivery",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("merchant", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("lost_first", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("last_status", sa.BigInteger),
        sa.Column("delivered_at", moment),
    )
    op.create_index(
        "sandbox_delivery_due_at_ix",
        "sandbox_delivery",
        ["due_at"],
        postgresql_where=sa.text("delivered_at IS NULL"),
    )
    # What the provider signed stands; only what became of it is written again.
    grant(
        op,
        "donate_web",
        "SELECT, INSERT, UPDATE (outcome, attempts, last_error, next_attempt_at)",
        "provider_event",
    )
    grant(op, "donate_web", "SELECT, INSERT, UPDATE, DELETE", "sandbox_object", "sandbox_reply", "sandbox_delivery")
