"""Each named check is green on an honest ledger and finds the fault that is planted for it."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from donate import clock
from donate.db import Database, Role
from donate.ledger import checks, journal
from donate.ledger.books import open_account
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg
from donate.ledger.stock import authorise
from donate.sequencer import drain
from tests.ledger.factories import disbursement, donation, open_book, settled_fund

# One fault each, planted behind the triggers' back as whoever owns the database could.
FAULTS = {
    "entries_have_legs": "DELETE FROM transfer WHERE entry_id = (SELECT min(id) FROM entry)",
    "books_balance": "UPDATE account_total SET debits_minor = debits_minor + 1 "
    "WHERE account_id = (SELECT min(account_id) FROM account_total)",
    "account_totals_equal_a_replay": "UPDATE transfer SET amount_minor = amount_minor + 1 "
    "WHERE entry_id = (SELECT min(id) FROM entry)",
    "day_totals_equal_a_replay": "UPDATE day_total SET entry_count = entry_count + 1",
    "campaign_totals_equal_a_replay": "UPDATE campaign_total SET received_minor = received_minor + 1",
    "log_has_no_gap": "DELETE FROM log_leaf WHERE log_index = 2",
    "every_entry_is_logged": "DELETE FROM log_leaf WHERE entry_id IS NOT NULL",
    "nothing_is_logged_twice": "INSERT INTO entry_pending SELECT min(id) FROM entry",
    "reversals_mirror": "UPDATE transfer SET amount_minor = amount_minor - 1 "
    "WHERE entry_id = (SELECT id FROM entry WHERE reverses IS NOT NULL)",
    "reversals_come_after": "UPDATE log_leaf SET log_index = -1 "
    "WHERE entry_id = (SELECT id FROM entry WHERE reverses IS NOT NULL)",
    "funds_are_not_negative": "UPDATE account_total SET debits_minor = credits_minor + 1 "
    "WHERE account_id = (SELECT id FROM account WHERE code = 'fund:soup' LIMIT 1)",
    "stock_equals_ledger": "UPDATE fund_stock SET available_minor = available_minor + 1",
    "stock_is_within_the_fund": "UPDATE fund_stock SET available_minor = 7501 "  # of 11,500 given and 4,000 approved
    "WHERE account_id = (SELECT id FROM account WHERE code = 'fund:rice' LIMIT 1)",
    "fee_funds_equal_ledger": "UPDATE cover_stock SET available_minor = available_minor + 1",
    "releases_are_covered": "UPDATE fund_release SET amount_minor = amount_minor + 1",
    "receipts_have_no_gap": "DELETE FROM receipt_number WHERE number = 1",
    "suspense_is_empty": "UPDATE account_total SET credits_minor = credits_minor + 1 "
    "WHERE account_id = (SELECT id FROM account WHERE code = 'suspense' LIMIT 1)",
}


@pytest.fixture
def honest(database: Database) -> Database:
    """A book with donations, a reversal, a settlement, a disbursement and money that went through suspense."""
    with database.transaction() as session:
        book_id = open_book(session)
        open_account(session, book_id=book_id, code="payable:school")
        settled_fund(session, book_id, 10_000)
        authorise(session, disbursement(book_id, 4_000))
        wrong, *_ = journal.post(session, [donation(book_id), donation(book_id), *soup_and_suspense(book_id)])
        journal.reverse(
            session,
            book_id=book_id,
            entry_id=wrong.entry_id,
            idempotency_key="reversal:1",
            effective_on=date(2026, 11, 24),
            note="given twice",
        )
    drain(database)
    return database


def soup_and_suspense(book_id: int) -> list[journal.NewEntry]:
    soup = Leg(debit="clearing", credit="fund:soup", amount_minor=300)
    unknown = Leg(debit="clearing", credit="suspense", amount_minor=300)
    cleared = Leg(debit="suspense", credit="fund:soup", amount_minor=300)
    return [
        donation(book_id, legs=(soup,), campaign="soup"),
        donation(book_id, legs=(unknown,), campaign=None, reason=Reason.PROVIDER_ADJUSTMENT),
        donation(book_id, legs=(cleared,), campaign="soup", reason=Reason.SUSPENSE_CLEARED),
    ]


def failing(database: Database) -> set[str]:
    with database.reading() as session:
        results = checks.run_checks(session, merge_delay_seconds=0)
    return {result.name for result in results if not result.is_ok}


def test_every_check_is_green_on_an_honest_ledger(honest):
    assert failing(honest) == set()


def test_every_check_has_a_planted_fault():
    assert {check.name for check in checks.CHECKS} == set(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_by_its_check(honest, name):
    with honest.transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        assert session.execute(text(FAULTS[name])).rowcount > 0
    assert name in failing(honest)


def test_an_entry_that_waits_in_the_queue_is_no_fault_before_the_merge_delay(honest):
    with honest.transaction() as session:
        journal.post(session, [donation(open_book(session))])
    with honest.reading() as session:
        assert all(result.is_ok for result in checks.run_checks(session, merge_delay_seconds=300))
    assert failing(honest) == {"every_entry_is_logged"}


def test_a_run_is_kept_with_what_it_found(honest):
    with honest.reading() as session:
        results = checks.run_checks(session)
        as_of = checks.newest_as_of(session)
    with honest.transaction() as session:
        checks.store_result(session, results, as_of)
    with honest.reading() as session:
        run = checks.last_run(session)
    assert run is not None
    assert (run.is_ok, run.as_of, len(run.results)) == (True, as_of, len(checks.CHECKS))


def test_a_run_that_took_long_is_repeated_only_after_twenty_times_as_long(
    honest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = clock.now()
    with honest.transaction() as session:
        assert checks.is_due(session)
        checks.store_result(session, [], None, took_milliseconds=60_000)
    for minutes, is_due in ((19, False), (21, True)):
        monkeypatch.setattr(clock, "now", lambda later=minutes: began + timedelta(minutes=later))
        with honest.reading() as session:
            assert checks.is_due(session) is is_due
