"""Create recorded_donations."""

revision = "r12_recorded"
down_revision = "r11_refunds"


def upgrade() -> None:
    pass
