import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from donate.db import NoDatabase, Role, current, engine


@pytest.fixture(autouse=True)
def fresh_connections_afterwards(database):
    """Tests of a worker share its connections: one that was ended here must not meet the next test."""
    yield
    database.dispose()


def end_all_connections(database):
    with database.autocommit(Role.OWNER) as connection:
        connection.execute(
            text(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'donate-web' AND datname = current_database()
                """
            )
        )


def test_a_connection_that_died_at_rest_is_replaced_before_its_use(database, monkeypatch):
    with database.reading() as session:
        session.scalar(text("SELECT 1"))
    end_all_connections(database)
    monkeypatch.setattr(engine, "REST_SECONDS", 0)
    with database.reading() as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_a_connection_that_died_a_moment_ago_fails_one_use_only(database):
    with database.reading() as session:
        session.scalar(text("SELECT 1"))
    end_all_connections(database)
    with pytest.raises(DBAPIError), database.reading() as session:
        session.scalar(text("SELECT 1"))
    with database.reading() as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_a_transaction_is_undone_when_anything_raises(database):
    with pytest.raises(ZeroDivisionError), database.transaction(Role.OWNER) as session:
        session.execute(text("CREATE TABLE half_done ()"))
        raise ZeroDivisionError
    with database.reading(Role.OWNER) as session:
        assert session.scalar(text("SELECT to_regclass('half_done')")) is None


def test_reading_refuses_to_write(database):
    with pytest.raises(DBAPIError, match="read-only"), database.reading() as session:
        session.execute(text("INSERT INTO book DEFAULT VALUES"))


def test_an_unbound_thread_has_no_database():
    from contextvars import Context

    with pytest.raises(NoDatabase):
        Context().run(current)
