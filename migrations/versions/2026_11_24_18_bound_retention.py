"""Bound retention: the eraser may empty what nobody needs any more."""

from alembic import op

from migrations.rights import grant

revision = "r18_retention"
down_revision = "r17_narrow_rights"


def upgrade() -> None:
    grant(op, "donate_eraser", "SELECT, UPDATE (body)", "provider_event")
    # A few bytes for a thousand messages: they are stored in the order in which they arrive.
    op.create_index("provider_event_received_at_ix", "provider_event", ["received_at"], postgresql_using="brin")
