"""The daily close of each book: what it says can be recomputed, and it comes once a day that had something."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from donate import clock
from donate.db import Database
from donate.publiclog.closing import trial_balance
from donate.publiclog.export import stream_csv
from donate.sequencer import is_due, run_pass
from donate.settings import Settings
from donate.tlog.leaf import CloseLeaf, EntryLeaf, Leaf, decode
from tests.ledger.factories import open_book
from tests.publiclog.factories import log_donations, stored_leaves

# 15:00 in Shanghai, 23:00 on the day before in Los Angeles, where a test keeps a second book.
NOON = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def two_books(database: Database) -> tuple[int, int]:
    with clock.frozen_at(NOON), database.transaction() as session:
        open_book(session)  # noise: nothing is ever booked in it
        return open_book(session, ref="east"), open_book(session, ref="west", time_zone="America/Los_Angeles")


def leaves(database: Database) -> list[Leaf]:
    return [decode(leaf) for leaf in stored_leaves(database)]


def closes(database: Database) -> list[CloseLeaf]:
    return [leaf for leaf in leaves(database) if isinstance(leaf, CloseLeaf)]


def at(database: Database, moment: datetime, book_id: int, count: int) -> None:
    with clock.frozen_at(moment):
        log_donations(database, None, book_id, count)


def test_the_first_pass_of_a_new_day_closes_the_last_one_before_anything_else(
    database: Database, two_books: tuple[int, int]
) -> None:
    east, _ = two_books
    at(database, NOON, east, 3)
    at(database, NOON + DAY, east, 2)
    (close,) = closes(database)
    assert (close.book, close.day.isoformat(), close.entries, close.turnover) == ("east", "2026-11-23", 3, 4500)
    after = leaves(database)[close.seq + 1 :]
    assert [type(leaf) for leaf in after] == [EntryLeaf, EntryLeaf]


def test_its_hashes_are_those_of_the_csv_since_the_close_before_and_of_the_trial_balance(
    database: Database, two_books: tuple[int, int]
) -> None:
    east, west = two_books
    for days in range(3):
        at(database, NOON + days * DAY, east, 2 + days)
        at(database, NOON + days * DAY, west, 1)
    mine = [close for close in closes(database) if close.book == "east"]
    assert [close.entries for close in mine] == [2, 5]
    with database.reading() as session:
        csv = b"".join(stream_csv(session.connection(), as_of=mine[1].seq, book_id=east, after=mine[0].seq))
    assert csv.count(b"\n") == 1 + 3
    assert mine[1].csv == hashlib.sha256(csv).digest()
    assert mine[1].trial == hashlib.sha256(b"clearing,7500,0\nfund:rice,0,7500\n").digest()


def test_the_trial_balance_lists_accounts_by_code(database: Database, two_books: tuple[int, int]) -> None:
    at(database, NOON, two_books[0], 1)
    with database.reading() as session:
        assert trial_balance(session, two_books[0]) == "clearing,1500,0\nfund:rice,0,1500\n"


def test_each_book_has_its_own_midnight(database: Database, two_books: tuple[int, int]) -> None:
    east, west = two_books
    at(database, NOON, east, 1)
    at(database, NOON, west, 1)
    at(database, NOON + timedelta(hours=2), east, 1)  # past midnight in the west only
    assert [(close.book, close.day.isoformat()) for close in closes(database)] == [("west", "2026-11-22")]


def test_a_day_without_entries_has_no_close(database: Database, two_books: tuple[int, int]) -> None:
    east, _ = two_books
    at(database, NOON, east, 1)
    for days in (5, 6, 7):
        with clock.frozen_at(NOON + days * DAY):
            run_pass(database)
    assert [close.day.isoformat() for close in closes(database)] == ["2026-11-23"]


def test_midnight_alone_makes_a_pass_due(database: Database, settings: Settings, two_books: tuple[int, int]) -> None:
    at(database, NOON, two_books[0], 1)
    with clock.frozen_at(NOON + timedelta(hours=8, minutes=59)):
        assert not is_due(database, settings, sweep=True)
    with clock.frozen_at(NOON + timedelta(hours=9, minutes=1)):
        assert is_due(database, settings, sweep=True)
        run_pass(database)
        assert not is_due(database, settings, sweep=True)
    assert len(closes(database)) == 1


def test_how_far_a_book_is_closed_is_its_last_close_line(database: Database, two_books: tuple[int, int]) -> None:
    for days in range(3):
        at(database, NOON + days * DAY, two_books[0], 1)
    with database.reading() as session:
        rows = session.execute(sa.text("SELECT book_id, log_index, day FROM book_close")).all()
    last = closes(database)[-1]
    assert [tuple(row) for row in rows] == [(two_books[0], last.seq, last.day)]
