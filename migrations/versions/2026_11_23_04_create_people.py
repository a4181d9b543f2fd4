"""Create people."""

revision = "r04_people"
down_revision = "r03_log"


def upgrade() -> None:
    pass
