from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from donate.db import Database
from donate.ledger import journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg
from donate.tlog.leaf import MAX_LEGS
from tests.ledger.factories import donation, open_book


@pytest.fixture
def book_id(database: Database) -> int:
    with database.transaction() as session:
        open_book(session)  # noise
        return open_book(session)


def count_of(database: Database, table: str) -> int:
    with database.reading() as session:
        return session.scalar(text(f"SELECT count(*) FROM {table}")) or 0


def test_an_entry_is_booked_with_its_legs_salt_and_place_in_the_queue(database, book_id):
    with database.transaction() as session:
        (posted,) = journal.post(session, [donation(book_id, private={"donor": "小满"}, note="给三年级")])
    assert posted.is_new
    with database.reading() as session:
        row = session.execute(
            text(
                "SELECT octet_length(salt), fields->>'donor', note, octet_length(note_sha256), amount_minor, "
                "(SELECT count(*) FROM entry_pending) FROM entry JOIN entry_private ON entry_id = entry.id "
                "JOIN transfer ON transfer.entry_id = entry.id WHERE entry.id = :id"
            ),
            {"id": posted.entry_id},
        ).one()
    assert tuple(row) == (32, "小满", "给三年级", 32, 1500, 1)


def test_the_same_fact_again_answers_with_the_first_result(database, book_id):
    entry = donation(book_id)
    with database.transaction() as session:
        (first,) = journal.post(session, [entry])
    with database.transaction() as session:
        (again,) = journal.post(session, [replace(entry, effective_on=date(2026, 11, 24))])
    assert (again.entry_id, again.is_new) == (first.entry_id, False)
    assert count_of(database, "transfer") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"legs": (Leg(debit="clearing", credit="fund:rice", amount_minor=1501),)},
        {"legs": (Leg(debit="clearing", credit="fund:soup", amount_minor=1500),)},
        {"campaign": "soup"},
        {"reason": Reason.RECORDED_DONATION},
        {"reference": "pi_other"},
        {"document_sha256": bytes(32)},
    ],
)
def test_the_same_key_with_other_content_is_refused_and_writes_nothing(database, book_id, change):
    entry = donation(book_id)
    with database.transaction() as session:
        journal.post(session, [entry])
    with pytest.raises(journal.ExistsWithDifferentContent), database.transaction() as session:
        journal.post(session, [donation(book_id), replace(entry, **change)])
    assert count_of(database, "entry") == 1


def test_twins_in_one_call_are_one_entry_or_refused(database, book_id):
    entry = donation(book_id)
    with database.transaction() as session:
        first, twin = journal.post(session, [entry, entry])
    assert first.entry_id == twin.entry_id
    with pytest.raises(journal.ExistsWithDifferentContent), database.transaction() as session:
        other = donation(book_id)
        journal.post(session, [other, replace(other, campaign="soup")])


def test_one_key_in_two_books_is_two_entries(database, book_id):
    with database.transaction() as session:
        other = open_book(session)
        first, second = journal.post(
            session, [donation(book_id, idempotency_key="same"), donation(other, idempotency_key="same")]
        )
    assert first.entry_id != second.entry_id


def test_answers_come_in_the_order_of_the_call(database, book_id):
    entries = [donation(book_id, idempotency_key=key) for key in ("c", "a", "b")]
    with database.transaction() as session:
        posted = journal.post(session, entries)
    with database.reading() as session:
        ids = dict(session.execute(text("SELECT idempotency_key, id FROM entry")).all())
    assert [ids["c"], ids["a"], ids["b"]] == [row.entry_id for row in posted]


def test_a_code_without_an_account_is_refused(database, book_id):
    legs = (Leg(debit="clearing", credit="fund:unknown", amount_minor=1),)
    with pytest.raises(journal.UnknownAccount), database.transaction() as session:
        journal.post(session, [donation(book_id, legs=legs)])
    assert count_of(database, "entry") == 0


@pytest.mark.parametrize(
    "change",
    [
        {"legs": ()},
        {"legs": (Leg(debit="clearing", credit="fund:rice", amount_minor=1),) * (MAX_LEGS + 1)},
        {"legs": (Leg(debit="clearing", credit="fund:rice", amount_minor=0),)},
        {"legs": (Leg(debit="clearing", credit="fund:rice", amount_minor=-1),)},
        {"legs": (Leg(debit="clearing", credit="fund:rice", amount_minor=10**15 + 1),)},
        {"idempotency_key": ""},
        {"idempotency_key": "k" * 121},
        {"idempotency_key": "捐"},
        {"reference": "r" * 81},
        {"note": "n" * 2001},
        {"private": {"name": "n" * 9000}},
        {"reason": Reason.REVERSAL},
    ],
)
def test_what_breaks_a_bound_is_refused(database, book_id, change):
    with pytest.raises(journal.EntryNotBookable), database.transaction() as session:
        journal.post(session, [donation(book_id, **change)])


