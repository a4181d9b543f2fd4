"""Errors are pages in both languages, problem+json for programs, and never traces."""

import re
from collections.abc import Iterator

import pytest
import structlog
from flask import Flask, request
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from structlog.typing import EventDict

from donate import create_app, web_errors
from donate.db import Database, reading
from donate.errors import N_, DonateError
from donate.settings import Settings


class TooLittle(DonateError):
    sentence = N_("There is nothing here under this address.")
    status = 409


@pytest.fixture
def answering(database: Database, settings: Settings) -> Flask:
    """An application that answers its own faults, as in service, with views that fail in every way."""
    app = create_app(settings, database)
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def fail() -> str:
        kind = request.args["kind"]
        if kind == "told":
            raise TooLittle
        if kind == "pool":
            raise PoolTimeout
        if kind == "gone":
            raise OperationalError("SELECT 1", {}, Exception("server closed the connection"))
        if kind == "row":
            with reading() as session:
                session.execute(text("SELECT CAST(:given AS regclass)"), {"given": "canary@example.org"})
        raise ValueError("canary@example.org")

    app.add_url_rule("/<any(zh, en):locale>/fail", view_func=fail, methods=["GET", "POST"])
    app.add_url_rule("/webhooks/fail", endpoint="webhooks.fail", view_func=fail)
    return app


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


def test_an_error_of_ours_is_a_page_with_its_status_and_sentence(answering: Flask) -> None:
    page = answering.test_client().get("/en/fail?kind=told")
    assert page.status_code == 409
    assert "There is nothing here under this address." in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert "这个地址下没有内容。" in answering.test_client().get("/zh/fail?kind=told").text


@pytest.mark.parametrize("kind", ["pool", "gone"])
def test_a_busy_database_is_503_with_a_time_to_come_back(answering: Flask, kind: str) -> None:
    page = answering.test_client().get(f"/en/fail?kind={kind}")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("kind", ["value", "row"])
def test_a_fault_shows_no_trace_and_no_words_of_its_own(answering: Flask, kind: str) -> None:
    page = answering.test_client().get(f"/en/fail?kind={kind}")
    assert page.status_code == 500
    assert "canary" not in page.text
    assert "Traceback" not in page.text
    assert "Error" not in page.text.replace("errsum", "")


def test_a_fault_is_logged_where_it_happened_without_what_was_typed(
    answering: Flask, lines: list[EventDict], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shown = web_errors.fault_of
    monkeypatch.setattr(web_errors, "fault_of", lambda error, *, with_words: shown(error, with_words=False))
    answering.test_client().get("/en/fail?kind=row&also=secret-link")
    (broken,) = [line for line in lines if line["event"] == "broken"]
    assert broken["kind"] == "ProgrammingError"
    assert broken["sqlstate"] == "42P01"
    assert any("fail" in frame for frame in broken["frames"])
    assert "canary" not in repr(lines) + caplog.text
    assert "/fail" not in caplog.text


def test_a_request_is_logged_by_its_rule(client: FlaskClient, lines: list[EventDict]) -> None:
    client.post("/en/sign-in?next=/zh/secret-link", data={"email": "canary@example.org", "password": "canary"})
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["method"], line["endpoint"], line["status"]) == ("POST", "session.sign_in", 422)
    assert line["rule"] == "/<any(zh, en):locale>/sign-in"
    assert line["milliseconds"] >= 0
    assert "canary" not in repr(line)
    assert "secret" not in repr(line)


def test_unknown_addresses_are_not_written_down(client: FlaskClient, lines: list[EventDict]) -> None:
    client.get("/en/r/some-secret-link-of-somebody")
    assert "some-secret" not in repr(lines)


@pytest.mark.parametrize(("path", "title"), [("/en/nowhere", "There is nothing here"), ("/zh/nowhere", "这里没有内容")])
def test_an_unknown_address_is_a_page_in_the_language_of_its_path(client: FlaskClient, path: str, title: str) -> None:
    page = client.get(path)
    assert page.status_code == 404
    assert f"<h1>{title}</h1>" in page.text


def test_a_wrong_method_says_which_are_right(client: FlaskClient) -> None:
    page = client.delete("/en/sign-in")
    assert page.status_code == 405
    assert "POST" in page.headers["Allow"]


def test_too_large_a_form_is_refused(client: FlaskClient) -> None:
    page = client.post("/en/sign-in", data={"email": "x" * 300_000})
    assert page.status_code == 413
    assert "larger than the 256 KB that a form takes" in page.text


@pytest.mark.parametrize(
    ("referrer", "link"),
    [
        ("http://localhost/en/sign-in?next=/en/desk", "/en/sign-in"),
        ("https://elsewhere.example/en/sign-in", None),
        ("http://localhost//elsewhere.example/", None),
        ("http://localhost/\\elsewhere.example/", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_what_was_refused_leads_back_to_the_page_of_ours_that_it_came_from(
    client: FlaskClient, referrer: str, link: str | None
) -> None:
    page = client.post("/en/sign-in", data={"email": "x" * 300_000}, headers={"Referer": referrer})
    found = re.search(r'href="([^"]+)">Back to the page that this was sent from', page.text)
    assert (found and found[1]) == link


@pytest.mark.parametrize("accept", ["application/json", "application/problem+json"])
def test_a_program_is_told_in_its_own_form(client: FlaskClient, accept: str) -> None:
    answer = client.get("/en/nowhere", headers={"Accept": accept})
    assert answer.mimetype == "application/problem+json"
    problem = answer.get_json()
    assert (problem["status"], problem["title"]) == (404, "There is nothing here")
    assert client.get("/en/nowhere", headers={"Accept": "*/*"}).mimetype == "text/html"


def test_the_providers_messages_are_answered_as_to_a_program(answering: Flask) -> None:
    answer = answering.test_client().get("/webhooks/fail?kind=value")
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    "path", ["/en/\x00", "/en/%ff%fe", "/en/" + "x" * 5000, "/en/sign-in?next=%00", "/en/%2e%2e/%2e%2e/etc/passwd"]
)
def test_odd_addresses_break_nothing(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code in (200, 404)


def test_an_error_page_is_still_sent_when_its_template_breaks(
    answering: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise RuntimeError

    monkeypatch.setattr(web_errors, "render_template", broken)
    page = answering.test_client().get("/en/fail?kind=value")
    assert page.status_code == 500
    assert "Something broke on our side" in page.text


def test_health_says_whether_the_database_answers(client: FlaskClient, settings: Settings) -> None:
    healthy = client.get("/healthz")
    assert (healthy.status_code, healthy.get_json()) == (200, {"status": "ok"})
    lost = create_app(settings, Database("postgresql://nobody@127.0.0.1:1/nothing")).test_client().get("/healthz")
    assert lost.status_code == 503
    assert "Retry-After" in lost.headers
