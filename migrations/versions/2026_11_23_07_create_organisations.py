"""Create organisations."""

revision = "r07_organisations"
down_revision = "r06_payments"


def upgrade() -> None:
    pass
