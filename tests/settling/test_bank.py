"""The bank's statement: read, kept once, matched with the books, and said by hand what the rest is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import text

from donate import clock
from donate.db import Role, transaction
from donate.settling import bank
from donate.settling.bank import LineAlreadyMatched, LineNotMatched, NoSuchMatch, NoteNeeded
from donate.settling.bank_forms import (
    StatementAmountMissing,
    StatementAmountUnreadable,
    StatementDayUnreadable,
    StatementUnreadable,
    read_statement,
    sample,
)
from donate.settling.bank_matching import candidates, match_waiting
from donate.settling.bank_models import BankLine, BankLinePrivate, BankMatch
from tests.giving import factories as giving
from tests.giving import recorded_factories as recording
from tests.settling import factories as make

HEADER = "day,amount,reference,number,words"


@pytest.fixture(autouse=True)
def _raising(database):
    giving.raising()
    giving.noise()


def by_hand(line: BankLine, subject: str, note: str = "seen on the slip") -> None:
    with transaction() as session:
        bank.match_by_hand(session, session.get_one(BankLine, line.id), subject, by=903, note=note)


def say(line: BankLine, what: BankMatch, note: str = "") -> None:
    with transaction() as session:
        bank.say(session, session.get_one(BankLine, line.id), what, by=903, note=note)


def take_back(line: BankLine, note: str = "wrong line") -> None:
    with transaction() as session:
        bank.take_back(session, session.get_one(BankLine, line.id), by=904, note=note)


def test_its_sample_can_be_read():
    rows = read_statement(sample(), "CNY")
    assert [(row.amount_minor, row.running_number) for row in rows] == [
        (1491, "88210001"),
        (20_000, "88210002"),
        (-1200, "88210003"),
    ]


@pytest.mark.parametrize(
    ("content", "amounts"),
    [
        ("日期,收入,支出\n2026年11月3日,15.00,\n20261104,,2.50\n", [1500, -250]),
        ("交易日期,金额,流水号\n2026/11/03 10:00,−2.50,7\n", [-250]),
        ("day,in,out\n2026-11-03,0.00,0.00\n2026-11-03,1.00,0.00\n", [100]),
    ],
)
def test_it_is_read_as_banks_write_it(content, amounts):
    assert [row.amount_minor for row in read_statement(content.encode("gb18030"), "CNY")] == amounts


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (f"{HEADER}\n2026-02-31,1.00,,,\n", StatementDayUnreadable),
        (f"{HEADER}\n2026-11-03,1.005,,,\n", StatementAmountUnreadable),
        (f"{HEADER}\n2026-11-03,1.00\n", StatementUnreadable),
        ("day,words\n2026-11-03,fee\n", StatementAmountMissing),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(content, error):
    with pytest.raises(error):
        read_statement(content.encode(), "CNY")


def test_two_uploads_of_one_file_change_nothing(settings):
    content = f"{HEADER}\n2026-11-03,-12.00,,,Account fee\n2026-11-03,-12.00,,,Account fee\n".encode()
    first = make.upload(*read_statement(content, "CNY"))
    again = make.upload(*read_statement(content, "CNY"))
    assert (first.new_count, again.new_count) == (2, 0)
    assert len(make.bank_lines()) == 2


def test_two_files_may_overlap(settings):
    shared = make.row(amount_minor=-1200)
    make.upload(shared, make.row(amount_minor=-300))
    assert make.upload(make.row(amount_minor=-400), shared).new_count == 1
    assert len(make.bank_lines()) == 3


def test_a_settlement_is_known_by_its_reference(settings):
    make.sent_to_bank(settings)
    later = clock.now().date() + timedelta(days=20)
    make.upload(make.row(reference="STRIPE SBX1", booked_on=later))
    assert make.said() == [None]  # four characters may stand in a longer reference by chance
    make.upload(make.row(reference="sbx-1", booked_on=later))
    assert make.said() == [None, "settlement"]


def test_without_a_reference_the_only_one_of_those_days_is_matched(settings, database):
    make.sent_to_bank(settings)
    make.upload(make.row(booked_on=clock.now().date() + timedelta(days=2)))
    assert make.said() == ["settlement"]
    assert "bank_lines_match_the_ledger" not in make.failing(database)


def test_a_line_with_another_reference_is_never_matched_by_its_amount(settings):
    made = recording.confirmed(amount_minor=20_000, reference="JZ20261123-7", received_on=clock.now().date())
    make.upload(make.row(amount_minor=20_000, reference="ZZ99999999-1", words="another donor entirely"))
    assert make.said() == [None]
    make.upload(make.row(amount_minor=20_000))  # a line without a reference is no rival's
    assert make.said() == [None, "recorded_donation"]
    take_back(make.bank_lines()[1])
    by_hand(make.bank_lines()[0], f"recorded_donation {made.public_id}")  # a person may know better
    assert make.said() == ["recorded_donation", None]


@pytest.mark.parametrize("reference", ["-", " ", "***"])
def test_a_reference_without_a_letter_or_figure_is_none(settings, reference):
    make.sent_to_bank(settings)
    make.upload(make.row(reference=reference))
    assert make.said() == ["settlement"]


def test_of_two_lines_that_could_be_it_none_is_chosen(settings):
    make.sent_to_bank(settings)
    make.upload(make.row(), make.row())
    assert make.said() == [None, None]


def test_a_line_that_could_be_two_things_is_left_to_a_person(settings):
    for _ in range(2):
        recording.confirmed(amount_minor=1491, received_on=clock.now().date())
    make.upload(make.row())
    assert make.said() == [None]


def test_a_line_far_away_in_time_is_left_to_a_person(settings):
    make.sent_to_bank(settings)
    make.upload(make.row(booked_on=clock.now().date() + timedelta(days=6)))
    assert make.said() == [None]


def test_a_recorded_donation_is_known_by_its_reference(settings):
    made = recording.confirmed(amount_minor=20_000, reference="JZ20261123-7")
    recording.confirmed(amount_minor=20_000)
    make.upload(make.row(amount_minor=20_000, words="捐款 JZ20261123-7 学校午餐"))
    assert [line.subject for line in make.bank_lines()] == [str(made.public_id)]


def test_what_was_booked_after_the_upload_is_matched_then(settings):
    make.upload(make.row(amount_minor=20_000, booked_on=recording.DAY))
    assert make.said() == [None]
    recording.confirmed(amount_minor=20_000)
    make.run(settings)
    assert make.said() == ["recorded_donation"]


def test_lines_of_another_host_are_never_matched_with_ours(settings):
    make.sent_to_bank(settings)
    make.upload(make.row(reference="SBX1"), ref="noise")
    assert make.said() == [None]
    with pytest.raises(NoSuchMatch):
        by_hand(make.bank_lines()[0], "settlement po_1")


def test_a_line_of_another_amount_than_its_settlement_is_refused(settings):
    make.sent_to_bank(settings)
    make.upload(make.row(amount_minor=1490, reference="SBX1"))
    assert make.said() == [None]
    with pytest.raises(NoSuchMatch):
        by_hand(make.bank_lines()[0], "settlement po_1")
    assert make.said() == [None]


def test_by_hand_it_keeps_who_and_why(settings):
    make.sent_to_bank(settings)
    make.upload(make.row(), make.row())
    line = make.bank_lines()[0]
    with pytest.raises(NoteNeeded):
        by_hand(line, "settlement po_1", note=" ")
    by_hand(line, "settlement po_1")
    (matched, waiting) = make.bank_lines()
    assert (matched.met, matched.subject, matched.met_by, waiting.met) == ("settlement", "po_1", 903, None)
    with transaction() as session:
        assert session.get_one(BankLinePrivate, line.id).note == "seen on the slip"
    with pytest.raises(NoSuchMatch):
        by_hand(waiting, "settlement po_1")


def test_a_bank_charge_and_interest_are_booked_once(settings, database):
    make.upload(make.row(amount_minor=-1200), make.row(amount_minor=33))
    charge, interest = make.bank_lines()
    say(charge, BankMatch.BANK_CHARGE)
    say(interest, BankMatch.INTEREST)
    with pytest.raises(LineAlreadyMatched):
        say(charge, BankMatch.BANK_CHARGE)
    assert giving.booked() == [
        giving.Booked("bank_charge", None, "bank_charges", "bank", 1200),
        giving.Booked("interest", None, "bank", "interest", 33),
    ]
    assert make.failing(database) == []


def test_something_else_wants_a_note(settings):
    make.upload(make.row())
    (line,) = make.bank_lines()
    with pytest.raises(NoteNeeded):
        say(line, BankMatch.EXPLAINED)
    say(line, BankMatch.EXPLAINED, note="the deposit of a cooperative, sent back tomorrow")
    assert (make.said(), giving.booked()) == (["explained"], [])


def test_what_was_said_by_mistake_is_taken_back_and_its_entry_reversed(settings, database):
    make.upload(make.row(amount_minor=-1200))
    (line,) = make.bank_lines()
    with pytest.raises(LineNotMatched):
        take_back(line)
    say(line, BankMatch.BANK_CHARGE)
    take_back(line)
    assert make.said() == [None]
    assert make.balance_of("bank") == 0
    say(line, BankMatch.BANK_CHARGE)
    assert make.balance_of("bank") == -1200
    assert make.failing(database) == []


def test_what_a_person_took_back_is_not_matched_by_itself_again(settings):
    make.sent_to_bank(settings)
    make.upload(make.row())
    take_back(make.bank_lines()[0])
    with transaction() as session:
        assert match_waiting(session, make.bank_lines()[0].book_id) == 0
        assert [one.subject for one in candidates(session, make.bank_lines()[0].book_id)] == ["po_1"]


def at_once(*acts: Callable[[], None]) -> list[str]:
    """What becomes of acts that several people begin in the same moment, sorted."""
    together = Barrier(len(acts))

    def person(act: Callable[[], None]) -> str:
        together.wait()
        try:
            act()
        except (LineAlreadyMatched, NoSuchMatch):
            return "too late"
        return "done"

    with ThreadPoolExecutor(len(acts)) as people:
        return sorted(people.map(person, acts))


def test_two_people_at_once_say_it_of_one_line_once(settings, database):
    make.upload(make.row(amount_minor=-1200))
    (line,) = make.bank_lines()

    def act() -> None:
        with database.transaction() as session:
            bank.say(session, session.get_one(BankLine, line.id), BankMatch.BANK_CHARGE, by=903, note="")

    assert at_once(act, act) == ["done", "too late"]
    assert [entry.amount_minor for entry in giving.booked()] == [1200]


def test_two_people_at_once_match_two_lines_with_one_settlement_once(settings, database):
    make.sent_to_bank(settings)
    make.upload(make.row(), make.row())

    def act(line: BankLine) -> None:
        with database.transaction() as session:
            bank.match_by_hand(session, session.get_one(BankLine, line.id), "settlement po_1", by=903, note="seen")

    first, second = make.bank_lines()
    assert at_once(partial(act, first), partial(act, second)) == ["done", "too late"]
    assert sorted(map(str, make.said())) == ["None", "settlement"]


@pytest.mark.parametrize(
    "fault",
    [
        "UPDATE bank_line SET amount_minor = amount_minor + 1 WHERE met = 'settlement'",
        "UPDATE bank_line SET amount_minor = amount_minor + 1 WHERE met = 'bank_charge'",
        "UPDATE bank_line SET amount_minor = amount_minor + 1 WHERE met = 'recorded_donation'",
        "UPDATE recorded_donation SET state = 'reversed'",
        "UPDATE bank_line SET entry_id = NULL WHERE met = 'bank_charge'",
        "UPDATE settlement SET entry_id = NULL",
    ],
)
def test_a_matched_line_that_the_ledger_does_not_hold_is_found(settings, database, fault):
    make.sent_to_bank(settings)
    recording.confirmed(amount_minor=20_000, reference="JZ20261123-7")
    make.upload(make.row(), make.row(amount_minor=20_000, reference="JZ20261123-7"), make.row(amount_minor=-1200))
    say(make.bank_lines()[2], BankMatch.BANK_CHARGE)
    assert make.said() == ["settlement", "recorded_donation", "bank_charge"]
    assert "bank_lines_match_the_ledger" not in make.failing(database)
    with database.transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(fault))
    assert "bank_lines_match_the_ledger" in make.failing(database)