def test_an_account_cannot_pay_itself(database, book_id):
    legs = (Leg(debit="bank", credit="bank", amount_minor=1),)
    with pytest.raises(IntegrityError, match="two_accounts"), database.transaction() as session:
        journal.post(session, [donation(book_id, legs=legs)])


def test_a_transfer_across_books_is_impossible(database, book_id):
    with database.transaction() as session:
        other = open_book(session)
        (posted,) = journal.post(session, [donation(book_id)])
    with pytest.raises(IntegrityError, match="transfer_credit_id_book_id_fkey"), database.transaction() as session:
        session.execute(
            text(
                "INSERT INTO transfer SELECT :entry, 9, :book, debit.id, credit.id, 5 FROM account debit, account credit "
                "WHERE debit.book_id = :book AND debit.code = 'bank' "
                "AND credit.book_id = :other AND credit.code = 'general'"
            ),
            {"entry": posted.entry_id, "book": book_id, "other": other},
        )


def test_a_reversal_turns_the_legs_round(database, book_id):
    with database.transaction() as session:
        (posted,) = journal.post(session, [donation(book_id)])
        reversal = journal.reverse(
            session,
            book_id=book_id,
            entry_id=posted.entry_id,
            idempotency_key="reversal:1",
            effective_on=date(2026, 11, 24),
            note="booked to the wrong campaign",
        )
    with database.reading() as session:
        sides = session.execute(text("SELECT debit_id, credit_id, amount_minor FROM transfer ORDER BY entry_id")).all()
    assert reversal.is_new
    assert (sides[0][0], sides[0][1]) == (sides[1][1], sides[1][0])


def reverse(session, book_id, entry_id, key):
    return journal.reverse(
        session,
        book_id=book_id,
        entry_id=entry_id,
        idempotency_key=key,
        effective_on=date(2026, 11, 24),
        note="why",
    )


def test_an_entry_is_reversed_once(database, book_id):
    with database.transaction() as session:
        (posted,) = journal.post(session, [donation(book_id)])
        first = reverse(session, book_id, posted.entry_id, "reversal:1")
    with database.transaction() as session:
        assert reverse(session, book_id, posted.entry_id, "reversal:1").entry_id == first.entry_id
    with pytest.raises(journal.AlreadyReversed), database.transaction() as session:
        reverse(session, book_id, posted.entry_id, "reversal:2")


def test_a_reversal_of_a_reversal_is_refused(database, book_id):
    with database.transaction() as session:
        (posted,) = journal.post(session, [donation(book_id)])
        reversal = reverse(session, book_id, posted.entry_id, "reversal:1")
        with pytest.raises(journal.ReversalOfReversal):
            reverse(session, book_id, reversal.entry_id, "reversal:2")


def test_an_entry_of_another_book_is_not_found(database, book_id):
    with database.transaction() as session:
        other = open_book(session)
        (posted,) = journal.post(session, [donation(other)])
        with pytest.raises(journal.NoSuchEntry):
            reverse(session, book_id, posted.entry_id, "reversal:1")


def test_concurrent_batches_that_share_keys_book_each_once(database, book_id):
    keys = [f"shared:{number}" for number in range(60)]

    def book(worker: int) -> int:
        order = keys[worker:] + keys[:worker]
        with database.transaction() as session:
            posted = journal.post(session, [donation(book_id, idempotency_key=key) for key in order])
        return sum(row.is_new for row in posted)

    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(book, range(0, 48, 6)))
    assert sum(new) == 60
    assert count_of(database, "entry") == 60


def test_effective_days_are_kept_as_given(database, book_id):
    yesterday = date(2026, 11, 23) - timedelta(days=1)
    with database.transaction() as session:
        (posted,) = journal.post(session, [donation(book_id, effective_on=yesterday)])
        day = session.scalar(text("SELECT effective_on FROM entry WHERE id = :id"), {"id": posted.entry_id})
    assert day == yesterday
