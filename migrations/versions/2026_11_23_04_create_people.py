"""Create people."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import grant

revision = "r04_people"
down_revision = "r03_log"


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("public_id", sa.Uuid, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("role", sa.Text),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="users_pkey"),
        sa.UniqueConstraint("public_id", name="users_public_id_key"),
        sa.UniqueConstraint("email", name="users_email_key"),
        sa.CheckConstraint("email = lower(email)", name=op.f("users_email_is_lower_check")),
        sa.CheckConstraint("role IN ('admin', 'auditor')", name=op.f("users_role_is_known_check")),
        sa.CheckConstraint("locale IN ('zh', 'en')", name=op.f("users_locale_is_known_check")),
    )
    op.create_table(
        "membership",
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "organisation", "role", name="membership_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="membership_user_id_fkey"),
        sa.CheckConstraint(
            "role IN ('owner', 'editor', 'treasurer', 'reviewer')", name=op.f("membership_role_is_known_check")
        ),
    )
    op.create_index("membership_organisation_ix", "membership", ["organisation"])
    op.create_table(
        "limit_count",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("key_hash", sa.LargeBinary, nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "key_hash", "begins_at", name="limit_count_pkey"),
        sa.CheckConstraint("count > 0", name=op.f("limit_count_count_is_positive_check")),
    )
    op.create_index("limit_count_ends_at_ix", "limit_count", ["ends_at"])
    grant(op, "donate_web", "SELECT, INSERT, UPDATE", "users")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE, DELETE", "membership", "limit_count")
