"""Rows that one test made the long way and the next ones get back at once.

Bringing a campaign through its services to where it raises takes a hundred statements, and hundreds of tests begin
with it. The first test of a worker does it; for the others the rows that its transaction left are inserted again.
"""

from collections.abc import Callable, Hashable

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.db import Role, current, transaction

# A transaction's number is lower than those of its savepoints, and a worker's database has no other writer meanwhile.
_WRITTEN = """
SELECT '{table}' AS name, json_agg(row_to_json({table}))::text AS rows FROM {table}
WHERE xmin::text::bigint >= :number HAVING count(*) > 0
"""
_TABLES = text("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
_AGAIN = "INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::{table}, '{rows}')"
_statements: dict[Hashable, str] = {}


def made_once(key: Hashable, make: Callable[[Session], None]) -> None:
    """Have what `make` writes; `key` tells apart whatever it depends on.

    Each database has its own memory: rows come back under their old numbers, which another's sequences would give again.
    """
    key = (current().url, key)
    if key in _statements:
        with transaction(Role.OWNER) as session:
            session.connection().exec_driver_sql(_statements[key])
        return
    with transaction() as session:
        make(session)
        session.flush()
        number = session.scalar(text("SELECT pg_current_xact_id()::text::bigint"))
    with transaction(Role.OWNER) as session:  # no part may read all tables
        _statements[key] = _insertion(session, number)


def _insertion(session: Session, number: int) -> str:
    tables = session.scalars(_TABLES).all()
    query = " UNION ALL ".join(_WRITTEN.format(table=table) for table in tables)
    steps = ["SET LOCAL session_replication_role = replica"]
    for table, rows in session.execute(text(query), {"number": number}):
        steps.append(_AGAIN.format(table=table, rows=rows.replace("'", "''")))
    return "; ".join(steps)
