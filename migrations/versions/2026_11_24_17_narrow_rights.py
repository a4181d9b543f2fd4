"""Narrow rights: whose campaign it is, where its money goes and what a meal cost are settled once."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import grant

revision = "r17_narrow_rights"
down_revision = "r16_line_names"

# What a campaign is from its first day: a web process that was taken over must not turn its money elsewhere.
SETTLED = frozenset({"id", "ref", "host_id", "partner_id", "book_id", "currency", "created_by", "created_at"})

REFUSE_PRICE_CHANGE = """
CREATE FUNCTION refuse_price_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM campaign WHERE id = OLD.campaign_id AND state NOT IN ('draft', 'changes_asked')) THEN
    RAISE EXCEPTION 'the price of a campaign that was handed in is refused %: give it a new one from a later day', TG_OP
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN OLD;
END $$
"""


def upgrade() -> None:
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("campaign")]
    changing = ", ".join(name for name in columns if name not in SETTLED)
    op.execute("REVOKE UPDATE ON campaign FROM donate_web")
    grant(op, "donate_web", f"UPDATE ({changing})", "campaign")
    op.execute("REVOKE UPDATE ON unit_price FROM donate_web")
    op.execute(REFUSE_PRICE_CHANGE)
    op.execute(
        "CREATE TRIGGER unit_price_stands BEFORE DELETE ON unit_price "
        "FOR EACH ROW EXECUTE FUNCTION refuse_price_change()"
    )
    # How long a run of the checks took decides when the next one is due.
    op.add_column("ledger_check", sa.Column("took_milliseconds", sa.BigInteger()))
