"""Signing in and out through the doors."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from donate import clock
from donate.db import transaction
from donate.people import entrance, passwords, queries, service
from donate.people.models import LimitCount, User
from tests.people.factories import PASSWORD, user

EMAIL = "li.na@example.org"


@pytest.fixture(autouse=True)
def li_na(app: Flask) -> User:
    with transaction() as session:
        user(session, email="noise@example.org", password="the password of another")
        return user(session, email=EMAIL, name="李娜")


def sign_in(client: FlaskClient, *, password: str = PASSWORD, email: str = EMAIL, onward: str | None = None, **more):
    form = {"email": email, "password": password} | ({"next": onward} if onward else {})
    return client.post("/en/sign-in", data=form, **more)


def test_the_right_password_opens_the_door(client: FlaskClient) -> None:
    answer = sign_in(client, email=" LI.NA@example.org ")
    assert (answer.status_code, answer.location) == (303, "/en/home")
    assert client.get("/en/home").location == "/en/password"
    assert "李娜" in client.get("/en/password").text


def test_nobody_gets_a_cookie_before_signing_in(client: FlaskClient) -> None:
    for answer in (client.get("/en/sign-in"), sign_in(client, password="wrong")):
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.vary


def test_the_cookie_is_kept_from_scripts_and_other_sites(client: FlaskClient) -> None:
    cookie = sign_in(client).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_unknown_email_and_wrong_password_get_the_same_answer(client: FlaskClient) -> None:
    wrong = sign_in(client, password="not the password")
    unknown = sign_in(client, email="xx.xx@example.org", password="not the password")
    assert wrong.status_code == unknown.status_code == 422
    assert wrong.text.replace(EMAIL, "xx.xx@example.org") == unknown.text
    assert "is not right" in wrong.text


def test_an_unknown_email_costs_one_verification_as_well(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    ours = passwords.current()
    matches = ours.matches
    monkeypatch.setattr(ours, "matches", lambda known, given: asked.append(known is None) or matches(known, given))
    sign_in(client, email="unknown@example.org")
    assert asked == [True]


def test_a_deactivated_user_stays_outside(client: FlaskClient, li_na: User) -> None:
    with transaction() as session:
        service.deactivate(session, user_id=li_na.id)
    assert sign_in(client).status_code == 422


def test_too_many_wrong_passwords_close_the_door_to_the_right_one(client: FlaskClient) -> None:
    for _ in range(entrance.MOST_BY_BOTH):
        assert sign_in(client, password="wrong").status_code == 422
    closed = sign_in(client)
    assert closed.status_code == 429
    assert "15 minutes" in closed.text
    assert sign_in(client, environ_base={"REMOTE_ADDR": "198.51.100.7"}).status_code == 303


def test_one_email_is_counted_over_all_networks(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "MOST_BY_EMAIL", 3)
    for number in range(3):
        sign_in(client, password="wrong", environ_base={"REMOTE_ADDR": f"198.51.{number}.7"})
    assert sign_in(client, environ_base={"REMOTE_ADDR": "203.0.113.7"}).status_code == 429


def test_a_network_is_counted_over_all_emails(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "MOST_BY_NETWORK", 3)
    for number in range(3):
        sign_in(client, email=f"guess{number}@example.org")
    assert sign_in(client).status_code == 429
    assert sign_in(client, environ_base={"REMOTE_ADDR": "198.51.100.7"}).status_code == 303


def test_the_right_password_forgets_the_wrong_ones(client: FlaskClient) -> None:
    for _ in range(entrance.MOST_BY_BOTH - 1):
        sign_in(client, password="wrong")
    sign_in(client)
    assert sign_in(client, password="wrong").status_code == 422
    with transaction() as session:
        counts = session.scalars(select(LimitCount.count).where(LimitCount.scope != entrance.NETWORK_SCOPE)).all()
    assert counts == [1, 1]


def test_a_hash_of_weaker_parameters_is_renewed(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_passwords", passwords.Passwords())
    sign_in(client)
    with transaction() as session:
        _, stored = queries.password_hash_of(session, EMAIL) or (0, "")
    assert "m=65536" in stored


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.example",
        "//evil.example/zh/",
        "/\\evil.example",
        "/zh/\\..\\evil",
        "javascript:alert(1)",
        "/en/x\r\nSet-Cookie: a=b",
        "zh/desk",
    ],
)
def test_the_way_on_never_leads_to_another_site(client: FlaskClient, onward: str) -> None:
    assert sign_in(client, onward=onward).location == "/en/home"


def test_the_way_on_leads_back_to_the_page_that_was_asked_for(client: FlaskClient) -> None:
    asked = client.get("/en/password?x=1")
    assert (asked.status_code, asked.location) == (303, "/en/sign-in?next=/en/password?x%3D1")
    assert sign_in(client, onward="/en/password?x=1").location == "/en/password?x=1"


def test_a_sign_in_sent_by_another_site_is_refused(client: FlaskClient) -> None:
    assert sign_in(client, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_the_session_is_a_new_one_after_signing_in(client: FlaskClient) -> None:
    sign_in(client)
    with client.session_transaction() as cookie:
        cookie["planted"] = "by somebody who shared the browser"
    sign_in(client)
    with client.session_transaction() as cookie:
        assert "planted" not in cookie


def test_signing_out_removes_the_cookie(client: FlaskClient) -> None:
    sign_in(client)
    answer = client.post("/en/sign-out")
    assert answer.status_code == 303
    assert client.get("/en/password").status_code == 303
    assert client.get("/en/sign-out").status_code == 405


def test_raising_the_version_ends_the_session(client: FlaskClient, li_na: User) -> None:
    sign_in(client)
    with transaction() as session:
        service.end_sessions(session, user_id=li_na.id)
    assert client.get("/en/password").status_code == 303


def test_a_session_ends_after_twelve_idle_hours(client: FlaskClient) -> None:
    cookie = sign_in(client).headers["Set-Cookie"]
    assert "Expires=" in cookie


def test_signed_in_pages_are_kept_by_no_cache(client: FlaskClient) -> None:
    sign_in(client)
    assert client.get("/en/password").headers["Cache-Control"] == "no-store"


def change(client: FlaskClient, *, present: str = PASSWORD, new: str = "a new and long one", again: str | None = None):
    token = client.get("/en/password").text.split('name="csrf_token" value="')[1].split('"')[0]
    form = {"present": present, "password": new, "again": new if again is None else again, "csrf_token": token}
    return client.post("/en/password", data=form)


def test_changing_the_password_ends_the_other_sessions_only(app: Flask, client: FlaskClient) -> None:
    elsewhere = app.test_client()
    sign_in(elsewhere)
    sign_in(client)
    assert change(client).status_code == 303
    assert client.get("/en/password").status_code == 200
    assert elsewhere.get("/en/password").status_code == 303
    assert sign_in(elsewhere).status_code == 422
    assert sign_in(elsewhere, password="a new and long one").status_code == 303


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"present": "wrong"}, "not your present password"),
        ({"new": "short"}, "at least 12 characters"),
        ({"again": "something else"}, "not the same"),
    ],
)
def test_a_refused_new_password_says_why(client: FlaskClient, given: dict[str, str], words: str) -> None:
    sign_in(client)
    answer = change(client, **given)
    assert answer.status_code == 422
    assert words in answer.text
    assert sign_in(client).status_code == 303


def test_a_form_without_its_token_is_refused(client: FlaskClient) -> None:
    sign_in(client)
    answer = client.post("/en/password", data={"present": PASSWORD, "password": "x" * 20, "again": "x" * 20})
    assert answer.status_code == 400
    assert "grown too old" in answer.text
    assert sign_in(client).status_code == 303


def test_a_recent_sign_in_is_asked_for_again_after_ten_minutes(app: Flask, client: FlaskClient) -> None:
    from donate.people import signin

    app.add_url_rule("/zh/approve", view_func=lambda: signin.require_fresh().name)
    sign_in(client)
    assert client.get("/zh/approve").text == "李娜"
    with clock.frozen_at(clock.now() + timedelta(minutes=11)):
        assert client.get("/zh/approve").location == "/zh/sign-in?next=/zh/approve"
    assert client.get("/zh/approve", headers={"User-Agent": "another device"}).status_code == 303


@pytest.mark.parametrize(
    ("role", "memberships", "desk"),
    [
        ("admin", (), "/en/staff"),
        ("auditor", (), "/en/audit"),
        (None, (("a-partner", "editor"),), "/en/desk"),
        (None, (("no-host", "reviewer"),), "/en/password"),
    ],
)
def test_signing_in_leads_to_the_desk_of_the_users_role(
    client: FlaskClient, role: str | None, memberships: tuple[tuple[str, str], ...], desk: str
) -> None:
    with transaction() as session:
        user(session, email="wu@example.org", role=role, memberships=memberships)
    sign_in(client, email="wu@example.org")
    assert client.get("/en/home").location == desk
