"""Passes: numbers, order, open lines, totals, receipt numbers."""

from datetime import date

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError
from structlog.testing import capture_logs

from donate.db import Database, Role
from donate.ledger import books, checks, journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg
from donate.publiclog import queue
from donate.sequencer import drain, log_order, run_pass
from donate.tlog.leaf import EntryLeaf, OpenAccount, OpenBook, OpenCampaign, decode, leaf_hash
from tests.ledger.factories import donation, open_book


@pytest.fixture
def book_id(database: Database) -> int:
    with database.transaction() as session:
        open_book(session)  # noise
        return open_book(session)


def leaves(database: Database) -> list:
    with database.reading() as session:
        rows = session.execute(sa.text("SELECT log_index, leaf, leaf_hash FROM log_leaf ORDER BY log_index")).all()
    found = [decode(leaf) for _, leaf, _ in rows]
    assert [leaf.seq for leaf in found] == [log_index for log_index, _, _ in rows] == list(range(len(rows)))
    assert all(hash_ == leaf_hash(leaf) for _, leaf, hash_ in rows)
    return found


def test_the_books_pass_all_checks_after_a_drain(database: Database, book_id: int) -> None:
    with database.transaction() as session:
        journal.post(session, [donation(book_id) for _ in range(50)])
    assert drain(database) == 50
    with database.reading() as session:
        assert [result for result in checks.run_checks(session) if not result.is_ok] == []


def post(database: Database, *entries) -> list[int]:
    with database.transaction() as session:
        return [posted.entry_id for posted in journal.post(session, entries)]


def reverse(database: Database, book_id: int, entry_id: int) -> None:
    with database.transaction() as session:
        journal.reverse(
            session,
            book_id=book_id,
            entry_id=entry_id,
            idempotency_key=f"reversal:{entry_id}",
            effective_on=date(2026, 11, 24),
            note="booked twice",
        )


def fee(book_id: int, amount_minor: int = 9):
    legs = (Leg(debit="fund:rice", credit="clearing", amount_minor=amount_minor),)
    return donation(book_id, reason=Reason.PROCESSING_FEE, legs=legs)


def campaign_total(database: Database, campaign: str) -> dict[str, int]:
    with database.reading() as session:
        row = session.execute(sa.text("SELECT * FROM campaign_total WHERE campaign = :c"), {"c": campaign}).one()
        return dict(row._mapping)


def test_what_an_entry_uses_is_opened_before_it_and_once(database: Database, book_id: int) -> None:
    post(database, donation(book_id), donation(book_id))
    run_pass(database)
    post(database, donation(book_id), fee(book_id))
    run_pass(database)
    kinds = [type(leaf) for leaf in leaves(database)]
    entry = EntryLeaf
    assert kinds == [OpenBook, OpenAccount, OpenAccount, OpenCampaign, entry, entry, entry, entry]


def test_a_reversal_names_the_number_of_what_it_reverses(database: Database, book_id: int) -> None:
    _, second = post(database, donation(book_id), fee(book_id))
    run_pass(database)
    reverse(database, book_id, second)
    run_pass(database)
    *earlier, reversal = leaves(database)
    assert [leaf.seq for leaf in earlier if isinstance(leaf, EntryLeaf) and leaf.reason == "processing_fee"] == [
        reversal.rev
    ]
    assert reversal.legs == (("clearing", "fund:rice", 9),)
    assert reversal.note is not None


def test_a_reversal_in_the_same_pass_follows_what_it_reverses(database: Database, book_id: int) -> None:
    ids = post(database, *(donation(book_id) for _ in range(20)))
    for entry_id in ids:
        reverse(database, book_id, entry_id)
    run_pass(database)
    reversals = [leaf for leaf in leaves(database) if isinstance(leaf, EntryLeaf) and leaf.rev is not None]
    assert len(reversals) == 20
    assert all(leaf.rev < leaf.seq for leaf in reversals)


def test_an_original_that_was_committed_late_is_numbered_before_its_reversal(database: Database, book_id: int) -> None:
    (late,) = post(database, donation(book_id))
    post(database, donation(book_id))
    with database.transaction(Role.OWNER) as session:  # as if the first transaction had not been committed yet
        session.execute(sa.text("DELETE FROM entry_pending WHERE entry_id = :id"), {"id": late})
    run_pass(database)
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("INSERT INTO entry_pending VALUES (:id)"), {"id": late})
    reverse(database, book_id, late)
    assert run_pass(database).entry_count == 2
    *_, original, reversal = leaves(database)
    assert reversal.rev == original.seq


def test_a_late_commit_below_the_floor_waits_for_a_sweep(database: Database, book_id: int) -> None:
    late = min(post(database, donation(book_id), donation(book_id)))  # entries of one call come in the order of keys
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("DELETE FROM entry_pending WHERE entry_id = :id"), {"id": late})
    run_pass(database)
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("INSERT INTO entry_pending VALUES (:id)"), {"id": late})
    assert run_pass(database).entry_count == 0
    assert run_pass(database, sweep=True).entry_count == 1


