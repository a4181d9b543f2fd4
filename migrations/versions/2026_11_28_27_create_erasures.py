"""Create erasures: whose data was erased, what a law keeps until when, and how many rows went."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import append_only, grant

revision = "r27_erasures"
down_revision = "r26_exact_stock"

TIME = sa.DateTime(timezone=True)
ERASED = "[erased]"
FACTS = (
    "bank_line",
    "book",
    "campaign",
    "campaign_update",
    "dispute",
    "log_leaf",
    "merchant_account",
    "official_receipt_step",
    "provider_line",
    "receipt_number",
    "recorded_reversal",
    "recurring",
    "recurring_month",
    "split_alert",
    "split_part",
    "split_trace",
    "unbooked_money",
    "update_photo",
)

# A step stays as it was, but for a person's words about why: they may name a donor who is erased.
REFUSE_ALL_BUT_ERASING = f"""
CREATE FUNCTION refuse_all_but_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.reason = '{ERASED}' AND OLD.user_id IS NOT NULL
     AND to_jsonb(NEW) - 'reason' = to_jsonb(OLD) - 'reason' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% on % is refused: what happened is never edited; post a reversal instead', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$
"""


def upgrade() -> None:
    _create_erasure()
    _create_hold()
    _create_step()
    grant(op, "donate_eraser", "SELECT", *FACTS)
    grant(op, "donate_eraser", "UPDATE (name_is_public)", "donation", "recorded_donation")
    grant(op, "donate_eraser", "UPDATE (agreement, other_money, decline_reason)", "recorded_donation")
    grant(op, "donate_eraser", "UPDATE (reason)", "recorded_reversal", "official_receipt_step")
    grant(op, "donate_eraser", "UPDATE (decline_reason)", "large_request")
    grant(op, "donate_eraser", "UPDATE (email, message)", "large_request_private")
    grant(op, "donate_eraser", "UPDATE (email)", "official_receipt_private")
    grant(op, "donate_eraser", "UPDATE (explanation)", "unbooked_money", "provider_line")
    grant(op, "donate_eraser", "UPDATE (note)", "split_alert")
    grant(op, "donate_eraser", "DELETE", "split_trace")
    op.execute(REFUSE_ALL_BUT_ERASING)
    op.execute("DROP TRIGGER official_receipt_step_append_only ON official_receipt_step")
    op.execute(
        "CREATE TRIGGER official_receipt_step_append_only BEFORE UPDATE OR DELETE ON official_receipt_step "
        "FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasing()"
    )


def _create_erasure() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("is_waiting", sa.Boolean(), nullable=False),
        sa.Column("closed_at", TIME),
    )
    op.create_index("erasure_open_ix", "erasure", ["id"], postgresql_where=sa.text("closed_at IS NULL"))
    op.create_table(
        "erasure_subject",
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("subject_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("erasure_id", sa.BigInteger(), sa.ForeignKey("erasure.id"), nullable=False),
        sa.CheckConstraint("kind IN ('checkout', 'recorded', 'large', 'complaint')", name="kind"),
    )
    op.create_index("erasure_subject_erasure_id_ix", "erasure_subject", ["erasure_id"])
    grant(op, "donate_eraser", "SELECT, INSERT, UPDATE (is_waiting, closed_at)", "erasure")
    grant(op, "donate_eraser", "SELECT, INSERT", "erasure_subject")
    append_only(op, "erasure_subject")


def _create_hold() -> None:
    op.create_table(
        "erasure_hold",
        sa.Column("erasure_id", sa.BigInteger(), sa.ForeignKey("erasure.id"), primary_key=True, autoincrement=False),
        sa.Column("place", sa.String(), primary_key=True),
        sa.Column("row_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("erase_on", sa.Date(), nullable=False),
        sa.Column("erased_at", TIME),
    )
    op.create_index("erasure_hold_due_ix", "erasure_hold", ["erase_on"], postgresql_where=sa.text("erased_at IS NULL"))
    grant(op, "donate_eraser", "SELECT, INSERT, UPDATE (erased_at)", "erasure_hold")


def _create_step() -> None:
    op.create_table(
        "erasure_step",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("erasure_id", sa.BigInteger(), sa.ForeignKey("erasure.id"), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger()),
        sa.Column("at", TIME, nullable=False),
        sa.CheckConstraint("row_count > 0", name="row_count"),
    )
    op.create_index("erasure_step_erasure_id_id_ix", "erasure_step", ["erasure_id", "id"])
    grant(op, "donate_eraser", "SELECT, INSERT", "erasure_step")
    append_only(op, "erasure_step")
