"""Freeze line names: what the provider's page calls a donation stays what its first request called it."""

import sqlalchemy as sa
from alembic import op

revision = "r16_line_names"
down_revision = "r15_limits"

# Only a checkout whose page may still be asked for needs a name; of all others nothing is asked any more.
NAME_THOSE_THAT_WAIT = """
UPDATE donation
SET line_name = CASE WHEN checkout.locale = 'en' THEN coalesce(nullif(campaign.title_en, ''), campaign.title_zh)
                     ELSE coalesce(nullif(campaign.title_zh, ''), campaign.title_en) END
FROM checkout, campaign
WHERE checkout.id = donation.checkout_id AND campaign.ref = donation.campaign_ref
  AND checkout.state IN ('created', 'open') AND checkout.expires_at > now()
"""


def upgrade() -> None:
    op.add_column("donation", sa.Column("line_name", sa.String()))
    op.execute(NAME_THOSE_THAT_WAIT)
