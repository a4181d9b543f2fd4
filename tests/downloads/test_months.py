"""Which leaves a month is made of: all of them, each once, the same for everybody, and for ever once it is finished."""

import hashlib
import json
from datetime import date

import pytest
import sqlalchemy as sa

from donate.db import Database, Role
from donate.downloads import months, service
from donate.downloads.files import FILES
from donate.downloads.models import DownloadMonth
from donate.publiclog.publishing import Publisher
from donate.tlog.leaf import CloseLeaf, EntryLeaf, decode
from tests.downloads.factories import TwoBooks, file_of, two_books
from tests.publiclog.factories import stored_leaves

BOOKS = ("hearth-cny", "hearth.jpy")
SEPTEMBER, OCTOBER, NOVEMBER = (date(2026, month, 1) for month in (9, 10, 11))


@pytest.fixture
def world(database: Database, publisher: Publisher) -> TwoBooks:
    return two_books(database, publisher)


def all_files(world: TwoBooks) -> dict[tuple[str, date, str], bytes]:
    return {
        (book, one.month, name): file_of(world.database, one, name)
        for book in BOOKS
        for one in world.months(book)
        for name in FILES
    }


def test_a_month_is_finished_once_its_last_day_or_a_later_month_is_closed(world: TwoBooks):
    told = [(one.month, one.is_finished) for one in world.months("hearth-cny")]
    assert told == [(NOVEMBER, False), (OCTOBER, True), (SEPTEMBER, True)]
    closes = [leaf for leaf in map(decode, stored_leaves(world.database)) if isinstance(leaf, CloseLeaf)]
    for book in BOOKS:
        for one in world.months(book)[1:]:
            last = max(leaf.seq for leaf in closes if leaf.book == book and leaf.day.month == one.month.month)
            assert (one.upto, one.size) == (last, last + 1)


def test_every_leaf_is_in_exactly_one_month_and_none_is_lost_over_a_months_border(world: TwoBooks):
    leaves = stored_leaves(world.database)
    for size in (world.size, world.size - 40, world.size // 2):
        for book in BOOKS:
            with world.database.reading() as session:
                found = months.months(session, size, book)
            told = [file_of(world.database, one, "leaves.jsonl") for one in reversed(found)]
            ours = [leaf for leaf in leaves[:size] if decode(leaf).book == book]
            assert b"".join(told) == b"".join(leaf + b"\n" for leaf in ours)


def test_an_entry_that_came_late_is_in_the_month_in_which_it_was_numbered_with_its_own_day(world: TwoBooks):
    late = file_of(world.database, world.month("hearth-cny", OCTOBER), "ledger.csv")
    assert b",2026-09-26,hearth-cny," in late
    journal = file_of(world.database, world.month("hearth-cny", OCTOBER), "ledger.journal").decode()
    assert "\n2026-09-26 * opening balances\n" in journal


def test_a_months_canonical_csv_is_what_its_close_leaves_hash_and_its_trial_balance_too(world: TwoBooks):
    one = world.month("hearth-cny", SEPTEMBER)
    closes = [leaf for leaf in map(decode, stored_leaves(world.database)) if isinstance(leaf, CloseLeaf)]
    mine = [leaf for leaf in closes if leaf.book == "hearth-cny" and leaf.day.month == 9]
    heading, *lines = file_of(world.database, one, "ledger.csv").splitlines(keepends=True)
    after = -1
    for close in mine:
        day = [line for line in lines if after < int(line.partition(b",")[0]) < close.seq]
        assert close.csv == hashlib.sha256(heading + b"".join(day)).digest()
        after = close.seq
    assert len(mine) == 3
    service.keep_finished()
    with world.database.reading() as session:
        trial = session.get_one(DownloadMonth, (one.book_id, SEPTEMBER, 1)).trial
    assert mine[-1].trial == hashlib.sha256(trial.encode()).digest()


def test_months_open_where_the_one_before_closed(world: TwoBooks):
    for book in BOOKS:
        closing: dict[str, str] = {}
        for month in (SEPTEMBER, OCTOBER, NOVEMBER):
            text = file_of(world.database, world.month(book, month), "trial-balance.csv").decode()
            rows = [line.split(",") for line in text.splitlines()[1:]]
            assert {row[0]: row[2] for row in rows} == closing or not closing
            closing = {row[0]: row[5] for row in rows}


def test_the_same_log_size_gives_the_same_bytes_before_and_after_what_is_kept_and_what_follows(world: TwoBooks):
    before = all_files(world)
    early = world.size - 40
    then = {name: file_of(world.database, world.month("hearth-cny", NOVEMBER, early), name) for name in FILES}
    assert service.keep_finished() == 4
    assert service.keep_finished() == 0
    assert all_files(world) == before
    assert {name: file_of(world.database, world.month("hearth-cny", NOVEMBER, early), name) for name in FILES} == then


def test_a_replica_whose_rows_have_other_numbers_gives_the_same_bytes(world: TwoBooks):
    before = all_files(world)
    with world.database.transaction(Role.OWNER) as session:
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for book_id in list(session.scalars(sa.text("SELECT id FROM book ORDER BY id"))):
            renumbered = sa.text("UPDATE book SET id = DEFAULT WHERE id = :id RETURNING id")
            facts = {"id": book_id, "other": session.scalars(renumbered, {"id": book_id}).one()}
            session.execute(sa.text("UPDATE log_leaf SET book_id = :other WHERE book_id = :id"), facts)
        session.execute(sa.text("UPDATE log_leaf SET entry_id = entry_id + 1000000 WHERE entry_id IS NOT NULL"))
    assert all_files(world) == before


def test_what_is_kept_of_a_month_is_what_its_files_are(world: TwoBooks):
    service.keep_finished()
    for book in BOOKS:
        one = world.month(book, OCTOBER)
        with world.database.reading() as session:
            kept = session.get_one(DownloadMonth, (one.book_id, OCTOBER, 1))
        for facts in kept.files:
            data = file_of(world.database, one, facts["name"])
            assert (facts["bytes"], facts["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_a_month_whose_leaves_do_not_add_up_to_its_close_is_not_kept_and_the_other_books_months_are(world: TwoBooks):
    entry = next(leaf for leaf in map(decode, stored_leaves(world.database)) if isinstance(leaf, EntryLeaf))
    with world.database.transaction(Role.OWNER) as session:
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        session.execute(
            sa.text("UPDATE log_leaf SET leaf = :leaf WHERE log_index = :index"),
            {"index": entry.seq, "leaf": _with_more(stored_leaves_of(session, entry.seq))},
        )
    with pytest.raises(service.CloseDiffers):
        service.keep_finished()
    with world.database.reading() as session:
        kept = session.scalars(sa.text("SELECT ref FROM download_month month JOIN book ON book.id = month.book_id"))
        (other,) = set(BOOKS) - {entry.book}
        assert list(kept) == [other, other]


def stored_leaves_of(session, index: int) -> bytes:
    return session.scalars(sa.text("SELECT leaf FROM log_leaf WHERE log_index = :index"), {"index": index}).one()


def _with_more(leaf: bytes) -> bytes:
    said = json.loads(leaf)
    said["legs"][0][2] = str(int(said["legs"][0][2]) + 1)
    return json.dumps(said, separators=(",", ":"), sort_keys=True).encode()
