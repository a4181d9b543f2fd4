"""Create log."""

revision = "r03_log"
down_revision = "r02_books"


def upgrade() -> None:
    pass
