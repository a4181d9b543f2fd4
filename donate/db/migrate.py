"""Bring a database to the newest revision."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationInfo
from alembic.script import Script
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from donate.db.engine import Database, Role
from donate.errors import N_, DonateError
from donate.folders import top_folder

# One migration at a time, however many parts start at once; the number is arbitrary and ours.
MIGRATION_LOCK = 7_239_041


class MigrationRefused(DonateError):
    sentence = N_(
        "The database refuses a revision, so nothing was changed: %(reason)s. The login must own the database."
    )
    status = 503


def alembic_config() -> Config:
    """Alembic's settings without a file: an installed wheel carries no pyproject.toml."""
    config = Config()
    folder = top_folder("migrations")
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    _make_importable(folder)
    return config


def migrate(database: Database, tell: Callable[[str], None] = lambda _: None) -> None:
    """Run every missing revision as the owner, all or none, and tell of each; harmless when there is none.

    Raises RolesNotGranted, MigrationRefused.
    """
    config = alembic_config()

    def applied(*, step: MigrationInfo, **_: Any) -> None:
        if isinstance(step.up_revision, Script):
            tell(f"{step.up_revision.revision}: {step.up_revision.doc}")

    config.attributes["on_version_apply"] = applied
    with database.engine(Role.OWNER).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        except ProgrammingError as error:
            if not isinstance(error.orig, InsufficientPrivilege):
                raise
            raise MigrationRefused(reason=error.orig.diag.message_primary) from None
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()


def _make_importable(folder: Path) -> None:
    """Revisions import `migrations.rights`, which lies at the top level or inside the installed package."""
    if str(folder.parent) not in sys.path:
        sys.path.insert(0, str(folder.parent))
