"""Create limits."""

revision = "r15_limits"
down_revision = "r14_recurring"


def upgrade() -> None:
    pass
