"""From settings to an open database, with one sentence for everything that can be wrong on the way."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError

from donate import db
from donate.db import Database, Role, embedded
from donate.db.migrate import alembic_config, migrate
from donate.errors import N_, BadSetting, DonateError
from donate.people import limits
from donate.settings import Settings


class DatabaseUnreachable(DonateError):
    sentence = N_("The database %(where)s does not answer: %(reason)s")
    status = 503


class DatabaseNotCurrent(DonateError):
    sentence = N_("The database is at revision %(found)s and this program wants %(wanted)s; run: donate migrate")
    status = 503


@contextmanager
def with_url(settings: Settings) -> Iterator[Settings]:
    """The settings with a database URL: the operator's, or that of the embedded server, which then runs meanwhile."""
    with ExitStack() as stack:
        if settings.database_url is None:
            url = stack.enter_context(embedded.running(settings.instance))
            settings = replace(settings, database_url=url)
        yield settings


@contextmanager
def opened(settings: Settings, *, pool_size: int = 4) -> Iterator[Database]:
    """The reachable and current database of `settings`, bound to this thread.

    An embedded database is brought to the newest revision; one of the operator's own is left to `donate migrate`.
    Raises DatabaseUnreachable, DatabaseNotCurrent and what the embedded server raises.
    """
    with with_url(settings) as complete, reachable(complete, pool_size=pool_size) as database:
        if settings.database_url is None:
            migrate(database)
        require_newest(database)
        yield database


@contextmanager
def reachable(settings: Settings, *, pool_size: int = 4) -> Iterator[Database]:
    """A database that answers, at whatever revision, bound to this thread. `settings` has a URL."""
    database = _database(settings, pool_size)
    try:
        try:
            with database.engine(Role.OWNER).connect() as connection:
                connection.execute(text("SELECT 1"))
        except OperationalError as error:
            raise DatabaseUnreachable(where=_where(settings), reason=first_line(error)) from None
        db.bind(database)
        limits.bind_key(settings.secret_key)
        yield database
    finally:
        database.dispose()


def require_newest(database: Database) -> None:
    """Raises DatabaseNotCurrent."""
    found, wanted = revision_of(database), newest_revision()
    if found != wanted:
        raise DatabaseNotCurrent(found=found or "none", wanted=wanted)


def revision_of(database: Database) -> str | None:
    with database.engine(Role.OWNER).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    return ScriptDirectory.from_config(alembic_config()).get_current_head() or "none"


def first_line(error: OperationalError) -> str:
    """What the driver says, without the statement and the link that SQLAlchemy adds."""
    lines = str(error.orig).strip().splitlines()
    return lines[0].strip() if lines else type(error.orig).__name__


def _database(settings: Settings, pool_size: int) -> Database:
    urls = {
        Role.WEB: settings.database_url_web,
        Role.SEQUENCER: settings.database_url_sequencer,
        Role.ERASER: settings.database_url_eraser,
    }
    url = settings.database_url or ""
    for name, given in (("DONATE_DATABASE_URL", url), *((f"DONATE_DATABASE_URL_{r.name}", u) for r, u in urls.items())):
        if given is not None and not _is_postgresql(given):
            raise BadSetting(name=name, problem="is no address of the form postgresql://user@host/database")
    return Database(url, urls={role: own for role, own in urls.items() if own}, pool_size=pool_size)


def _is_postgresql(url: str) -> bool:
    try:
        return make_url(url).drivername in ("postgresql", "postgres", "postgresql+psycopg")
    except (ArgumentError, ValueError):
        return False


def _where(settings: Settings) -> str:
    return make_url(settings.database_url or "").render_as_string(hide_password=True)
