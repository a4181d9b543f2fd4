"""Three logins of their own, as the README's Deployment has them: each part works by its own and may do no more."""

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from donate import clock, create_app, worker
from donate.cli import opening
from donate.db import Database, Role
from donate.sequencer import drain
from donate.settings import Settings, read_settings
from tests.conftest import run_on_server
from tests.giving import factories as make

PARTS = (Role.WEB, Role.SEQUENCER, Role.ERASER)
LEDGER = ["book", "merchant_account", "account", "entry", "transfer", "receipt_number", "fund_release", "ledger_check"]
LOG = ["log_leaf", "log_node", "checkpoint"]
PRIVATE = {
    "bank_line_private",
    "checkout_private",
    "donation_private",
    "entry_private",
    "large_request_private",
    "official_receipt_private",
    "recorded_file",
    "recorded_private",
    "recorded_refund_note",
    "refund_note",
    "refund_wish_private",
    "split_trace",
    "stored_file",
}
COUNT_PRIVATE = "SELECT (SELECT count(*) FROM entry_private) + (SELECT count(*) FROM checkout_private)"


def login_of(role: Role) -> str:
    return f"{role}_login_{os.getpid()}"  # logins belong to the server, which other workers use as well


@pytest.fixture(scope="module")
def logins(server_url: str, template: str) -> Iterator[dict[Role, str]]:
    """Logins that own nothing, are no superusers, and are members of one role each."""
    for role in PARTS:
        run_on_server(server_url, f"CREATE ROLE {login_of(role)} LOGIN PASSWORD 'x' IN ROLE donate_{role}")
    yield {role: login_of(role) for role in PARTS}
    for role in PARTS:
        run_on_server(server_url, f"DROP ROLE {login_of(role)}")


@pytest.fixture
def separate_settings(database: Database, logins: dict[Role, str], settings: Settings) -> Settings:
    """The owner's address, which commands need, and one for each part."""
    url = make_url(database.url).set(drivername="postgresql")
    own = {
        f"DONATE_DATABASE_URL_{role.name}": url.set(username=login, password="x").render_as_string(hide_password=False)
        for role, login in logins.items()
    }
    return read_settings(
        own
        | {
            "DONATE_DATABASE_URL": url.render_as_string(hide_password=False),
            "DONATE_INSTANCE": str(settings.instance),
            "DONATE_SECRET_KEY": settings.secret_key,
        }
    )


@pytest.fixture
def separate(separate_settings: Settings) -> Iterator[Database]:
    """The database as every command opens it, bound to this test."""
    with opening.opened(separate_settings) as database:
        yield database


@pytest.fixture
def client(separate: Database, separate_settings: Settings) -> FlaskClient:
    return create_app(separate_settings, separate).test_client()


@pytest.fixture
def given(separate: Database, separate_settings: Settings, client: FlaskClient) -> Database:
    """A donation that went the whole way by the pages and the provider's message, numbered and checked."""
    make.raising()
    answer = client.post("/en/give/yunxi", data=make.fresh_form(client, name="阿敏", email="a@example.org"))
    assert answer.status_code == 303, answer.text
    make.pay(make.only_checkout())
    make.deliver(client, separate_settings)
    assert drain(separate) == 1
    assert worker.check_ledger(separate_settings)
    return separate


def test_each_part_connects_by_its_own_login_which_is_no_superuser(separate: Database) -> None:
    question = text("SELECT current_user, session_user, rolsuper FROM pg_roles WHERE rolname = current_user")
    for role in PARTS:
        with separate.reading(role) as session:
            assert tuple(session.execute(question).one()) == (login_of(role), login_of(role), False)


def test_a_donation_goes_from_the_form_to_its_number(given: Database, client: FlaskClient) -> None:
    assert make.booked() == [make.DONATION]
    with given.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM log_leaf WHERE kind = 'entry'")) == 1
        assert session.scalar(text("SELECT received_minor FROM campaign_total")) == 1500
    assert "¥15.00" in client.get(f"/en/r/{make.only_checkout().secret}").text


def test_jobs_are_done(separate: Database, separate_settings: Settings) -> None:
    app = worker.job_app(separate, separate_settings)

    async def work() -> None:
        async with app.open_async():
            await app.configure_task("check_ledger").defer_async(timestamp=0)
            await app.run_worker_async(wait=False, listen_notify=False, install_signal_handlers=False)

    with ThreadPoolExecutor() as threads:  # this thread may have a loop already: the browser's
        threads.submit(copy_context().run, asyncio.run, work()).result()
    with separate.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM ledger_check WHERE is_ok")) == 1


def test_the_eraser_forgets_who_did_not_pay(
    separate: Database, separate_settings: Settings, client: FlaskClient
) -> None:
    make.raising()
    client.post("/en/give/yunxi", data=make.fresh_form(client, email="a@example.org"))
    with separate.reading() as session:
        assert session.scalar(text(COUNT_PRIVATE)) == 1
    with clock.frozen_at(clock.now() + timedelta(days=365)):
        assert worker.forget_private(separate_settings) > 0
    with separate.reading() as session:
        assert session.scalar(text(COUNT_PRIVATE)) == 0


@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_no_login_changes_the_ledger_or_the_log(given: Database, change: str) -> None:
    for role in PARTS:
        for table in [*LEDGER, *LOG]:
            column = a_column_of(given, table)
            with pytest.raises(DBAPIError, match="permission denied"), given.transaction(role) as session:
                session.execute(text(change.format(table, column, column)))
    assert make.booked() == [make.DONATION]


def a_column_of(database: Database, table: str) -> str:
    """The last one: the first is often a number that PostgreSQL itself gives."""
    query = "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 ORDER BY attnum"
    with database.reading(Role.OWNER) as session:
        return session.scalars(text(query), {"table": table}).all()[-1]


@pytest.mark.parametrize("role", [Role.WEB, Role.ERASER])
@pytest.mark.parametrize("table", [*LOG, "account_total", "day_total", "campaign_total", "receipt_number"])
def test_only_the_sequencer_writes_the_log_and_the_totals(separate: Database, role: Role, table: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"), separate.transaction(role) as session:
        session.execute(text(f"INSERT INTO {table} DEFAULT VALUES"))


def test_the_eraser_deletes_what_is_private_and_nothing_else(given: Database) -> None:
    with given.transaction(Role.ERASER) as session:
        assert session.scalars(text("DELETE FROM entry_private RETURNING 1")).all() == [1]
    query = """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
          AND has_table_privilege(:login, oid, 'DELETE')
    """
    with given.reading(Role.OWNER) as session:
        assert set(session.scalars(text(query), {"login": login_of(Role.ERASER)})) == PRIVATE
