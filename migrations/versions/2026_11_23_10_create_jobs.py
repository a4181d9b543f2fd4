"""Create jobs."""

revision = "r10_jobs"
down_revision = "r09_giving"


def upgrade() -> None:
    pass