def test_donations_are_shuffled_and_stand_before_what_spends_them(database: Database, book_id: int) -> None:
    amounts = list(range(100, 160))
    entries = []
    for amount in amounts:
        entries.append(fee(book_id, amount_minor=1))
        entries.append(donation(book_id, legs=(Leg(debit="clearing", credit="fund:rice", amount_minor=amount),)))
    post(database, *entries)
    run_pass(database)
    logged = [leaf for leaf in leaves(database) if isinstance(leaf, EntryLeaf)]
    assert [leaf.reason for leaf in logged] == ["donation"] * 60 + ["processing_fee"] * 60
    order = [leaf.legs[0].amount_minor for leaf in logged[:60]]
    assert order != amounts
    assert sorted(order) == amounts


def test_without_a_shuffle_the_order_is_that_of_booking_within_each_group(database: Database, book_id: int) -> None:
    ids = post(database, fee(book_id), donation(book_id), donation(book_id, reason=Reason.JAR_FILLED), fee(book_id))
    with database.transaction(Role.SEQUENCER) as session:
        batch = queue.read(session, floor=0, at_most=10)
    assert [entry.id for entry in log_order(batch, shuffle=lambda group: None)] == [ids[1], ids[2], ids[0], ids[3]]


def test_totals_count_by_reason_and_a_reversal_takes_back_where_its_original_stands(
    database: Database, book_id: int
) -> None:
    _, taken, paid_fee = post(database, donation(book_id), donation(book_id), fee(book_id))
    with database.transaction() as session:
        books.open_account(session, book_id=book_id, code="payable:school")
    pay = donation(
        book_id,
        reason=Reason.DISBURSEMENT_PAID,
        legs=(Leg(debit="payable:school", credit="bank", amount_minor=450),),
    )
    (paid,) = post(database, pay)
    drain(database)
    before = campaign_total(database, "rice")
    assert (before["received_minor"], before["donation_count"], before["fees_minor"]) == (3000, 2, 9)
    assert (before["disbursed_minor"], before["refunded_minor"], before["evidenced_minor"]) == (450, 0, 0)
    for entry_id in (taken, paid_fee, paid):
        reverse(database, book_id, entry_id)
    drain(database)
    after = campaign_total(database, "rice")
    assert (after["received_minor"], after["donation_count"], after["fees_minor"]) == (1500, 1, 0)
    assert after["disbursed_minor"] == 0
    assert after["version"] == before["version"] + 1
    assert after["as_of"] == leaves(database)[-1].seq


def test_refunds_and_what_failed_of_them_make_one_sum(database: Database, book_id: int) -> None:
    back = (Leg(debit="fund:rice", credit="clearing", amount_minor=1000),)
    failed = (Leg(debit="clearing", credit="fund:rice", amount_minor=400),)
    post(
        database,
        donation(book_id),
        donation(book_id, reason=Reason.REFUND, legs=back),
        donation(book_id, reason=Reason.REFUND_FAILED, legs=failed),
    )
    drain(database)
    total = campaign_total(database, "rice")
    assert (total["received_minor"], total["refunded_minor"], total["donation_count"]) == (1500, 600, 1)


def test_receipt_numbers_run_from_one_in_each_book_and_year(database: Database, book_id: int) -> None:
    with database.transaction() as session:
        other = open_book(session)
    for day in (date(2025, 12, 31), date(2026, 1, 1), date(2025, 12, 31), date(2026, 1, 2)):
        post(database, *(donation(book, effective_on=day) for book in (book_id, other, other)), fee(book_id))
        run_pass(database)
    with database.reading() as session:
        rows = session.execute(
            sa.text(
                "SELECT r.book_id, r.year, array_agg(r.number ORDER BY l.log_index), bool_and(e.reason = 'donation') "
                "FROM receipt_number r JOIN log_leaf l USING (entry_id) JOIN entry e ON e.id = r.entry_id GROUP BY 1, 2"
            )
        ).all()
    assert {(book, year): numbers for book, year, numbers, _ in rows} == {
        (book_id, 2025): [1, 2],
        (book_id, 2026): [1, 2],
        (other, 2025): [1, 2, 3, 4],
        (other, 2026): [1, 2, 3, 4],
    }
    assert all(only_donations for *_, only_donations in rows)


def test_a_reference_is_logged_for_the_charitys_own_dealings_and_not_for_a_donors_money(
    database: Database, book_id: int
) -> None:
    legs = (Leg(debit="bank", credit="clearing", amount_minor=10),)
    earned = (Leg(debit="bank", credit="interest", amount_minor=10),)
    post(
        database,
        donation(book_id, reference="ch_1"),
        donation(book_id, reason=Reason.SETTLEMENT, reference="po_1", legs=legs),
        donation(book_id, reason=Reason.INTEREST, reference="line-7", legs=earned),
    )
    drain(database)
    logged = [leaf for leaf in leaves(database) if isinstance(leaf, EntryLeaf)]
    assert [(leaf.ref, leaf.settle) for leaf in logged] == [(None, None), (None, "po_1"), ("line-7", None)]


