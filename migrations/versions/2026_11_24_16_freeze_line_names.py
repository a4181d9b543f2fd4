"""Freeze line names."""

revision = "r16_line_names"
down_revision = "r15_limits"


def upgrade() -> None:
    pass
