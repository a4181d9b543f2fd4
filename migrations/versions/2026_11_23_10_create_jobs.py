"""Create the tables of procrastinate 3.10, in which background jobs wait.

Its schema is kept beside this revision, since a revision must not change with a library; a test compares the two.
The file is the package procrastinate 3.10.0's own sql/schema.sql, unchanged. Licence: MIT. SHA-384:
58ejDtzK0gzzlVyEHdlsbTZGNGmWK7LOfwerBJqQJ+Qzy/HT01iF4Js266bRXM4H
"""

from pathlib import Path

from alembic import op

from migrations.rights import grant

revision = "r10_jobs"
down_revision = "r09_giving"

SCHEMA = Path(__file__).with_name("procrastinate_3_10.sql")
TABLES = ("procrastinate_jobs", "procrastinate_events", "procrastinate_periodic_defers", "procrastinate_workers")
WITH_SERIAL = ("procrastinate_jobs", "procrastinate_events", "procrastinate_periodic_defers")


def upgrade() -> None:
    # Through the driver: SQLAlchemy reads `%` and `:` of the functions' bodies as places for parameters.
    connection = op.get_bind().connection.driver_connection
    connection.execute(SCHEMA.read_text(encoding="utf-8"))
    # A NOTIFY at every deferral takes a lock of the whole database at commit and halves throughput; workers poll.
    op.execute("DROP TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs")
    op.execute("DROP TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1 ON procrastinate_jobs")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE, DELETE", *TABLES)
    for table in WITH_SERIAL:
        op.execute(f"GRANT USAGE ON SEQUENCE {table}_id_seq TO donate_web")
