"""Create giving."""

revision = "r09_giving"
down_revision = "r08_campaigns"


def upgrade() -> None:
    pass
