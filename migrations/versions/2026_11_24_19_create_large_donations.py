"""Create large donations: requests, their agreements and private rows, and alerts about splitting around the threshold."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import append_only, grant

revision = "r19_large"
down_revision = "r18_retention"

TIME = sa.DateTime(timezone=True)
ONE_PAYMENT = "(checkout_id IS NULL) <> (recorded_id IS NULL)"
KINDS = "kind IN ('email', 'name_and_network', 'payer')"


def upgrade() -> None:
    _create_request()
    _create_splits()
    # The reference of the written agreement behind a large recorded donation.
    op.add_column("recorded_donation", sa.Column("agreement", sa.String(), nullable=False, server_default=""))
    op.create_index(
        "recorded_donation_decided_at_ix",
        "recorded_donation",
        ["decided_at"],
        postgresql_where=sa.text("state = 'confirmed'"),
    )


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True)


def _create_request() -> None:
    op.create_table(
        "agreement_text",
        sa.Column("sha256", sa.LargeBinary(), primary_key=True),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("kept_at", TIME, nullable=False),
        sa.CheckConstraint("sha256 = sha256(convert_to(words, 'UTF8'))", name="sha256"),
    )
    op.create_table(
        "large_request",
        _id(),
        sa.Column("public_id", sa.Uuid(), nullable=False, unique=True),
        sa.Column("book_id", sa.BigInteger(), sa.ForeignKey("book.id"), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), sa.ForeignKey("merchant_account.id"), nullable=False),
        sa.Column("campaign_ref", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("name_is_public", sa.Boolean(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False, unique=True),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("agreement_sha256", sa.LargeBinary(), sa.ForeignKey("agreement_text.sha256"), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("first_by", sa.BigInteger()),
        sa.Column("first_at", TIME),
        sa.Column("second_by", sa.BigInteger()),
        sa.Column("second_at", TIME),
        sa.Column("declined_by", sa.BigInteger()),
        sa.Column("declined_at", TIME),
        sa.Column("decline_reason", sa.String(), nullable=False),
        sa.Column("checkout_ref", sa.Uuid(), unique=True),
        sa.Column("attempt_count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="amount"),
        sa.CheckConstraint("state IN ('asked', 'accepted_once', 'accepted', 'declined')", name="state"),
        sa.CheckConstraint("second_by IS NULL OR (first_by IS NOT NULL AND second_by <> first_by)", name="two_people"),
        sa.CheckConstraint("(state = 'accepted') = (second_by IS NOT NULL)", name="accepted"),
        sa.CheckConstraint("state <> 'accepted_once' OR first_by IS NOT NULL", name="accepted_once"),
        sa.CheckConstraint("(state = 'declined') = (declined_by IS NOT NULL)", name="declined"),
        sa.CheckConstraint("state = 'accepted' OR attempt_count = 0", name="paid_when_accepted"),
        sa.CheckConstraint("(attempt_count = 0) = (checkout_ref IS NULL)", name="attempt_count"),
    )
    op.create_index("large_request_book_id_state_id_ix", "large_request", ["book_id", "state", "id"])
    request = sa.Column(
        "request_id", sa.BigInteger(), sa.ForeignKey("large_request.id"), primary_key=True, autoincrement=False
    )
    op.create_table(
        "large_request_private",
        request,
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("contact", sa.String(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("email", sa.String()),
        sa.Column("message", sa.String()),
    )
    grant(op, "donate_web", "SELECT, INSERT", "agreement_text", "large_request_private")
    progress = (
        "state, first_by, first_at, second_by, second_at, declined_by, declined_at, decline_reason, checkout_ref, "
        "attempt_count"
    )
    grant(op, "donate_web", f"SELECT, INSERT, UPDATE ({progress})", "large_request")
    grant(op, "donate_eraser", "SELECT, DELETE", "large_request_private")
    grant(op, "donate_eraser", "SELECT", "large_request")
    append_only(op, "agreement_text")


def _payment() -> list[sa.Column[int]]:
    return [
        sa.Column("checkout_id", sa.BigInteger(), sa.ForeignKey("checkout.id")),
        sa.Column("recorded_id", sa.BigInteger(), sa.ForeignKey("recorded_donation.id")),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
    ]


def _create_splits() -> None:
    book = sa.Column("book_id", sa.BigInteger(), sa.ForeignKey("book.id"), nullable=False)
    op.create_table(
        "split_trace",
        _id(),
        book,
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        *_payment(),
        sa.Column("paid_at", TIME, nullable=False),
        sa.CheckConstraint(ONE_PAYMENT, name="one_payment"),
        sa.CheckConstraint(KINDS, name="kind"),
    )
    op.create_index("split_trace_checkout_key", "split_trace", ["checkout_id", "kind"], unique=True)
    op.create_index("split_trace_recorded_key", "split_trace", ["recorded_id", "kind"], unique=True)
    op.create_index("split_trace_paid_at_ix", "split_trace", ["paid_at"])
    op.create_table(
        "split_alert",
        _id(),
        sa.Column("book_id", sa.BigInteger(), sa.ForeignKey("book.id"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary()),
        sa.Column("raised_at", TIME, nullable=False),
        sa.Column("closed_at", TIME),
        sa.Column("closed_by", sa.BigInteger()),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint(KINDS, name="kind"),
        sa.CheckConstraint("(closed_at IS NULL) = (note = '')", name="note"),
        sa.CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closed_by"),
    )
    op.create_index(
        "split_alert_open_key",
        "split_alert",
        ["book_id", "kind", "key_hash"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "split_part",
        _id(),
        sa.Column("alert_id", sa.BigInteger(), sa.ForeignKey("split_alert.id"), nullable=False),
        *_payment(),
        sa.Column("paid_at", TIME, nullable=False),
        sa.CheckConstraint(ONE_PAYMENT, name="one_payment"),
    )
    op.create_index("split_part_checkout_key", "split_part", ["checkout_id", "alert_id"], unique=True)
    op.create_index("split_part_recorded_key", "split_part", ["recorded_id", "alert_id"], unique=True)
    op.create_index("split_part_alert_id_id_ix", "split_part", ["alert_id", "id"])
    # Traces are forgotten after the window, and with them the hash of an alert; what an alert is about stays.
    grant(op, "donate_web", "SELECT, INSERT, DELETE", "split_trace")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (key_hash, closed_at, closed_by, note)", "split_alert")
    grant(op, "donate_web", "SELECT, INSERT", "split_part")
    append_only(op, "split_part")
