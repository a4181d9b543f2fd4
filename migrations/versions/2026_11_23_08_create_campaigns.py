"""Create campaigns with their prices, schools, moves and versions; updates with photos; complaints."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.rights import append_only, grant

revision = "r08_campaigns"
down_revision = "r07_organisations"

MOMENT = sa.DateTime(timezone=True)
STATES = (
    "state IN ('draft', 'submitted', 'changes_asked', 'accepted', 'filed', 'raising', 'executing', 'closing', "
    "'closed', 'rejected', 'suspended', 'cancelled')"
)
CHILDREN = "IN ('none', 'unrecognisable', 'recognisable')"
PAIRS_OF_TEXT = ("title", "summary", "story", "unit", "photo_alt")
PAIRS_OF_PLAN = ("purpose", "area", "office", "receiving", "beneficiaries", "use", "fundraising_cost", "surplus")


def upgrade() -> None:
    _create_campaign()
    _create_what_a_campaign_holds()
    _create_updates()
    _create_complaints()
    append_only(op, "campaign_move", "campaign_version")
    grant(op, "donate_web", "SELECT, INSERT", "campaign_move", "campaign_version")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE", "campaign", "campaign_update", "update_photo", "complaint")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE, DELETE", "unit_price", "campaign_school")
    grant(op, "donate_sequencer", "SELECT", "campaign")
    grant(op, "donate_eraser", "SELECT, UPDATE", "complaint")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(f"{name}_{lang}", sa.String, nullable=False) for name in names for lang in ("zh", "en")]


def _create_campaign() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("ref", sa.String, nullable=False, unique=True),
        sa.Column("host_id", sa.BigInteger, sa.ForeignKey("organisation.id"), nullable=False),
        sa.Column("partner_id", sa.BigInteger, sa.ForeignKey("organisation.id"), nullable=False),
        sa.Column("book_id", sa.BigInteger, sa.ForeignKey("book.id"), nullable=False),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("county_code", sa.String),
        sa.Column("state", sa.String, nullable=False),
        *_texts(*PAIRS_OF_TEXT),
        sa.Column("goal_minor", sa.BigInteger),
        sa.Column("starts_on", sa.Date),
        sa.Column("ends_on", sa.Date),
        sa.Column("photo_sha256", sa.LargeBinary, sa.ForeignKey("stored_file.sha256")),
        sa.Column("photo_children", sa.String, nullable=False),
        sa.Column("photo_consent_declared", sa.Boolean, nullable=False),
        sa.Column("filing_number", sa.String),
        *_texts(*PAIRS_OF_PLAN),
        sa.Column("person_in_charge", sa.String, nullable=False),
        sa.Column("contact", sa.String, nullable=False),
        sa.Column("bank_account", sa.String, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.BigInteger),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("raising_opened_at", MOMENT),
        sa.Column("raising_ended_at", MOMENT),
        sa.Column("closed_at", MOMENT),
        sa.CheckConstraint("ref ~ '^[a-z0-9][a-z0-9-]{0,39}$'", name="ref"),
        sa.CheckConstraint(STATES, name="state"),
        sa.CheckConstraint("goal_minor > 0", name="goal_minor"),
        sa.CheckConstraint("starts_on <= ends_on", name="span"),
        sa.CheckConstraint(f"photo_children {CHILDREN}", name="photo_children"),
        sa.CheckConstraint("photo_children <> 'recognisable' OR photo_consent_declared", name="photo_consent"),
        sa.CheckConstraint(
            "filing_number IS NOT NULL OR state NOT IN ('filed', 'raising', 'executing', 'closing', 'closed')",
            name="filed",
        ),
    )
    op.create_index("campaign_host_id_state_ix", "campaign", ["host_id", "state"])
    op.create_index("campaign_partner_id_ix", "campaign", ["partner_id"])
    op.create_index("campaign_state_county_code_ix", "campaign", ["state", "county_code"])


def _create_what_a_campaign_holds() -> None:
    op.create_table(
        "unit_price",
        sa.Column("campaign_id", sa.BigInteger, sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("effective_on", sa.Date, primary_key=True),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        *_texts("source"),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="amount_minor"),
    )
    op.create_table(
        "campaign_school",
        sa.Column("campaign_id", sa.BigInteger, sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("place_code", sa.String, primary_key=True),
    )
    op.create_table(
        "campaign_move",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("campaign_id", sa.BigInteger, sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("move", sa.String, nullable=False),
        sa.Column("from_state", sa.String, nullable=False),
        sa.Column("to_state", sa.String, nullable=False),
        sa.Column("actor_kind", sa.String, nullable=False),
        sa.Column("actor_id", sa.BigInteger),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("moved_at", MOMENT, nullable=False),
        sa.CheckConstraint("actor_kind IN ('organiser', 'reviewer', 'staff', 'system')", name="actor_kind"),
        sa.CheckConstraint("(actor_kind = 'system') = (actor_id IS NULL)", name="actor"),
    )
    op.create_index("campaign_move_campaign_id_id_ix", "campaign_move", ["campaign_id", "id"])
    op.create_table(
        "campaign_version",
        sa.Column("campaign_id", sa.BigInteger, sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("changes", JSONB, nullable=False),
        sa.Column("changed_by", sa.BigInteger),
        sa.Column("changed_at", MOMENT, nullable=False),
    )


def _create_updates() -> None:
    op.create_table(
        "campaign_update",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("campaign_id", sa.BigInteger, sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("token", sa.Uuid, nullable=False),
        *_texts("title", "body"),
        sa.Column("is_narrative", sa.Boolean, nullable=False),
        sa.Column("written_by", sa.BigInteger),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("published_at", MOMENT),
        sa.Column("edited_at", MOMENT),
        sa.UniqueConstraint("campaign_id", "token"),
    )
    op.create_index("campaign_update_campaign_id_published_at_ix", "campaign_update", ["campaign_id", "published_at"])
    op.create_table(
        "update_photo",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("update_id", sa.BigInteger, sa.ForeignKey("campaign_update.id"), nullable=False),
        sa.Column("token", sa.Uuid, nullable=False),
        sa.Column("sha256", sa.LargeBinary, sa.ForeignKey("stored_file.sha256"), nullable=False),
        sa.Column("width", sa.BigInteger, nullable=False),
        sa.Column("height", sa.BigInteger, nullable=False),
        *_texts("alt"),
        sa.Column("children", sa.String, nullable=False),
        sa.Column("consent_declared", sa.Boolean, nullable=False),
        sa.Column("added_by", sa.BigInteger),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("removed_at", MOMENT),
        sa.UniqueConstraint("update_id", "token"),
        sa.UniqueConstraint("update_id", "sha256"),
        sa.CheckConstraint(f"children {CHILDREN}", name="children"),
        sa.CheckConstraint("children <> 'recognisable' OR consent_declared", name="consent"),
    )
    op.create_index("update_photo_sha256_ix", "update_photo", ["sha256"])


def _create_complaints() -> None:
    op.create_table(
        "complaint",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("token", sa.Uuid, nullable=False, unique=True),
        sa.Column("secret", sa.String, nullable=False, unique=True),
        sa.Column("campaign_id", sa.BigInteger, sa.ForeignKey("campaign.id")),
        sa.Column("message", sa.String, nullable=False),
        sa.Column("contact", sa.String, nullable=False),
        sa.Column("locale", sa.String, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("due_on", sa.Date, nullable=False),
        sa.Column("answer", sa.String, nullable=False),
        sa.Column("answered_at", MOMENT),
        sa.Column("answered_by", sa.BigInteger),
        sa.CheckConstraint("(answered_at IS NULL) = (answer = '')", name="answered"),
    )
    op.create_index("complaint_answered_at_due_on_ix", "complaint", ["answered_at", "due_on"])
