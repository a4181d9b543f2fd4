"""What the public reads of the last run of the checks: that nothing was found, or which rule is broken and where."""

import re
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from donate import clock, translations, worker
from donate.db import Database, Role
from donate.giving.checks import ALL_CHECKS
from donate.ledger import checks, journal
from donate.sequencer import drain
from donate.settings import Settings
from tests.ledger.factories import donation, open_book

RULE = "What every campaign received, gave back and paid out equals a recalculation."
WORDS = {
    "en": {
        "ok": "Nothing found",
        "bad": "Something found",
        "all ok": "No check found anything",
        "one bad": "A check found something",
        "as of": "As of entry ",
    },
    "zh": {
        "ok": "未发现问题",
        "bad": "发现问题",
        "all ok": "各项检查均未发现问题",
        "one bad": "有一项检查发现了问题",
        "as of": "截至第",
    },
}


@pytest.fixture
def booked(database: Database) -> Database:
    """A book with two donations of one campaign, both in the log."""
    with database.transaction() as session:
        book_id = open_book(session)
        journal.post(session, [donation(book_id), donation(book_id)])
    drain(database)
    return database


def plant_a_fault(database: Database) -> None:
    """A campaign that received one fen more than its entries say, as whoever owns the database could write."""
    with database.transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE campaign_total SET received_minor = received_minor + 1"))


def results(client: FlaskClient, locale: str) -> dict[str, str]:
    """The table of the status page: rule -> result, both in words."""
    page = unescape(client.get(f"/{locale}/status").text)
    rows = re.findall(r'<tr role="row"><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td></tr>', page)
    return {rule: re.sub("<[^>]+>", "", found).strip() for rule, found in rows}


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_a_run_that_found_nothing_is_told_rule_by_rule(
    booked: Database, client: FlaskClient, settings: Settings, locale: str
) -> None:
    assert worker.check_ledger(settings)
    with translations.speaking(locale):
        rules = {translations.said(check.sentence) for check in ALL_CHECKS}
    assert results(client, locale) == dict.fromkeys(rules, WORDS[locale]["ok"])
    with booked.reading() as session:
        newest = checks.newest_as_of(session)
    table = client.get(f"/{locale}/status").text.partition('role="table"')[0].rpartition("<h2>")[2]
    assert f"{WORDS[locale]['as of']}{newest}" in table
    assert WORDS[locale]["all ok"] in client.get(f"/{locale}/how-to-check").text


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_a_run_that_found_a_fault_names_the_rule_and_the_place_and_nothing_else_is_blamed(
    booked: Database, client: FlaskClient, settings: Settings, locale: str
) -> None:
    plant_a_fault(booked)
    assert worker.check_ledger(settings) is False
    with translations.speaking(locale):
        rule = translations.said(RULE)
    told = results(client, locale)
    assert len(told) == len(ALL_CHECKS)
    assert {said: found for said, found in told.items() if found != WORDS[locale]["ok"]} == {
        rule: f"{WORDS[locale]['bad']} campaign rice"
    }
    assert WORDS[locale]["one bad"] in client.get(f"/{locale}/how-to-check").text


def test_the_newest_run_is_the_one_that_is_shown(booked: Database, client: FlaskClient, settings: Settings) -> None:
    assert worker.check_ledger(settings)
    plant_a_fault(booked)
    assert set(results(client, "en").values()) == {"Nothing found"}
    with clock.frozen_at(clock.now() + timedelta(hours=1)):
        assert worker.check_ledger(settings) is False
    assert results(client, "en")[RULE].startswith("Something found")
