"""Create payments."""

revision = "r06_payments"
down_revision = "r05_places"


def upgrade() -> None:
    pass
