"""A donor asks for money back behind the receipt's link; the charity accepts or declines; the donor reads the answer."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from donate import clock
from donate.db import transaction
from donate.giving.models import Checkout
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as make
from tests.giving import recorded_factories as people

TWO = (("yunxi", 1500), ("yunxi", 700))


def ask(client: FlaskClient, made: Checkout, **typed: str) -> TestResponse:
    """Sends a fresh form; what is typed replaces what stands in it."""
    page = client.get(f"/en/r/{made.secret}/money-back")
    form = dict(re.findall(r'type="hidden" name="(wish|what)" value="([^"]+)"', page.text))
    return client.post(f"/en/r/{made.secret}/money-back", data={"what": "all"} | form | typed)


def options(client: FlaskClient, made: Checkout) -> list[str]:
    return re.findall(r'<option value="([^"]+)"', client.get(f"/en/r/{made.secret}/money-back").text)


def wishes() -> list[str]:
    with transaction() as session:
        return list(session.scalars(text("SELECT state FROM refund_wish ORDER BY id")))


def wish_path() -> str:
    with transaction() as session:
        return f"/en/desk/refund-wishes/{session.execute(text('SELECT public_id FROM refund_wish')).scalar_one()}"


def test_an_accepted_wish_refunds_and_the_donor_reads_it(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings, *TWO)
    second = options(client, made)[2]
    assert ask(client, made, what=second, words="I typed 7 for 70").status_code == 303
    assert "The charity is looking at your request." in client.get(f"/en/r/{made.secret}").text
    token = people.sign_in(client, "treasurer")
    assert "Donors who ask for money back" in client.get("/en/desk/payments").text
    assert "I typed 7 for 70" in client.get(wish_path()).text
    answer = client.post(wish_path(), data={"csrf_token": token, "step": "accept"})
    assert answer.status_code == 303
    assert back.refunds() == [("pending", 700)]
    page = client.get(f"/en/r/{made.secret}").text
    assert "Your request was accepted." in page
    assert "On its way back" in page


def test_a_declined_wish_shows_its_reason_and_is_not_asked_twice(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    ask(client, made)
    token = people.sign_in(client, "owner")
    assert client.post(wish_path(), data={"csrf_token": token, "step": "decline"}).status_code == 422
    client.post(wish_path(), data={"csrf_token": token, "step": "decline", "answer": "The meals were cooked."})
    page = client.get(f"/en/r/{made.secret}").text
    assert "The meals were cooked." in page
    assert f"/en/r/{made.secret}/money-back" not in page
    again = client.post(f"/en/r/{made.secret}/money-back", data={"what": "all"})
    assert again.status_code == 409
    assert (wishes(), back.refunds()) == (["declined"], [])


def test_the_same_form_twice_is_one_wish_even_after_its_answer(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    form = dict(re.findall(r'name="(wish|what)" value="([^"]+)"', client.get(f"/en/r/{made.secret}/money-back").text))
    path = f"/en/r/{made.secret}/money-back"
    assert [client.post(path, data=form).status_code for _ in range(2)] == [303, 303]
    token = people.sign_in(client, "owner")
    client.post(wish_path(), data={"csrf_token": token, "step": "decline", "answer": "No."})
    assert client.post(path, data=form).status_code == 303
    assert wishes() == ["declined"]


def test_each_donation_has_one_open_wish(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings, *TWO)
    _, first, second = options(client, made)
    for what in (first, first, second):
        assert ask(client, made, what=what).status_code in (303, 409)
    assert wishes() == ["asked", "asked"]
    assert client.post(f"/en/r/{made.secret}/money-back", data={"what": "all"}).status_code == 409


def test_no_wish_after_its_days(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    form = dict(re.findall(r'name="(wish|what)" value="([^"]+)"', client.get(f"/en/r/{made.secret}/money-back").text))
    with clock.frozen_at(clock.now() + timedelta(days=30, minutes=1)):
        assert "money-back" not in client.get(f"/en/r/{made.secret}").text
        answer = client.post(f"/en/r/{made.secret}/money-back", data=form)
    assert (answer.status_code, "within 30 days" in answer.text, wishes()) == (409, True, [])


def test_a_wish_from_another_site_is_refused(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    answer = client.post(f"/en/r/{made.secret}/money-back", data={"what": "all"}, headers=headers)
    assert (answer.status_code, wishes()) == (403, [])


def test_nothing_chosen_is_said(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings, *TWO)
    answer = ask(client, made, what="", words="kept words")
    assert (answer.status_code, "Choose what you want back." in answer.text, "kept words" in answer.text) == (
        422,
        True,
        True,
    )


@pytest.mark.parametrize("step", ["accept", "decline"])
def test_who_decides_second_meets_what_was_decided(client: FlaskClient, settings: Settings, step: str) -> None:
    make.raising()
    made = back.paid(settings)
    ask(client, made)
    token = people.sign_in(client, "owner")
    client.post(wish_path(), data={"csrf_token": token, "step": "decline", "answer": "No."})
    answer = client.post(wish_path(), data={"csrf_token": token, "step": step, "answer": "Yes."})
    assert (answer.status_code, back.refunds(), wishes()) == (409, [], ["declined"])


def test_accepting_twice_is_one_refund(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    ask(client, made)
    token = people.sign_in(client, "owner")
    answers = [client.post(wish_path(), data={"csrf_token": token, "step": "accept"}) for _ in range(2)]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert [amount for _, amount in back.refunds()] == [1500]
