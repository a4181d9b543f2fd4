"""One real PostgreSQL server for the run, one migrated template, one database a worker, clean for each test."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any, ClassVar

import hypothesis
import pytest
import sqlalchemy as sa
from argon2.profiles import CHEAPEST
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule
from xdist.scheduler import LoadScopeScheduling

from donate.db import Database, Role, bind, embedded
from donate.db.migrate import migrate
from donate.people import limits, passwords
from donate.settings import Settings, read_settings
from tests.payments import stages

TEMPLATE = "donate_template"
# A larger table is truncated; of a smaller one the rows are deleted, which is far cheaper.
LARGE_BYTES = 1024 * 1024
USED_TABLES = sa.text(
    """
    SELECT relname, pg_relation_size(oid), to_regclass('seed.' || quote_ident(relname)) IS NOT NULL FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname NOT IN ('alembic_version', 'place')
      AND pg_relation_size(oid) > 0
    """
)

# Tests that share something costly run in one worker; the largest such groups are begun first.
TOGETHER = {
    "tests/journeys/": "one site and one browser",
    "tests/demo/test_world.py": "one sample world",
    "tests/demo/test_life.py": "one sample world",
    "tests/demo/test_signing_in.py": "one sample world",
    "tests/db/test_embedded.py": "one initialised server",
    "tests/cli/test_serving.py": "one migrated server",
    "tests/cli/test_migrating.py": "one server without roles",
}


class Together(LoadScopeScheduling):
    """Hands out tests one by one, and those that share something costly all at once.

    (pytest-xdist does the same for marked tests by renaming them, which pytest 9.2 no longer lets it do.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((shared for path, shared in TOGETHER.items() if nodeid.startswith(path)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Together:
    return Together(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """A key that these tests must never see ends the run before it begins.

    The short run draws the same examples each time, so that it fails by what was changed; the long one always new ones.
    """
    stages.given_key()
    # Some machines forbid it, and each of the hundreds of processes that tests start would compile the project for itself.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Without deadlines: how long an example takes is the machine's and its neighbours' affair.
    hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
    hypothesis.settings.register_profile("new", deadline=None)
    hypothesis.settings.load_profile("same" if "not long" in config.option.markexpr else "new")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(stages.summary(terminalreporter.stats))


class CompiledTemplates(BytecodeCache):
    """Compiled templates that all apps of a worker share: compiling them anew would be most of their tests' time."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def shared_templates() -> None:
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": CompiledTemplates()}


class CompiledRule(Rule):
    """A route that takes over the builder that werkzeug compiled for the same rule of an earlier app of this worker."""

    _builders: ClassVar[dict[tuple[str, bool, str, str], Any]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Any:
        key = (self.rule, append_unknown, repr(self._trace), repr(self.defaults))
        if key not in self._builders:
            self._builders[key] = super()._compile_builder(append_unknown)
        return self._builders[key]


@pytest.fixture(scope="session", autouse=True)
def shared_routes() -> None:
    Flask.url_rule_class = CompiledRule


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> None:
    """Passwords at 0.1 ms instead of 60; how the real parameters behave is tested where they are chosen."""
    passwords.use(passwords.Passwords(CHEAPEST))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run see."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def server_url(shared_folder: Path) -> Iterator[str]:
    """The URL of a running embedded server. Without fsync: these tests kill programs, not the machine."""
    with embedded.running(shared_folder / "server", fsync=False) as url:
        yield url


@pytest.fixture(scope="session")
def template(server_url: str, shared_folder: Path) -> str:
    """The name of the migrated template database, made by whichever worker comes first."""
    with (shared_folder / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = shared_folder / "template.done"
        if not done.exists():
            run_on_server(server_url, f"DROP DATABASE IF EXISTS {TEMPLATE}")
            run_on_server(server_url, f"CREATE DATABASE {TEMPLATE} TEMPLATE template0 ENCODING 'UTF8'")
            database = Database(with_name(server_url, TEMPLATE))
            migrate(database)
            database.dispose()
            done.touch()
    return TEMPLATE


@pytest.fixture(scope="session")
def worker_database(server_url: str, template: str, shared_folder: Path) -> Iterator[Database]:
    name = f"donate_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    clone(server_url, name, shared_folder)
    database = Database(with_name(server_url, name), pool_size=12)
    keep_seeds(database)
    yield database
    database.dispose()


@pytest.fixture
def database(worker_database: Database) -> Database:
    """A migrated database with nothing in it but what the revisions put there, bound to this thread."""
    empty(worker_database)
    bind(worker_database)
    limits.bind_key("a key for tests only")
    return worker_database


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Development settings with an instance folder of the test's own and the sandbox for payments."""
    return read_settings({"DONATE_INSTANCE": str(tmp_path / "instance"), "DONATE_SECRET_KEY": "a key for tests only"})


@pytest.fixture
def app(database: Database, settings: Settings) -> Flask:
    from donate import create_app

    app = create_app(settings, database)
    app.config["TESTING"] = True
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def with_name(url: str, name: str) -> str:
    """`url` with another database name."""
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)


def run_on_server(url: str, statement: str) -> None:
    database = Database(url)
    with database.autocommit(Role.OWNER) as connection:
        connection.execute(sa.text(statement))
    database.dispose()


def clone(server_url: str, name: str, shared_folder: Path) -> str:
    """A fresh copy of the template; one at a time, since a template admits no second user."""
    with (shared_folder / "clone.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run_on_server(server_url, f"DROP DATABASE IF EXISTS {name}")
        run_on_server(server_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY wal_log")
    return with_name(server_url, name)


def keep_seeds(database: Database) -> None:
    """Remember the rows that revisions inserted, so that emptying can put them back."""
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("CREATE SCHEMA seed"))
        for table in tables_of(session.connection()):
            if session.scalar(sa.text(f"SELECT EXISTS (SELECT FROM {table})")):
                session.execute(sa.text(f"CREATE TABLE seed.{table} AS TABLE {table}"))


def empty(database: Database) -> None:
    """Remove what earlier tests left, behind the append-only triggers' back: only a superuser may, and only here."""
    with database.transaction(Role.OWNER) as session:
        connection = session.connection()
        used = connection.execute(USED_TABLES).all()
        large = [table for table, size, _ in used if size > LARGE_BYTES]
        steps = ["SET LOCAL session_replication_role = replica", "SET LOCAL lock_timeout = '10s'"]
        steps += [f"TRUNCATE {', '.join(large)} CASCADE"] if large else []
        steps += [f"DELETE FROM {table}" for table, _, _ in used]
        steps += [
            f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE seed.{table}" for table, _, seeded in used if seeded
        ]
        steps += ["DELETE FROM place WHERE code NOT IN (SELECT code FROM seed.place)"]
        connection.exec_driver_sql("; ".join(steps))


def tables_of(connection: sa.Connection) -> list[str]:
    return list(
        connection.scalars(
            sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
        ).all()
    )
