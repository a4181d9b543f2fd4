"""Create places and fill in every province, prefecture and county."""

import sqlalchemy as sa
from alembic import op

from donate.places.loading import load_places
from migrations.rights import grant

revision = "r05_places"
down_revision = "r04_people"


def upgrade() -> None:
    op.create_table(
        "place",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("parent_code", sa.String(), nullable=True),
        sa.Column("name_zh", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("search", sa.String(), nullable=False),
        sa.CheckConstraint(
            "level IN ('province', 'prefecture', 'county', 'township', 'village', 'school')",
            name=op.f("place_level_check"),
        ),
        sa.CheckConstraint("(level = 'province') = (parent_code IS NULL)", name=op.f("place_parent_check")),
        sa.PrimaryKeyConstraint("code", name=op.f("place_pkey")),
        sa.ForeignKeyConstraint(["parent_code"], ["place.code"], name=op.f("place_parent_code_fkey")),
        sa.UniqueConstraint("parent_code", "level", "name_zh", name=op.f("place_parent_code_level_name_zh_key")),
    )
    load_places(op.get_bind())
    # No DELETE: a place that a campaign or a day record names stays.
    grant(op, "donate_web", "SELECT, INSERT, UPDATE", "place")
