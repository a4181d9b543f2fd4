"""Create campaigns."""

revision = "r08_campaigns"
down_revision = "r07_organisations"


def upgrade() -> None:
    pass
