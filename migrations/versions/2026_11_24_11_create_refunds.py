"""Create refunds."""

revision = "r11_refunds"
down_revision = "r10_jobs"


def upgrade() -> None:
    pass
