"""Every run at its own address for ever, with every difference that it found, however many; and a list of them all."""

import re

import pytest
from flask.testing import FlaskClient

from donate.db import reading
from donate.ledger.models import MerchantAccount
from donate.settling import run_queries
from donate.settling.run_queries import DIFFERENCES, RUNS
from tests.giving import factories as giving
from tests.settling import factories as make


@pytest.fixture(autouse=True)
def _raising(database):
    giving.raising()
    giving.noise()


def subjects(page: str) -> list[str]:
    return re.findall(r'<span class="hash">(txn_\d+)</span>', page)


def next_page(page: str) -> str | None:
    """Where the pager leads on; the links to the other language bear the page's own place."""
    found = re.search(r'href="([^"]+\?after=\d+)"', page.partition('class="pager"')[2])
    return found[1] if found else None


def test_a_run_lists_every_difference_page_by_page(client: FlaskClient):
    count = 2 * DIFFERENCES + 7
    run = make.published(*["line_unexplained"] * count)
    path: str | None = f"/en/health-of-payments/runs/{run}"
    listed: list[str] = []
    pages = 0
    while path is not None and pages < 5:
        page = client.get(path)
        assert page.status_code == 200
        listed += subjects(page.text)
        path, pages = next_page(page.text), pages + 1
    assert listed == [f"txn_{place}" for place in range(1, count + 1)]
    assert pages == 3


def test_a_last_page_that_is_full_leads_nowhere(client: FlaskClient):
    run = make.published(*["line_unexplained"] * DIFFERENCES)
    page = client.get(f"/en/health-of-payments/runs/{run}").text
    assert (len(subjects(page)), next_page(page), "From the beginning" in page) == (DIFFERENCES, None, False)
    beyond = client.get(f"/en/health-of-payments/runs/{run}?after=999999999")
    assert (beyond.status_code, "No difference stands further on." in beyond.text) == (200, True)


@pytest.mark.parametrize("after", ["-1", "x", "9" * 30, "0"])
def test_what_is_no_place_is_the_beginning(client: FlaskClient, after: str):
    run = make.published("line_unexplained")
    assert subjects(client.get(f"/en/health-of-payments/runs/{run}?after={after}").text) == ["txn_1"]


def test_a_run_keeps_its_own_differences_when_others_follow(client: FlaskClient):
    first = make.published("line_unexplained", "no_line")
    make.published()
    page = client.get(f"/zh/health-of-payments/runs/{first}").text
    assert (subjects(page), "余额有一笔变动与本站无关" in page) == (["txn_1", "txn_2"], True)
    assert "Nothing differs" in client.get("/en/health-of-payments").text


def test_the_page_of_payments_leads_to_the_last_run_and_to_all(client: FlaskClient):
    run = make.published(*["line_unexplained"] * (DIFFERENCES + 1))
    page = client.get("/en/health-of-payments").text
    assert len(subjects(page)) == DIFFERENCES
    assert f'href="/en/health-of-payments/runs/{run}"' in page
    assert 'href="/en/health-of-payments/runs"' in page


def test_all_runs_are_listed_newest_first_page_by_page(client: FlaskClient):
    numbers = [make.published() for _ in range(RUNS + 3)]
    page = client.get("/en/health-of-payments/runs").text
    older = re.search(r'href="([^"]+\?before=\d+)"', page.partition('class="pager"')[2])
    assert older is not None
    second = client.get(older[1]).text
    listed = re.findall(r'/en/health-of-payments/runs/(\d+)"', page + second)
    assert [int(one) for one in listed] == numbers[::-1]
    pager = second.partition('class="pager"')[2]
    assert ("?before=" in pager, "The newest" in pager) == (False, True)


@pytest.mark.parametrize(("locale", "words"), [("en", "broke off, or is still at it"), ("zh", "中途停止，或仍在进行")])
def test_a_run_that_broke_off_is_shown_as_such_and_is_not_the_last(client: FlaskClient, locale: str, words: str):
    finished = make.published("no_line")
    broken = make.published(finished_at=None)
    assert words in client.get(f"/{locale}/health-of-payments/runs/{broken}").text
    assert f"/runs/{broken}" in client.get(f"/{locale}/health-of-payments/runs").text
    with reading() as session:
        newest = run_queries.newest_whole_run(session)
    assert newest is not None
    assert newest.row.id == finished


def test_a_run_for_one_account_names_it_and_is_not_the_last(client: FlaskClient, settings):
    whole = make.run(settings).run_id
    one = make.run(settings, merchant="noise").run_id
    with reading() as session:
        found = run_queries.run_page(session, one).run
        assert (found.merchant, session.get_one(MerchantAccount, found.row.merchant_account_id).ref) == ("noise",) * 2
        newest = run_queries.newest_whole_run(session)
    assert newest is not None
    assert newest.row.id == whole


@pytest.mark.parametrize("number", ["0", "999999", "9223372036854775807", "9223372036854775808", "x"])
def test_a_run_that_never_was_has_no_page(client: FlaskClient, number: str):
    assert client.get(f"/en/health-of-payments/runs/{number}").status_code == 404


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_no_page_of_runs_has_a_word_in_the_other_language_only(client: FlaskClient, locale: str):
    run = make.published("line_unexplained")
    for path in ("", "/runs", f"/runs/{run}"):
        page = client.get(f"/{locale}/health-of-payments{path}").text
        main = re.sub(r"<[^>]+>|\s+", " ", page.split("<main", 1)[1].split("</main", 1)[0])
        if locale == "zh":
            assert not re.search(r"[A-Za-z]{4,} [A-Za-z]{2,} [A-Za-z]{2,}", main), (path, main)
        else:
            assert not re.search(r"[\u4e00-\u9fff]{2,}", main), (path, main)
