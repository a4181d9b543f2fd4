import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from donate.db import Role, Statement
from tests.db.test_engine import end_all_connections

ADD = Statement("INSERT INTO named (name) VALUES (%(name)s) RETURNING name")
ONE = Statement("SELECT 1")


@pytest.fixture
def table(database):
    with database.transaction(Role.OWNER) as session:
        session.execute(text("CREATE TABLE named (name text PRIMARY KEY)"))
    yield database
    with database.transaction(Role.OWNER) as session:
        session.execute(text("DROP TABLE named"))


def names(database):
    with database.reading(Role.OWNER) as session:
        return session.scalars(text("SELECT name FROM named ORDER BY name")).all()


def test_a_statement_is_part_of_its_executors_transaction(table):
    for transaction in (table.transaction, table.bare_transaction):
        with pytest.raises(ZeroDivisionError), transaction(Role.OWNER) as executor:
            assert ADD.rows(executor, {"name": "undone"}) == [("undone",)]
            raise ZeroDivisionError
    with table.transaction(Role.OWNER) as session:
        ADD.rows(session, {"name": "session"})
    with table.bare_transaction(Role.OWNER) as connection:
        ADD.rows(connection, {"name": "connection"})
    with table.autocommit(Role.OWNER) as connection:
        ADD.rows(connection, {"name": "alone"})
    assert names(table) == ["alone", "connection", "session"]


def test_a_connection_without_a_transaction_begins_one_that_can_be_committed(table):
    with table.engine(Role.OWNER).connect() as connection:
        ADD.rows(connection, {"name": "kept"})
        connection.commit()
        ADD.rows(connection, {"name": "not kept"})
    assert names(table) == ["kept"]


def test_what_the_database_refuses_is_raised_in_sqlalchemys_words(table):
    with pytest.raises(IntegrityError, match="named_pkey"), table.transaction(Role.OWNER) as session:
        for _ in range(2):
            ADD.rows(session, {"name": "twice"})
    with pytest.raises(DataError), table.transaction(Role.OWNER) as session:
        ADD.rows(session, {"name": "\0"})
    assert names(table) == []


def test_lost_connections_fail_one_use_only(database):
    with database.reading() as first, database.reading() as second:
        assert ONE.rows(first, {}) == ONE.rows(second, {}) == [(1,)]
    end_all_connections(database)
    with pytest.raises(DBAPIError), database.bare_transaction() as connection:
        ONE.rows(connection, {})
    for _ in range(3):
        with database.bare_transaction() as connection:
            assert ONE.rows(connection, {}) == [(1,)]
