"""What the restricted database roles may do, said once for all revisions."""

from alembic.operations import Operations

APPEND_ONLY_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: what happened is never edited; post a reversal instead', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$
"""


def grant(op: Operations, role: str, rights: str, *tables: str) -> None:
    """Give `role` (donate_web, donate_sequencer, donate_eraser) the listed rights on each table."""
    for table in tables:
        op.execute(f"GRANT {rights} ON {table} TO {role}")


def append_only(op: Operations, *tables: str) -> None:
    """Triggers that refuse UPDATE, DELETE and TRUNCATE, the owner's included."""
    for table in tables:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
