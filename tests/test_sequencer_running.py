"""When a pass is due, and the loop that runs them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from donate import clock
from donate.db import Database, Role
from donate.ledger import journal
from donate.ledger.chart import Reason
from donate.publiclog import queries
from donate.publiclog.keys import KeyFolder
from donate.publiclog.publishing import publisher_of
from donate.sequencer import drain, is_due, run_forever
from donate.settings import Settings
from tests.ledger.factories import donation, open_book


@pytest.fixture
def book_id(database: Database) -> int:
    with database.transaction() as session:
        return open_book(session)


def post(database: Database, book_id: int, count: int, **overrides) -> None:
    with database.transaction() as session:
        journal.post(session, [donation(book_id, **overrides) for _ in range(count)])


def waits(database: Database) -> int:
    with database.reading() as session:
        return queries.lag(session).entry_count


@contextmanager
def running(database: Database, settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    KeyFolder(settings.log_folder).make("log.example/log")
    publisher = publisher_of(settings.log_folder)
    thread = threading.Thread(target=run_forever, args=(database, settings, stop, publisher))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)
        assert not thread.is_alive()


def wait_until_numbered(database: Database) -> float:
    began = time.monotonic()
    while waits(database) and time.monotonic() - began < 10:
        time.sleep(0.01)
    return time.monotonic() - began


def test_nothing_waits_and_nothing_is_due(database: Database, settings: Settings) -> None:
    assert not is_due(database, settings, sweep=False)


def test_a_pass_is_due_when_enough_donations_have_gathered(
    database: Database, book_id: int, settings: Settings
) -> None:
    post(database, book_id, 15)
    post(database, book_id, 30, reason=Reason.PROCESSING_FEE)
    assert not is_due(database, settings, sweep=False)
    post(database, book_id, 1)
    assert is_due(database, settings, sweep=False)


@pytest.mark.parametrize("change", [{"sequencer_seconds": 60}, {"sequencer_seconds": 600, "merge_delay_seconds": 60}])
def test_a_pass_is_due_when_the_oldest_has_waited_long_enough(
    database: Database, book_id: int, settings: Settings, change: dict
) -> None:
    settings = replace(settings, **change)
    post(database, book_id, 1, reason=Reason.PROCESSING_FEE)
    with clock.frozen_at(clock.now() + timedelta(seconds=50)):
        assert not is_due(database, settings, sweep=False)
    with clock.frozen_at(clock.now() + timedelta(seconds=61)):
        assert is_due(database, settings, sweep=False)


def test_a_late_commit_becomes_due_by_a_sweep_only(database: Database, book_id: int, settings: Settings) -> None:
    post(database, book_id, 1)
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("UPDATE sequencer SET floor_entry_id = (SELECT max(id) + 1 FROM entry)"))
    with clock.frozen_at(clock.now() + timedelta(seconds=61)):
        assert not is_due(database, settings, sweep=False)
        assert is_due(database, settings, sweep=True)


def test_the_loop_numbers_what_gathers_within_a_second(database: Database, book_id: int, settings: Settings) -> None:
    with running(database, settings):
        for _ in range(3):
            post(database, book_id, 20)
            assert wait_until_numbered(database) < 1


def test_the_loop_outlives_a_lost_connection(database: Database, book_id: int, settings: Settings) -> None:
    with running(database, replace(settings, sequencer_batch=1)):
        post(database, book_id, 1)
        wait_until_numbered(database)
        with database.autocommit(Role.OWNER) as connection:
            connection.execute(
                sa.text(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE application_name = 'donate-sequencer' AND datname = current_database()
                    """
                )
            )
        post(database, book_id, 1)
        assert wait_until_numbered(database) < 5


def test_the_lag_is_what_waits_and_since_when(database: Database, book_id: int) -> None:
    post(database, book_id, 3)
    with clock.frozen_at(clock.now() + timedelta(seconds=42)), database.reading() as session:
        lag = queries.lag(session)
    assert lag.entry_count == 3
    assert 41 <= lag.seconds <= 43
    drain(database)
    with database.reading() as session:
        assert queries.lag(session) == queries.Lag(0, 0)
