"""The ledger's pages: lines with names, filters, paging, one page a line, bad input."""

import re
from datetime import date
from html import unescape

import pytest
from flask.testing import FlaskClient

from donate.db import Database
from donate.giving.checks import ALL_CHECKS
from donate.ledger import journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg
from donate.sequencer import drain
from tests.ledger.factories import donation, open_book


@pytest.fixture
def book_id(database: Database) -> int:
    with database.transaction() as session:
        return open_book(session)


def post(database: Database, *entries) -> list[int]:
    with database.transaction() as session:
        ids = [posted.entry_id for posted in journal.post(session, entries)]
    drain(database)
    return ids


def numbers(page: str) -> list[int]:
    body = page.partition("<tbody")[2].partition("</tbody>")[0]
    return [int(found) for found in re.findall(r'data-l="Entry"><a href="/en/ledger/(\d+)"', body)]


@pytest.mark.parametrize("path", ["/ledger", "/how-to-check", "/status"])
@pytest.mark.parametrize("locale", ["zh", "en"])
def test_the_pages_stand_before_there_is_any_entry(client: FlaskClient, locale: str, path: str) -> None:
    assert client.get(f"/{locale}{path}").status_code == 200


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_every_line_of_the_log_has_its_page(client: FlaskClient, database: Database, book_id: int, locale: str) -> None:
    legs = (Leg(debit="bank", credit="clearing", amount_minor=1500),)
    settled = donation(book_id, reason=Reason.SETTLEMENT, reference="po_1", legs=legs, campaign=None)
    post(database, donation(book_id), settled)
    for index in range(7):
        answer = client.get(f"/{locale}/ledger/{index}")
        assert answer.status_code == 200, index
    assert "po_1" in answer.text
    assert "sha256sum" in answer.text


def test_the_page_on_checking_names_every_check_that_is_run(client: FlaskClient) -> None:
    page = unescape(client.get("/en/how-to-check").text)
    assert [check.name for check in ALL_CHECKS if check.sentence not in page] == []


def test_an_entry_that_waits_for_its_number_is_not_shown(client: FlaskClient, database: Database, book_id: int) -> None:
    with database.transaction() as session:
        journal.post(session, [donation(book_id)])
    assert numbers(client.get("/en/ledger").text) == []


def test_newest_come_first_and_pages_join_without_loss(client: FlaskClient, database: Database, book_id: int) -> None:
    post(database, *(donation(book_id) for _ in range(120)))
    seen, address = [], "/en/ledger"
    while address:
        page = client.get(address).text
        seen += numbers(page)
        link = re.search(r'href="([^"]+)">Older entries', page)
        address = link and link[1].replace("&amp;", "&")
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen) == 120
    back = re.search(r'href="([^"]+)">Newer entries', page)[1].replace("&amp;", "&")
    assert numbers(client.get(back).text) == seen[50:100]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("campaign=rice", 3),
        ("campaign=soup", 1),
        ("reason=processing_fee", 1),
        ("month=2026-10", 1),
        ("month=2026-11&campaign=rice&reason=donation", 1),
        ("q=line-7", 1),
        ("q=nothing-like-it", 0),
        ("campaign=unknown", 0),
    ],
)
def test_a_filter_shows_what_it_names(
    client: FlaskClient, database: Database, book_id: int, query: str, count: int
) -> None:
    soup = (Leg(debit="clearing", credit="fund:soup", amount_minor=300),)
    fee = (Leg(debit="fund:rice", credit="clearing", amount_minor=9),)
    interest = (Leg(debit="bank", credit="interest", amount_minor=1),)
    post(
        database,
        donation(book_id),
        donation(book_id, effective_on=date(2026, 10, 31)),
        donation(book_id, campaign="soup", legs=soup),
        donation(book_id, reason=Reason.PROCESSING_FEE, legs=fee),
        donation(book_id, reason=Reason.INTEREST, campaign=None, legs=interest, reference="line-7"),
    )
    assert len(numbers(client.get(f"/en/ledger?{query}").text)) == count


@pytest.mark.parametrize("typed", ["4", "%234", "0,004"])
def test_a_number_leads_to_its_entry(client: FlaskClient, typed: str) -> None:
    answer = client.get(f"/en/ledger?q={typed}")
    assert (answer.status_code, answer.location) == (302, "/en/ledger/4")


@pytest.mark.parametrize(
    "query",
    ["month=2026-13", "month=soon", "month=0000-01", "reason=gift", "campaign=A%20B", "q=%3Cscript%3E", "campaign=%00"],
)
def test_a_filter_that_cannot_be_understood_is_named(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/en/ledger?{query}")
    assert answer.status_code == 422
    assert "errsum" in answer.text
    assert "<script" not in answer.text


@pytest.mark.parametrize("path", ["7", "99999999999999999999999", "-1", "x", "9223372036854775807"])
def test_a_line_that_does_not_exist_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(f"/en/ledger/{path}").status_code == 404


@pytest.mark.parametrize("query", ["before=x", "before=99999999999999999999", "after=-3", "before=0"])
def test_a_place_that_is_no_place_harms_nothing(client: FlaskClient, query: str) -> None:
    assert client.get(f"/en/ledger?{query}").status_code == 200


def test_a_reversal_and_its_original_name_each_other(client: FlaskClient, database: Database, book_id: int) -> None:
    (entry_id,) = post(database, donation(book_id))
    with database.transaction() as session:
        journal.reverse(
            session,
            book_id=book_id,
            entry_id=entry_id,
            idempotency_key="reversal",
            effective_on=date(2026, 11, 24),
            note="a secret reason",
        )
    drain(database)
    reversal, original = numbers(client.get("/en/ledger").text)
    assert f'href="/en/ledger/{original}"' in client.get(f"/en/ledger/{reversal}").text.partition("Facts")[0]
    assert f'href="/en/ledger/{reversal}"' in client.get(f"/en/ledger/{original}").text.partition("Facts")[0]
    assert "secret reason" not in client.get(f"/en/ledger/{reversal}").text


def test_the_shown_command_gives_the_shown_hash(client: FlaskClient, database: Database, book_id: int) -> None:
    import hashlib
    import html

    post(database, donation(book_id))
    page = html.unescape(client.get("/en/ledger/4").text)
    line = re.search(r"printf '%s' '(\{.+?\})'", page)[1]
    assert hashlib.sha256(b"\x00" + line.encode()).hexdigest() in page
