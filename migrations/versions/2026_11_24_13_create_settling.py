"""Create settling."""

revision = "r13_settling"
down_revision = "r12_recorded"


def upgrade() -> None:
    pass