def test_a_pass_that_fails_leaves_everything_as_it_was(
    database: Database, book_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(database, donation(book_id))
    with monkeypatch.context() as patch:
        patch.setattr("donate.ledger.totals.number_receipts", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_pass(database)
    assert leaves(database) == []
    assert drain(database) == 1


def in_queue(database: Database) -> list[int]:
    with database.reading() as session:
        return list(session.scalars(sa.text("SELECT entry_id FROM entry_pending ORDER BY entry_id")))


def test_an_entry_that_waits_though_it_is_numbered_is_dropped_and_holds_up_nobody(
    database: Database, book_id: int
) -> None:
    (numbered,) = post(database, donation(book_id))
    run_pass(database)
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("INSERT INTO entry_pending VALUES (:id)"), {"id": numbered})
    post(database, donation(book_id), donation(book_id))
    with capture_logs() as said:
        assert run_pass(database, sweep=True).entry_count == 2
    assert in_queue(database) == []
    assert [line["log_level"] for line in said if "numbered" in line["event"]] == ["error"]
    with database.reading() as session:
        assert [result for result in checks.run_checks(session) if not result.is_ok] == []


def misspell(database: Database, entry_id: int, reference: str) -> None:
    """As if a fault had written what journal.post refuses."""
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        session.execute(
            sa.text("UPDATE entry SET reference = :reference WHERE id = :id"), {"id": entry_id, "reference": reference}
        )


def test_an_entry_that_no_leaf_can_spell_is_set_aside_and_the_others_go_on(database: Database, book_id: int) -> None:
    earned = (Leg(debit="bank", credit="interest", amount_minor=10),)
    _, bad, _ = post(
        database,
        donation(book_id),
        donation(book_id, reason=Reason.INTEREST, reference="line-7", legs=earned),
        donation(book_id),
    )
    misspell(database, bad, "=cmd()")
    reverse(database, book_id, bad)
    with capture_logs() as said:
        assert run_pass(database).entry_count == 2
    assert len([leaf for leaf in leaves(database) if isinstance(leaf, EntryLeaf)]) == 2
    waiting = in_queue(database)
    assert len(waiting) == 2  # its reversal names it, so it waits with it
    assert bad in waiting
    assert {line["log_level"] for line in said if "aside" in line["event"]} == {"error"}
    post(database, donation(book_id))
    assert run_pass(database).entry_count == 1
    assert drain(database) == 0
    with database.reading() as session:
        results = checks.run_checks(session, merge_delay_seconds=-60)
    assert {result.name: set(result.offending) for result in results if not result.is_ok} == {
        "every_entry_is_logged": {f"entry {entry}" for entry in waiting}
    }
    misspell(database, bad, "line-7")
    assert drain(database) == 2
    with database.reading() as session:
        assert [result for result in checks.run_checks(session) if not result.is_ok] == []


def test_an_entry_that_strangers_would_refuse_is_set_aside_and_never_signed(database: Database, book_id: int) -> None:
    out_of_nowhere = (Leg(debit="bank", credit="fund:rice", amount_minor=1500),)
    bad, _ = post(database, donation(book_id, legs=out_of_nowhere), donation(book_id))
    with capture_logs() as said:
        assert run_pass(database).entry_count == 1
    assert in_queue(database) == [bad]
    assert ["donation moves nothing from bank to fund:rice" in line.get("problem", "") for line in said] == [True]


@pytest.mark.parametrize("role", [Role.WEB, Role.ERASER])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO log_leaf SELECT 99, 99, 1, 'entry', NULL, NULL, NULL, NULL, now(), now(), '', sha256('')",
        "UPDATE log_leaf SET campaign = 'soup'",
        "DELETE FROM log_leaf",
        "TRUNCATE log_leaf",
        "UPDATE sequencer SET next_index = 0",
        "DELETE FROM sequencer",
        "DELETE FROM entry_pending",
        "UPDATE account_total SET debits_minor = 0",
        "UPDATE campaign_total SET received_minor = 0",
        "INSERT INTO receipt_number VALUES (1, 1, 2026, 1)",
    ],
)
def test_no_other_role_writes_the_log_or_totals(database: Database, role: Role, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), database.transaction(role) as session:
        session.execute(sa.text(statement))


@pytest.mark.parametrize("role", [Role.SEQUENCER, Role.OWNER])
@pytest.mark.parametrize(
    "statement", ["UPDATE log_leaf SET campaign = 'soup'", "DELETE FROM log_leaf", "TRUNCATE log_leaf"]
)
def test_not_even_their_writer_or_the_owner_changes_leaves(
    database: Database, book_id: int, role: Role, statement: str
) -> None:
    post(database, donation(book_id))
    drain(database)
    refusal = "is refused" if role is Role.OWNER else "permission denied"
    with pytest.raises(sa.exc.DBAPIError, match=refusal), database.transaction(role) as session:
        session.execute(sa.text(statement))
