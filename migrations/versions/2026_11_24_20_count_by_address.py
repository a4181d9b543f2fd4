"""Count checkouts by address as well as by network, so that one address cannot shut out its neighbours."""

import sqlalchemy as sa
from alembic import op

revision = "r20_address"
down_revision = "r19_large"


def upgrade() -> None:
    # What was tried before this revision counts as one address that nobody has; it is forgotten within a day.
    op.add_column("checkout_try", sa.Column("address_hash", sa.LargeBinary(), nullable=False, server_default=""))
    op.alter_column("checkout_try", "address_hash", server_default=None)
    op.create_index(
        "checkout_try_address_ix",
        "checkout_try",
        ["address_hash", "method", "tried_at"],
        postgresql_where=sa.text("line = 0"),
    )
