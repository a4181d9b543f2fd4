"""Connections to PostgreSQL, one engine per role, and the only commit of the project."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from donate.errors import N_, DonateError

REST_SECONDS = 5


class Role(StrEnum):
    """Who we are at the database. Each role has only the rights that its part needs."""

    OWNER = "owner"
    WEB = "web"
    SEQUENCER = "sequencer"
    ERASER = "eraser"


class NoDatabase(DonateError):
    sentence = N_("No database is bound here; a command or a request binds one first.")
    status = 503


class Database:
    """One PostgreSQL database seen through its roles.

    `urls` gives each role its own login where an operator set one; a role without a URL connects by the
    owner's with the start-up parameter `role`. (Not SET ROLE after connecting: when the first use of a
    connection rolls back, that is undone and the connection silently is the owner again.)
    """

    def __init__(self, url: str, *, urls: Mapping[Role, str] | None = None, pool_size: int = 4) -> None:
        self.url = _with_driver(url)
        self._urls = {role: _with_driver(own) for role, own in (urls or {}).items()}
        self._pool_size = pool_size
        self._engines: dict[Role, Engine] = {}

    def engine(self, role: Role) -> Engine:
        """The pooled engine of a role, made at its first use (after a fork, never before)."""
        if role not in self._engines:
            self._engines[role] = self._make_engine(role)
        return self._engines[role]

    def _make_engine(self, role: Role) -> Engine:
        own_login = self._urls.get(role)
        options = "-c timezone=UTC"
        if own_login is None and role is not Role.OWNER:
            options += f" -c role=donate_{role}"
        engine = create_engine(
            own_login or self.url,
            pool_size=self._pool_size,
            max_overflow=0,
            pool_timeout=5,
            connect_args={"options": options, "connect_timeout": 5, "application_name": f"donate-{role}"},
        )
        event.listen(engine, "checkin", _note_use)
        event.listen(engine, "checkout", _ping_after_rest)
        return engine

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()

    @contextmanager
    def transaction(self, role: Role = Role.WEB) -> Iterator[Session]:
        """A session whose work is committed at the end, or undone when anything raises."""
        with Session(self.engine(role), expire_on_commit=False) as session:
            yield session
            session.commit()

    @contextmanager
    def bare_transaction(self, role: Role = Role.WEB) -> Iterator[Connection]:
        """The same on a bare connection, without the cost of a session: the hot paths."""
        with self.engine(role).begin() as connection:
            yield connection

    @contextmanager
    def reading(self, role: Role = Role.WEB) -> Iterator[Session]:
        """A read-only session over one snapshot, so that the figures of a page agree with each other."""
        engine = self.engine(role).execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with Session(engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def autocommit(self, role: Role = Role.WEB) -> Iterator[Connection]:
        """A bare connection where one statement is the whole transaction: the hot paths."""
        with self.engine(role).connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def is_reachable(self) -> bool:
        with self.engine(Role.WEB).connect() as connection:
            return connection.scalar(text("SELECT true")) is True


def _note_use(_: object, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def _ping_after_rest(connection: psycopg.Connection[Any], record: ConnectionPoolEntry, _: object) -> None:
    """Ask a connection that rested whether it still lives; the pool replaces one that does not.

    `pool_pre_ping` asks at every checkout, three round trips that cost a third of a donation's time.
    """
    if time.monotonic() - record.info.get("used_at", 0) < REST_SECONDS:
        return
    try:
        connection.autocommit = True
        connection.execute("SELECT 1")
        connection.autocommit = False
    except psycopg.OperationalError as error:
        raise DisconnectionError from error


def _with_driver(url: str) -> str:
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


_current: ContextVar[Database | None] = ContextVar("database", default=None)


def bind(database: Database) -> None:
    """Make `database` the one that this thread's (or request's) transactions use."""
    _current.set(database)


def current() -> Database:
    """The bound database. Raises NoDatabase."""
    database = _current.get()
    if database is None:
        raise NoDatabase
    return database


@contextmanager
def transaction(role: Role = Role.WEB) -> Iterator[Session]:
    """The bound database's transaction: doors and jobs open it, services are handed its session."""
    with current().transaction(role) as session:
        yield session


@contextmanager
def bare_transaction(role: Role = Role.WEB) -> Iterator[Connection]:
    """The bound database's transaction on a bare connection."""
    with current().bare_transaction(role) as connection:
        yield connection


@contextmanager
def reading(role: Role = Role.WEB) -> Iterator[Session]:
    """The bound database's read-only snapshot."""
    with current().reading(role) as session:
        yield session


@contextmanager
def autocommit(role: Role = Role.WEB) -> Iterator[Connection]:
    """The bound database's one-statement connection."""
    with current().autocommit(role) as connection:
        yield connection
