"""Record money that was sent back from the bank, why equal numbers are other money, and what settling publishes of it."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import append_only, grant

revision = "r25_sent_back"
down_revision = "r23_gone_back"

TIME = sa.DateTime(timezone=True)

# The payout of a platform by which each of its donations came: that of its file. What was reversed and recorded anew
# under its number, alone or with a later file, came with the payout of the file that had it first (`batch_id`), unless a
# person matched the payout of `own_batch_id`, the file that it stands in, without it.
PLATFORM_PART = """
CREATE VIEW platform_part AS
SELECT recorded.id AS recorded_id, recorded.book_id, recorded.entry_id, recorded.amount_minor, recorded.received_on,
       coalesce(undone.batch_id, recorded.batch_id) AS batch_id, recorded.batch_id AS own_batch_id
FROM recorded_donation recorded
LEFT JOIN (SELECT book_id, source_key, reference_key, min(batch_id) AS batch_id FROM recorded_donation
           WHERE state = 'reversed' AND channel = 'platform' AND batch_id IS NOT NULL
           GROUP BY book_id, source_key, reference_key) AS undone
  ON undone.book_id = recorded.book_id AND undone.source_key = recorded.source_key
  AND undone.reference_key = recorded.reference_key
WHERE recorded.state = 'confirmed' AND recorded.channel = 'platform'
"""
# Entries that a bank's statement shows and no row of ours names: few among many, found without reading the others.
AT_THE_BANK = (
    "reason IN ('opening', 'disbursement_paid', 'disbursement_returned')"
    " OR (reason = 'recorded_donation' AND campaign IS NULL)"
)
MET = (
    "settlement",
    "settlement_returned",
    "recorded_donation",
    "recorded_batch",
    "disbursement",
    "bank_charge",
    "interest",
    "explained",
    "disbursement_returned",
    "recorded_refund",
    "recorded_refund_returned",
    "cover_fill",
)


def upgrade() -> None:
    _say_why_it_is_other_money()
    _create_refunds()
    _widen_the_bank()
    _publish_more_of_a_run()


def _say_why_it_is_other_money() -> None:
    """A number that stands under two banks or ways of payment is one money's until somebody says why it is two's."""
    op.add_column("recorded_donation", sa.Column("other_money", sa.String(), nullable=False, server_default=""))
    op.alter_column("recorded_donation", "other_money", server_default=None)
    op.create_index(
        "recorded_donation_number_ix",
        "recorded_donation",
        ["reference_key"],
        postgresql_where=sa.text("state IN ('entered', 'confirmed')"),
    )
    grant(op, "donate_web", "UPDATE (other_money)", "recorded_donation")


def _create_refunds() -> None:
    op.create_table(
        "recorded_refund",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("public_id", sa.Uuid(), nullable=False, unique=True),
        sa.Column("recorded_id", sa.BigInteger(), sa.ForeignKey("recorded_donation.id"), nullable=False),
        sa.Column("book_id", sa.BigInteger(), sa.ForeignKey("book.id"), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("sent_on", sa.Date(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("reference_key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("decided_by", sa.BigInteger()),
        sa.Column("decided_at", TIME),
        sa.Column("entry_id", sa.BigInteger(), sa.ForeignKey("entry.id"), unique=True),
        sa.Column("undo_way", sa.String()),
        sa.Column("undo_on", sa.Date()),
        sa.Column("undo_asked_by", sa.BigInteger()),
        sa.Column("undone_by", sa.BigInteger()),
        sa.Column("undone_at", TIME),
        sa.Column("undo_entry_id", sa.BigInteger(), sa.ForeignKey("entry.id"), unique=True),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.CheckConstraint("state IN ('asked', 'declined', 'booked', 'returned', 'reversed')", name="state"),
        sa.CheckConstraint("decided_by IS NULL OR state = 'declined' OR decided_by <> asked_by", name="two_people"),
        sa.CheckConstraint("(state = 'asked') = (decided_at IS NULL)", name="decided_at"),
        sa.CheckConstraint("(state IN ('booked', 'returned', 'reversed')) = (entry_id IS NOT NULL)", name="booked"),
        sa.CheckConstraint("undo_way IN ('returned', 'mistake')", name="undo_way"),
        sa.CheckConstraint("(undo_way IS NULL) = (undo_asked_by IS NULL)", name="undo_asked"),
        sa.CheckConstraint("(undo_way IS NULL) = (undo_on IS NULL)", name="undo_on"),
        sa.CheckConstraint("undone_by IS NULL OR undone_by <> undo_asked_by", name="undo_two_people"),
        sa.CheckConstraint("(state IN ('returned', 'reversed')) = (undo_entry_id IS NOT NULL)", name="undone"),
    )
    op.create_index(
        "recorded_refund_reference_key",
        "recorded_refund",
        ["book_id", "reference_key"],
        unique=True,
        postgresql_where=sa.text("state IN ('asked', 'booked', 'returned')"),
    )
    op.create_index("recorded_refund_recorded_id_id_ix", "recorded_refund", ["recorded_id", "id"])
    op.create_index(
        "recorded_refund_waiting_ix",
        "recorded_refund",
        ["book_id", "id"],
        postgresql_where=sa.text("state = 'asked' OR (state = 'booked' AND undo_way IS NOT NULL)"),
    )
    op.create_table(
        "recorded_refund_note",
        sa.Column(
            "refund_id", sa.BigInteger(), sa.ForeignKey("recorded_refund.id"), primary_key=True, autoincrement=False
        ),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("undo_note", sa.String(), nullable=False),
    )
    progress = "state, decided_by, decided_at, entry_id, undo_way, undo_on, undo_asked_by, undone_by, undone_at"
    grant(op, "donate_web", f"SELECT, INSERT, UPDATE ({progress}, undo_entry_id)", "recorded_refund")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (undo_note)", "recorded_refund_note")
    grant(op, "donate_eraser", "SELECT, DELETE", "recorded_refund_note")
    grant(op, "donate_eraser", "SELECT", "recorded_refund")


def _widen_the_bank() -> None:
    op.add_column("bank_line", sa.Column("balance_minor", sa.BigInteger()))
    grant(op, "donate_web", "UPDATE (balance_minor)", "bank_line")
    op.execute("ALTER TABLE bank_line DROP CONSTRAINT bank_line_met_check")
    kinds = ", ".join(f"'{one}'" for one in MET)
    op.execute(f"ALTER TABLE bank_line ADD CONSTRAINT bank_line_met_check CHECK (met IN ({kinds}))")
    op.execute(PLATFORM_PART)
    grant(op, "donate_web", "SELECT", "platform_part")
    op.create_index("entry_at_the_bank_ix", "entry", ["book_id", "reason"], postgresql_where=sa.text(AT_THE_BANK))


def _publish_more_of_a_run() -> None:
    op.add_column(
        "reconcile_run", sa.Column("merchant_account_id", sa.BigInteger(), sa.ForeignKey("merchant_account.id"))
    )
    op.create_index("reconcile_difference_run_id_id_ix", "reconcile_difference", ["run_id", "id"])
    op.drop_index("reconcile_difference_run_id_ix", "reconcile_difference")
    op.create_table(
        "clearing_snapshot",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("run_id", sa.BigInteger(), sa.ForeignKey("reconcile_run.id"), nullable=False),
        sa.Column("book_id", sa.BigInteger(), sa.ForeignKey("book.id"), nullable=False),
        sa.Column("clearing_minor", sa.BigInteger(), nullable=False),
        sa.Column("lines_minor", sa.BigInteger(), nullable=False),
        sa.Column("under_way_minor", sa.BigInteger(), nullable=False),
        sa.Column("unlined_minor", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", TIME, nullable=False),
    )
    op.create_index("clearing_snapshot_book_id_id_ix", "clearing_snapshot", ["book_id", "id"])
    op.create_table(
        "money_under_way",
        sa.Column("run_id", sa.BigInteger(), sa.ForeignKey("reconcile_run.id"), primary_key=True, autoincrement=False),
        sa.Column(
            "merchant_account_id",
            sa.BigInteger(),
            sa.ForeignKey("merchant_account.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("currency", sa.String(), primary_key=True),
        sa.Column("item_count", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("oldest_at", TIME, nullable=False),
        sa.CheckConstraint("kind IN ('payment', 'settlement', 'settlement_failed', 'refund', 'dispute')", name="kind"),
    )
    grant(op, "donate_web", "SELECT, INSERT", "clearing_snapshot", "money_under_way")
    append_only(op, "clearing_snapshot", "money_under_way")
