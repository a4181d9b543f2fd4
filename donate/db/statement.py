"""Statements that the driver runs by itself: the few that every donation waits for.

For each statement SQLAlchemy builds a context, a cursor and a result with its columns. Around a row that is found by
its key that is more work than the statement: a donation has three of them, and the driver alone books it in half the
time. Everything that is asked less often is better read as an ORM statement or `text()`.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session


class Statement:
    """SQL with the driver's named parameters, `%(name)s`; prepared by the driver after a few runs."""

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def rows(self, executor: Session | Connection, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Run in the executor's transaction; all rows. Raises what SQLAlchemy would: IntegrityError and its kin."""
        connection = executor.connection() if isinstance(executor, Session) else executor
        if not connection.in_transaction():
            connection.begin()  # as its own execute would, so that its commit finds something to commit
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        try:
            return driver.execute(self._sql, parameters).fetchall()
        except psycopg.Error as error:
            if driver.broken:
                connection.engine.dispose()  # whatever ended this connection ended those at rest, too
            raise DBAPIError.instance(self._sql, None, error, psycopg.Error, dialect=connection.dialect) from error
