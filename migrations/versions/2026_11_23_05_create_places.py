"""Create places."""

revision = "r05_places"
down_revision = "r04_people"


def upgrade() -> None:
    pass
