"""A platform's file: every row has its verdict first, then it is entered and confirmed as one, and only once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text

from donate import clock, sequencer
from donate.db import Database, Role, bind, reading, transaction
from donate.giving import checks, recorded, recorded_batch
from donate.giving.other_money import OtherMoneyUnsaid
from donate.giving.recorded_batch import JudgedFile, Verdict
from donate.giving.recorded_models import RecordedBatch, RecordedDonation, RecordedState
from donate.ledger.checks import run_checks
from donate.ledger.journal import UnknownAccount
from tests.giving import factories as make
from tests.giving import recorded_factories as factory

GOOD = ("A-1,15.00,2026-11-20,yunxi,阿敏,yes", "A-2,300,2026/11/20,yunxi,,", "A-3,6.5,2026-11-21,yunxi,李四,no")


def judged(batch: RecordedBatch) -> JudgedFile:
    with reading() as session:
        return recorded_batch.judge(session, recorded_batch.batch_by_public_id(session, batch.public_id))


def verdicts(*rows: str) -> list[Verdict]:
    return [one.verdict for one in judged(factory.uploaded(factory.platform_file(*rows))).rows]


def count(table: str) -> int:
    with reading() as session:
        found: int = session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
        return found


def test_looking_a_file_through_writes_no_donation(database: Database) -> None:
    factory.raising()
    assert verdicts(*GOOD) == [Verdict.NEW] * 3
    assert (count("recorded_donation"), count("entry")) == (0, 0)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",15,2026-11-20,yunxi,,", "Write the number"),
        ("--,15,2026-11-20,yunxi,,", "Write the number"),
        ("1,,2026-11-20,yunxi,,", "Write the amount"),
        ("1,0,2026-11-20,yunxi,,", "Write the amount"),
        ("1,-5,2026-11-20,yunxi,,", "is not an amount"),
        ("1,1e3,2026-11-20,yunxi,,", "is not an amount"),
        ("1,=1+1,2026-11-20,yunxi,,", "is not an amount"),
        ("1,15.005,2026-11-20,yunxi,,", "decimal places"),
        ("1,15,20-11-2026,yunxi,,", "is no date"),
        ("1,15,2026-02-30,yunxi,,", "is no date"),
        ("1,15,11/20/2026,yunxi,,", "is no date"),
        ("1,15,2999-01-01,yunxi,,", "has not come yet"),
        ("1,15,1026-11-20,yunxi,,", "before the year 2000"),
        ("1,15,2026-11-20,noise,,", "is no campaign of this host"),
        ("1,15,2026-11-20,,,", "is no campaign of this host"),
        ("1,15,2026-11-20,yunxi,张三,maybe", "neither yes nor no"),
        ("1,15,2026-11-20,yunxi," + "长" * 61 + ",", "at most 60"),
    ],
)
def test_a_bad_row_says_why_and_hinders_no_other(database: Database, row: str, reason: str) -> None:
    factory.raising()
    found = judged(factory.uploaded(factory.platform_file(GOOD[0], row, GOOD[1])))
    assert [one.verdict for one in found.rows] == [Verdict.NEW, Verdict.BAD, Verdict.NEW]
    assert reason in str(found.rows[1].error)


def test_the_same_file_again_changes_nothing(database: Database) -> None:
    factory.raising()
    content = factory.platform_file(*GOOD)
    factory.confirm_batch(factory.enter_batch(factory.uploaded(content)))
    again = factory.uploaded(content, source="腾讯 公益")
    assert [one.verdict for one in judged(again).rows] == [Verdict.SEEN] * 3
    with pytest.raises(recorded_batch.NothingToEnter):
        factory.enter_batch(again)
    assert (count("recorded_donation"), count("entry")) == (3, 3)


def test_what_differs_from_before_is_shown_with_what_stands_and_not_entered(database: Database) -> None:
    factory.raising()
    factory.enter_batch(factory.uploaded(factory.platform_file(*GOOD)))
    changed = factory.uploaded(factory.platform_file(GOOD[0], "a 2,301,2026-11-20,yunxi,,", "A-4,1,2026-11-20,yunxi,,"))
    found = judged(changed)
    assert [one.verdict for one in found.rows] == [Verdict.SEEN, Verdict.DIFFERS, Verdict.NEW]
    assert found.rows[1].before == (30_000, date(2026, 11, 20), "yunxi")
    assert (factory.enter_batch(changed).donation_count, count("recorded_donation")) == (1, 4)


def test_a_number_that_stands_twice_in_one_file_is_entered_once(database: Database) -> None:
    factory.raising()
    assert verdicts(GOOD[0], GOOD[0], "A-1,16,2026-11-20,yunxi,,") == [Verdict.NEW, Verdict.SEEN, Verdict.DIFFERS]


def test_another_platforms_equal_numbers_are_named_and_booked_only_with_a_reason(database: Database) -> None:
    factory.raising()
    factory.confirm_batch(factory.enter_batch(factory.uploaded(factory.platform_file(*GOOD))))
    rows = (GOOD[0], "B-9,1,2026-11-20,yunxi,,")
    other = factory.uploaded(factory.platform_file(*rows), source="水滴公益")
    found = judged(other)
    assert [one.verdict for one in found.rows] == [Verdict.ELSEWHERE, Verdict.NEW]
    assert (len(found.new), [one.row.line for one in found.unclear]) == (2, [2])
    factory.enter_batch(other)
    with pytest.raises(OtherMoneyUnsaid):
        factory.confirm_batch(other)
    factory.confirm_batch(other, other_money="水滴自己的订单号")
    with reading() as session:
        statement = "SELECT reference, other_money FROM recorded_donation WHERE source = '水滴公益' ORDER BY id"
        said = [tuple(row) for row in session.execute(text(statement))]
        wrong = [result.name for result in run_checks(session, checks.GIVING_CHECKS) if not result.is_ok]
    assert said == [("A-1", "水滴自己的订单号"), ("B-9", "")]
    assert (count("entry"), wrong) == (5, [])


def test_one_platform_is_one_source_whatever_it_is_called(database: Database) -> None:
    factory.raising()
    content = factory.platform_file(*GOOD)
    factory.enter_batch(factory.uploaded(content))
    again = factory.uploaded(content, source="腾讯公益平台")
    assert [one.verdict for one in judged(again).rows] == [Verdict.SEEN] * 3


def test_a_confirmed_batch_is_booked_whole_with_the_files_hash(database: Database) -> None:
    factory.raising()
    batch = factory.confirm_batch(factory.enter_batch(factory.uploaded(factory.platform_file(*GOOD))))
    assert sorted(entry.amount_minor for entry in make.booked()) == [650, 1500, 30_000]
    with reading() as session:
        documents = session.scalars(text("SELECT DISTINCT document_sha256 FROM entry")).all()
        names = session.scalars(text("SELECT name FROM recorded_private ORDER BY name")).all()
        shown = session.scalars(text("SELECT reference FROM recorded_donation WHERE name_is_public")).all()
    assert ([bytes(one) for one in documents], names, shown) == ([batch.file_sha256], ["李四", "阿敏"], ["A-1"])
    assert (batch.state, factory.available()) == (RecordedState.CONFIRMED, 32_150)


def test_who_uploaded_a_batch_cannot_confirm_it_and_nobody_else_enters_it(database: Database) -> None:
    factory.raising()
    batch = factory.uploaded(factory.platform_file(*GOOD), by=901)
    with pytest.raises(recorded_batch.OthersUpload):
        factory.enter_batch(batch, by=902)
    factory.enter_batch(batch, by=901)
    with pytest.raises(recorded.OwnEntry):
        factory.confirm_batch(batch, by=901)
    assert make.booked() == []


def test_a_row_of_a_batch_is_not_decided_by_itself(database: Database) -> None:
    factory.raising()
    batch = factory.enter_batch(factory.uploaded(factory.platform_file(*GOOD)))
    for step in (recorded.confirm, lambda *a, by: recorded.decline(*a, by=by, reason="x")):
        with pytest.raises(recorded.DecidedAsBatch), transaction() as session:
            step(session, session.scalars(select(RecordedDonation).filter_by(batch_id=batch.id)).all()[0], by=902)


@pytest.mark.parametrize("step", [factory.enter_batch, factory.confirm_batch])
def test_pressed_by_several_at_once_it_happens_once(database: Database, step: Callable[..., RecordedBatch]) -> None:
    factory.raising()
    batch = factory.uploaded(factory.platform_file(*GOOD))
    if step is factory.confirm_batch:
        factory.enter_batch(batch)

    def press(_: int) -> None:
        bind(database)
        step(batch)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(press, range(6)))
    assert (count("recorded_donation"), count("entry")) == (3, 3 if step is factory.confirm_batch else 0)


def test_two_uploads_of_one_file_entered_at_once_enter_each_row_once(database: Database) -> None:
    factory.raising()
    content = factory.platform_file(*(f"R{number},1,2026-11-20,yunxi,," for number in range(200)))
    batches = [factory.uploaded(content, by=by) for by in (901, 902)]

    def enter(batch: RecordedBatch) -> int:
        bind(database)
        try:
            return factory.enter_batch(batch, by=batch.uploaded_by).donation_count
        except recorded_batch.NothingToEnter:
            return 0

    with ThreadPoolExecutor(2) as threads:
        entered = list(threads.map(enter, batches))
    assert (sum(entered), count("recorded_donation")) == (200, 200)


def test_a_declined_batch_may_be_entered_anew(database: Database) -> None:
    factory.raising()
    content = factory.platform_file(*GOOD)
    batch = factory.enter_batch(factory.uploaded(content))
    with transaction() as session:
        recorded_batch.decline_batch(session, session.get_one(RecordedBatch, batch.id), by=901, reason="少了一页")
    assert factory.enter_batch(factory.uploaded(content)).donation_count == 3
    with pytest.raises(recorded.DecidedAlready):
        factory.confirm_batch(batch)


def test_a_failing_row_undoes_the_whole_batch(database: Database) -> None:
    factory.raising()
    batch = factory.enter_batch(factory.uploaded(factory.platform_file(*GOOD)))
    with transaction(Role.OWNER) as session:  # the last row's campaign has lost its fund's account
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE recorded_donation SET campaign_ref = 'lost' WHERE reference = 'A-3'"))
    with pytest.raises(UnknownAccount):
        factory.confirm_batch(batch)
    assert (make.booked(), factory.available()) == ([], 0)


def test_an_erased_file_leaves_its_donations(database: Database) -> None:
    factory.raising()
    batch = factory.enter_batch(factory.uploaded(factory.platform_file(*GOOD)))
    with transaction(Role.ERASER) as session:
        recorded_batch.forget_file(session, batch.id)
    with pytest.raises(recorded_batch.FileErased), reading() as session:
        recorded_batch.file_of(session, batch)
    factory.confirm_batch(batch)
    assert len(make.booked()) == 3


def test_a_batch_entered_a_day_after_its_upload_means_what_was_shown(database: Database) -> None:
    factory.raising()
    tomorrow = (clock.today("Asia/Shanghai") + timedelta(days=1)).isoformat()
    batch = factory.uploaded(factory.platform_file(GOOD[0], f"T,1,{tomorrow},yunxi,,"))
    with clock.frozen_at(clock.now() + timedelta(days=2)):
        assert [one.verdict for one in judged(batch).rows] == [Verdict.NEW, Verdict.BAD]


@pytest.mark.long
def test_ten_thousand_rows_are_one_batch(database: Database) -> None:
    factory.raising()
    rows = [
        f"T{number:06d},{number % 97 + 1}.{number % 100:02d},2026-11-20,yunxi,张{number},no" for number in range(10_000)
    ]
    content = factory.platform_file(*rows)
    took = {}
    began = time.perf_counter()
    batch = factory.uploaded(content)
    found = judged(batch)
    took["upload and verdicts"] = time.perf_counter() - began
    began = time.perf_counter()
    factory.enter_batch(batch)
    took["enter"] = time.perf_counter() - began
    began = time.perf_counter()
    batch = factory.confirm_batch(batch)
    took["confirm"] = time.perf_counter() - began
    print({step: f"{seconds:.1f} s" for step, seconds in took.items()})
    assert found.counts == {Verdict.NEW: 10_000}
    assert (count("entry"), batch.donation_count) == (10_000, 10_000)
    assert factory.available() == batch.amount_minor == found.new_minor
    sequencer.drain(database)
    with reading() as session:
        assert [result.name for result in run_checks(session, checks.ALL_CHECKS) if not result.is_ok] == []
    assert sum(took.values()) < 60
