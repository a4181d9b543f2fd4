"""What happened is refused every change, twice: by roles and by triggers."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from donate import clock
from donate.db import Database, Role
from donate.ledger import books, journal
from donate.ledger.models import LedgerCheck
from donate.sequencer import drain
from tests.ledger.factories import donation, open_book, settled_fund

LEDGER = ["book", "merchant_account", "account", "entry", "transfer", "receipt_number", "fund_release", "ledger_check"]
CHANGES = ["UPDATE {} SET book_id = 1", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
OF_BOOK = {"book": "UPDATE book SET ref = ref", "ledger_check": "UPDATE ledger_check SET is_ok = true"}


@pytest.fixture
def booked(database: Database) -> Database:
    with database.transaction() as session:
        journal.post(session, [donation(open_book(session))])
    return database


@pytest.mark.parametrize("role", [Role.WEB, Role.SEQUENCER, Role.ERASER])
@pytest.mark.parametrize("table", LEDGER)
@pytest.mark.parametrize("change", CHANGES)
def test_no_role_changes_the_ledger(booked, role, table, change):
    statement = OF_BOOK.get(table, change).format(table) if change.startswith("UPDATE") else change.format(table)
    with pytest.raises(DBAPIError, match="permission denied"), booked.transaction(role) as session:
        session.execute(text(statement))


@pytest.fixture
def in_every_table(database: Database) -> Database:
    """A row in each table of the ledger: a trigger for rows says nothing where there is none."""
    with database.transaction() as session:
        book_id = open_book(session)
        books.open_merchant_account(
            session, book_id=book_id, ref="lunch", provider="sandbox", livemode=False, tariff="mainland"
        )
        settled_fund(session, book_id, 1500)
        session.add(LedgerCheck(ran_at=clock.now(), is_ok=True, as_of=None, results=[]))
    drain(database)
    with database.reading() as session:
        empty = [table for table in LEDGER if not session.scalar(text(f"SELECT count(*) FROM {table}"))]
    assert empty == []
    return database


@pytest.mark.parametrize("table", LEDGER)
@pytest.mark.parametrize("change", CHANGES)
def test_triggers_refuse_the_owner_too(in_every_table, table, change):
    statement = OF_BOOK.get(table, change).format(table) if change.startswith("UPDATE") else change.format(table)
    with pytest.raises(DBAPIError, match="is refused"), in_every_table.transaction(Role.OWNER) as session:
        session.execute(text(statement))


@pytest.mark.parametrize("table", ["account_total", "day_total", "campaign_total", "receipt_number", "log_leaf"])
def test_the_web_writes_no_totals_and_no_log(booked, table):
    with pytest.raises(DBAPIError, match="permission denied"), booked.transaction(Role.WEB) as session:
        session.execute(text(f"INSERT INTO {table} DEFAULT VALUES"))


FROZEN = {
    "checkout": ["amount_minor = 1", "currency = 'USD'", "merchant_account_id = 1", "book_id = 1", "secret = 'x'"],
    "provider_event": ["body = ''", "kind = 'x'", "merchant = 'x'"],
    "unbooked_money": ["amount_minor = 1", "is_in_suspense = true", "session_id = 'x'"],
    "fund_stock": ["account_id = 1"],
    "cover_stock": ["account_id = 1"],
    "checkout_try": ["tried_at = now()"],
    "campaign": ["book_id = 1", "host_id = 1", "partner_id = 1", "ref = 'x'", "currency = 'USD'"],
    "unit_price": ["amount_minor = 1"],
    "donation": ["amount_minor = 1", "campaign_ref = 'x'"],
}


@pytest.mark.parametrize(("table", "change"), [(table, change) for table in FROZEN for change in FROZEN[table]])
def test_the_web_never_rewrites_what_was_agreed_or_heard(booked, table, change):
    with pytest.raises(DBAPIError, match="permission denied"), booked.transaction(Role.WEB) as session:
        session.execute(text(f"UPDATE {table} SET {change}"))


def test_the_sequencer_never_reads_what_is_private(booked):
    for table in ("entry_private", "donation_private", "checkout_private", "users"):
        with pytest.raises(DBAPIError, match="permission denied"), booked.transaction(Role.SEQUENCER) as session:
            session.execute(text(f"SELECT * FROM {table}"))


def test_the_web_cannot_empty_the_queue(booked):
    with pytest.raises(DBAPIError, match="permission denied"), booked.transaction(Role.WEB) as session:
        session.execute(text("DELETE FROM entry_pending"))


def test_the_eraser_deletes_private_rows_and_nothing_else(booked):
    with booked.transaction(Role.ERASER) as session:
        session.execute(text("DELETE FROM entry_private"))
    with pytest.raises(DBAPIError, match="permission denied"), booked.transaction(Role.ERASER) as session:
        session.execute(text("UPDATE entry_private SET note = ''"))


def test_a_connection_keeps_its_role_after_its_first_use_rolls_back(database):
    for _ in range(3):
        with pytest.raises(DBAPIError), database.transaction(Role.WEB) as session:
            session.execute(text("SELECT 1 / 0"))
        with database.reading(Role.WEB) as session:
            assert session.scalar(text("SELECT current_user")) == "donate_web"
