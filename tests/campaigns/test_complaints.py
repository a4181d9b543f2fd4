import re
from datetime import UTC, date, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from donate import clock
from donate.campaigns.clocks import working_days_after
from donate.campaigns.models import Complaint
from donate.db import reading, transaction
from tests.campaigns import factories
from tests.campaigns.conftest import SignIn
from tests.campaigns.pages import send


def form_token(client: FlaskClient) -> str:
    found = re.search(r'name="token" value="([^"]+)"', client.get("/en/complain").text)
    assert found is not None
    return found[1]


def complain(client: FlaskClient, **fields: str) -> TestResponse:
    return client.post("/en/complain", data={"token": form_token(client), "message": "No lunch on Monday"} | fields)


def complaints() -> list[Complaint]:
    with reading() as session:
        return list(session.scalars(select(Complaint)))


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (date(2026, 11, 23), date(2026, 11, 30)),
        (date(2026, 11, 27), date(2026, 12, 4)),
        (date(2026, 11, 28), date(2026, 12, 4)),
        (date(2026, 11, 29), date(2026, 12, 4)),
    ],
)
def test_five_working_days(day: date, due: date) -> None:
    assert working_days_after(day, 5) == due


def test_a_complaint_reaches_staff_and_its_answer_comes_back(client: FlaskClient, sign_in: SignIn) -> None:
    with transaction() as session:
        factories.raising(session, ref="yunxi")
    own_page = complain(client, campaign="yunxi", contact="wang@example.org").location
    assert "No lunch on Monday" in client.get(own_page).text
    admin = sign_in(role="admin")
    assert "No lunch on Monday" in admin.get("/en/staff/complaints").text
    path = f"/en/staff/complaints/{complaints()[0].id}"
    assert "wang@example.org" in admin.get(path).text
    assert send(admin, path, answer=" ").status_code == 422
    assert send(admin, path, answer="The cook was ill; it was made up for.").status_code == 303
    assert "The cook was ill" in client.get(own_page).text
    assert send(admin, path, answer="Something else").status_code == 422


def test_no_cookie_is_set_and_nothing_is_cached(client: FlaskClient) -> None:
    for answer in (client.get("/en/complain"), complain(client)):
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")
        assert answer.headers["Cache-Control"] == "no-store"


def test_sent_twice_it_is_one_complaint(client: FlaskClient) -> None:
    token = form_token(client)
    first, second = (complain(client, token=token).location for _ in range(2))
    assert first == second
    assert len(complaints()) == 1


def test_an_empty_complaint_keeps_what_was_typed(client: FlaskClient) -> None:
    answer = complain(client, message=" \u202e ", contact="kept@example.org")
    assert answer.status_code == 422
    assert "kept@example.org" in answer.text
    assert 'href="#message"' in answer.text


def test_hidden_marks_are_taken_out_and_rare_letters_stay(client: FlaskClient) -> None:
    complain(client, message="𠮷老师\x00\u202e说 👩‍🍳")
    assert complaints()[0].message == "𠮷老师说 👩‍🍳"


def test_a_foreign_token_is_refused_and_a_fresh_one_given(client: FlaskClient) -> None:
    for token in ("", "x", "e30.aaaa.bbbb"):
        answer = complain(client, token=token)
        assert answer.status_code == 422
        assert "No lunch on Monday" in answer.text
    assert complaints() == []


def test_another_site_cannot_send_it(client: FlaskClient) -> None:
    data = {"token": form_token(client), "message": "x"}
    answer = client.post("/en/complain", data=data, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_a_flood_from_one_network_is_stopped_and_others_are_not(client: FlaskClient) -> None:
    statuses = [complain(client).status_code for _ in range(7)]
    assert statuses == [303] * 5 + [429] * 2
    other = {"token": form_token(client), "message": "x"}
    assert client.post("/en/complain", data=other, environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 303
    assert len(complaints()) == 6


def test_a_campaign_that_is_not_public_cannot_be_complained_about(client: FlaskClient) -> None:
    with transaction() as session:
        factories.draft(session, ref="draft")
    for ref in ("no-such", "%", "\x00", "draft"):
        assert client.get("/en/complain", query_string={"campaign": ref}).status_code == 404
        assert complain(client, campaign=ref).status_code == 404


def test_a_late_complaint_is_marked(client: FlaskClient, sign_in: SignIn) -> None:
    with clock.frozen_at(datetime(2026, 11, 2, tzinfo=UTC)):
        complain(client)
    admin = sign_in(role="admin")
    with clock.frozen_at(datetime(2026, 11, 11, tzinfo=UTC)):
        assert "2 days late" in admin.get("/en/staff/complaints").text
        assert "1 late" in admin.get("/en/staff").text


def test_a_guessed_secret_finds_nothing(client: FlaskClient) -> None:
    for secret in ("x", "%00", "x" * 500):
        assert client.get(f"/en/complain/{secret}").status_code == 404


def test_a_number_beyond_all_numbers_is_not_there(sign_in: SignIn) -> None:
    assert sign_in(role="admin").get(f"/en/staff/complaints/{10**30}").status_code == 404
