"""Create books."""

revision = "r02_books"
down_revision = "r01_roles"


def upgrade() -> None:
    pass
