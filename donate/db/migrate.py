"""Bring a database to the newest revision."""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from donate.db.engine import Database, Role
from donate.folders import top_folder

# One migration at a time, however many parts start at once; the number is arbitrary and ours.
MIGRATION_LOCK = 7_239_041


def alembic_config() -> Config:
    """Alembic's settings without a file: an installed wheel carries no pyproject.toml."""
    config = Config()
    folder = top_folder("migrations")
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    _make_importable(folder)
    return config


def migrate(database: Database) -> None:
    """Run every missing revision as the owner; harmless when there is none."""
    config = alembic_config()
    with database.engine(Role.OWNER).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()


def _make_importable(folder: Path) -> None:
    """Revisions import `migrations.rights`, which lies at the top level or inside the installed package."""
    if str(folder.parent) not in sys.path:
        sys.path.insert(0, str(folder.parent))
