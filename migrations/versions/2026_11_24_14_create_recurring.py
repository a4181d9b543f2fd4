"""Create recurring."""

revision = "r14_recurring"
down_revision = "r13_settling"


def upgrade() -> None:
    pass
