"""The models and the revisions describe one database."""

import importlib
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from donate.db import Base, Database, Role
from tests.laws.source import ROOT

# Tables that are not ours: the job queue's, brought by its own schema.
NOT_OURS = ("procrastinate_", "alembic_version")


def import_models() -> None:
    """Import every room's models, as migrations/env.py does, so that Base knows all tables."""
    for path in sorted((ROOT / "donate").rglob("*models.py")):
        parts = Path(path).relative_to(ROOT).with_suffix("").parts
        importlib.import_module(".".join(parts))


def violations(connection: sa.Connection, metadata: sa.MetaData) -> list[str]:
    """Differences between the models and the migrated database."""

    def is_ours(_object: Any, name: str | None, kind: str, _reflected: bool, _compared: Any) -> bool:
        return not (kind == "table" and name is not None and name.startswith(NOT_OURS))

    options = {"compare_type": True, "compare_server_default": False, "include_object": is_ours}
    context = MigrationContext.configure(connection, opts=options)
    return [repr(difference) for difference in compare_metadata(context, metadata)] + _check_violations(
        connection, metadata
    )


def _check_violations(connection: sa.Connection, metadata: sa.MetaData) -> list[str]:
    """CHECK constraints by name, which Alembic does not compare."""
    in_models = {
        (table.name, str(connection.dialect.identifier_preparer.format_constraint(constraint)).strip('"'))
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, sa.CheckConstraint)
    }
    inspector = sa.inspect(connection)
    in_database = {
        (table, str(constraint["name"]))
        for table in inspector.get_table_names()
        if not table.startswith(NOT_OURS) and table in metadata.tables
        for constraint in inspector.get_check_constraints(table)
    }
    return [f"{table}: check {name} is only in the models" for table, name in sorted(in_models - in_database)] + [
        f"{table}: check {name} is only in the revisions" for table, name in sorted(in_database - in_models)
    ]


def test_models_and_revisions_agree(database: Database) -> None:
    import_models()
    with database.engine(Role.OWNER).connect() as connection:
        assert violations(connection, Base.metadata) == []


def test_a_planted_difference_is_found(database: Database) -> None:
    import_models()
    metadata = sa.MetaData(naming_convention=Base.metadata.naming_convention)
    for table in Base.metadata.tables.values():
        table.to_metadata(metadata)
    users = metadata.tables["users"]
    users.append_column(sa.Column("planted", sa.Text))
    users.append_constraint(sa.CheckConstraint("id > 0", name="planted"))
    sa.Index(None, users.c.name)
    with database.engine(Role.OWNER).connect() as connection:
        found = violations(connection, metadata)
    assert any("add_column" in line and "planted" in line for line in found)
    assert any("add_index" in line for line in found)
    assert "users: check users_planted_check is only in the models" in found
