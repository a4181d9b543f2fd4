"""Create stored files, organisations, licences and agreements."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import grant

revision = "r07_organisations"
down_revision = "r06_payments"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_files()
    _create_organisations()
    grant(op, "donate_web", "SELECT, INSERT", "stored_file")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE", "organisation", "licence", "agreement")
    grant(op, "donate_eraser", "SELECT, DELETE", "stored_file")


def _create_files() -> None:
    op.create_table(
        "stored_file",
        sa.Column("sha256", sa.LargeBinary, primary_key=True),
        sa.Column("extension", sa.String, nullable=False),
        sa.Column("byte_count", sa.BigInteger, nullable=False),
        sa.Column("width", sa.BigInteger),
        sa.Column("height", sa.BigInteger),
        sa.Column("stored_at", MOMENT, nullable=False),
        sa.CheckConstraint("octet_length(sha256) = 32", name="sha256"),
    )


def _create_organisations() -> None:
    op.create_table(
        "organisation",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("ref", sa.String, nullable=False, unique=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name_zh", sa.String, nullable=False),
        sa.Column("name_en", sa.String, nullable=False),
        sa.Column("about_zh", sa.String, nullable=False),
        sa.Column("about_en", sa.String, nullable=False),
        sa.Column("credit_code", sa.String),
        sa.Column("address_zh", sa.String, nullable=False),
        sa.Column("address_en", sa.String, nullable=False),
        sa.Column("phone", sa.String, nullable=False),
        sa.Column("email", sa.String, nullable=False),
        sa.Column("registered_at", MOMENT, nullable=False),
        sa.CheckConstraint("kind IN ('host', 'partner')", name="kind"),
        sa.CheckConstraint("ref ~ '^[a-z0-9-]{1,40}$'", name="ref"),
    )
    op.create_table(
        "licence",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("organisation_id", sa.BigInteger, sa.ForeignKey("organisation.id"), nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("issued_by_zh", sa.String, nullable=False),
        sa.Column("issued_by_en", sa.String, nullable=False),
        sa.Column("valid_from_on", sa.Date, nullable=False),
        sa.Column("valid_to_on", sa.Date, nullable=False),
        sa.Column("revoked_on", sa.Date),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.CheckConstraint("valid_from_on <= valid_to_on", name="span"),
    )
    op.create_index("licence_organisation_id_valid_to_on_ix", "licence", ["organisation_id", "valid_to_on"])
    op.create_table(
        "agreement",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("host_id", sa.BigInteger, sa.ForeignKey("organisation.id"), nullable=False),
        sa.Column("partner_id", sa.BigInteger, sa.ForeignKey("organisation.id"), nullable=False),
        sa.Column("signed_on", sa.Date, nullable=False),
        sa.Column("ends_on", sa.Date),
        sa.Column("document_sha256", sa.LargeBinary),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.CheckConstraint("host_id <> partner_id", name="two_parties"),
    )
    op.create_index("agreement_host_id_partner_id_ix", "agreement", ["host_id", "partner_id"])
