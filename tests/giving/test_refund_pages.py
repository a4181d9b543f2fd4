"""The staff, and a host's owner or treasurer, find a payment, refund it and read what the provider answered."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from donate import clock, sequencer
from donate.db import Database, transaction
from donate.giving.merchants import merchant_of
from donate.giving.models import Checkout
from donate.giving.refund_sync import refresh_charge
from donate.payments.gateway import ProviderUnavailable
from donate.payments.sandbox import disputes
from donate.payments.sandbox import refunds as sandbox
from donate.payments.stripe import StripeGateway
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as make
from tests.giving import recorded_factories as people
from tests.people import factories as users

DESK = "/en/desk/payments"


def staff(client: FlaskClient) -> str:
    """Signs an administrator in; the token of their forms."""
    with transaction() as session:
        user = users.user(session, email="staff@example.org", role="admin")
    form = {"email": user.email, "password": users.PASSWORD, "next": "/en/password"}
    page = client.post("/en/sign-in", data=form, follow_redirects=True)
    return page.text.split('name="csrf_token" value="')[1].split('"')[0]


def refund_form(client: FlaskClient, path: str) -> dict[str, str]:
    """The fields of the refund form as they come."""
    page = client.get(f"{path}/refund")
    assert page.status_code == 200, page.text
    return dict(re.findall(r'name="((?:refund|amount-\d))"[^>]* value="([^"]*)"', page.text))


def send(client: FlaskClient, path: str, token: str, **form: str) -> TestResponse:
    return client.post(path, data={"csrf_token": token, **form})


def path_of(made: Checkout, desk: str = DESK) -> str:
    return f"{desk}/{made.public_id}"


def test_a_treasurer_refunds_part_of_one_donation(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings, ("yunxi", 1500), ("yunxi", 700))
    token = people.sign_in(client, "treasurer")
    form = refund_form(client, path_of(made))
    assert (form["amount-0"], form["amount-1"]) == ("15.00", "7.00")
    answer = send(client, f"{path_of(made)}/refund", token, **form | {"amount-0": "5", "amount-1": ""}, note="by phone")
    assert answer.status_code == 303, answer.text
    assert make.Booked("refund", "yunxi", "fund:yunxi", "clearing", 500) in make.booked()
    page = client.get(answer.headers["Location"]).text
    assert "On its way back" in page
    assert "by phone" in page
    assert "¥10.00" in client.get(f"{path_of(made)}/refund").text


def test_the_same_form_twice_is_one_refund(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    token = people.sign_in(client, "treasurer")
    form = refund_form(client, path_of(made)) | {"amount-0": "5.00", "note": "by phone"}
    answers = [send(client, f"{path_of(made)}/refund", token, **form) for _ in range(2)]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert [amount for _, amount in back.refunds()] == [500]


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"amount-0": "15.01"}, "amount-0", "At most 15.00 CNY can be refunded here."),
        ({"amount-0": ""}, "amount-0", "Say how much goes back"),
        ({"amount-0": "x"}, "amount-0", ""),
        ({"note": " "}, "note", "Write down why."),
        ({"refund": "no"}, "", "changed on its way"),
    ],
)
def test_a_form_that_cannot_be_used_is_redrawn(
    client: FlaskClient, settings: Settings, typed: dict[str, str], field: str, sentence: str
) -> None:
    make.raising()
    made = back.paid(settings)
    token = people.sign_in(client, "treasurer")
    form = refund_form(client, path_of(made)) | {"note": "kept words"} | typed
    answer = send(client, f"{path_of(made)}/refund", token, **form)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'href="#{field}"' in answer.text or not field
    assert "kept words" in answer.text or "note" in typed
    assert back.refunds() == []


def test_a_refund_wants_a_fresh_sign_in_before_anything_is_typed(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    token = people.sign_in(client, "treasurer")
    form = refund_form(client, path_of(made)) | {"note": "late"}
    with clock.frozen_at(clock.now() + timedelta(minutes=11)):
        for answer in (client.get(f"{path_of(made)}/refund"), send(client, f"{path_of(made)}/refund", token, **form)):
            assert (answer.status_code, "/en/sign-in?next=" in answer.headers["Location"]) == (303, True)
    assert back.refunds() == []


@pytest.mark.parametrize("role", ["editor", "reviewer"])
def test_others_of_the_host_do_not_see_its_payments(client: FlaskClient, settings: Settings, role: str) -> None:
    make.raising()
    made = back.paid(settings, name="阿敏")
    people.sign_in(client, role)
    assert client.get(path_of(made)).status_code in (403, 404)
    assert "阿敏" not in client.get(DESK).text


def test_another_hosts_treasurer_finds_nothing(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    make.noise()
    made = back.paid(settings)
    token = people.sign_in(client, "treasurer", organisation=people.host_of("noise"))
    for path in (path_of(made), f"{path_of(made)}/refund"):
        assert client.get(path).status_code == 404
    answer = send(client, DESK, token, find=made.secret)
    assert (answer.status_code, "No payment is found" in answer.text) == (422, True)
    assert str(made.public_id) not in client.get(DESK).text


@pytest.mark.parametrize("what", ["number", "link", "secret", "charge", "id"])
def test_a_payment_is_found_by_what_people_have_at_hand(
    client: FlaskClient, settings: Settings, database: Database, what: str
) -> None:
    make.raising()
    made = back.paid(settings)
    sequencer.drain(database)
    with transaction() as session:
        number = session.execute(text("SELECT year || '-' || lpad(number::text, 7, '0') FROM receipt_number")).scalar()
    sought = {
        "number": f"No. {number}",
        "link": f"https://example.org/zh/r/{made.secret}",
        "secret": made.secret,
        "charge": back.charge_of(made),
        "id": str(made.public_id),
    }[what]
    token = staff(client)
    answer = send(client, "/en/staff/payments", token, find=sought)
    assert answer.headers.get("Location") == path_of(made, "/en/staff/payments")
    assert made.secret not in answer.headers["Location"]
    assert client.get(answer.headers["Location"]).status_code == 200


def test_a_refusal_is_said_in_our_words(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    token = staff(client)
    path = path_of(made, "/en/staff/payments")
    form = refund_form(client, path) | {"note": "late"}
    real = StripeGateway.read_charge

    def refunded_meanwhile(self: StripeGateway, charge_id: str) -> object:
        found = real(self, charge_id)
        with transaction() as session:
            if not back.refunds():
                sandbox.refund_in_dashboard(session, make.MERCHANT, charge_id)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StripeGateway, "read_charge", refunded_meanwhile)
        answer = send(client, f"{path}/refund", token, **form)
    page = client.get(answer.headers["Location"]).text
    assert "had been refunded whole already" in page
    assert "charge_already_refunded" in page
    assert sorted(back.refunds()) == [("pending", 1500), ("refused", 1500)]


def test_a_provider_that_does_not_answer_refunds_nothing(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    token = staff(client)
    path = path_of(made, "/en/staff/payments")
    form = refund_form(client, path) | {"note": "late"}

    def silent(self: StripeGateway, charge_id: str) -> object:
        raise ProviderUnavailable

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StripeGateway, "read_charge", silent)
        answer = send(client, f"{path}/refund", token, **form)
    assert (answer.status_code, "does not answer" in answer.text) == (503, True)
    assert back.refunds() == []


def test_a_refund_that_came_back_says_why(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    with transaction() as session:
        refund_id = sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(made)).object_id
    refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)
    with transaction() as session:
        sandbox.fail_refund(session, make.MERCHANT, refund_id, "expired_or_canceled_card")
    refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)
    people.sign_in(client, "owner")
    assert "has expired or was closed" in client.get(path_of(made)).text


def test_disputes_show_their_day_of_evidence_and_stop_refunds(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings, method="card")
    with transaction() as session:
        disputes.open_dispute(session, make.MERCHANT, back.charge_of(made))
    refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)
    people.sign_in(client, "treasurer")
    page = client.get("/en/desk/disputes").text
    assert "Evidence is due at the payment provider by" in page
    assert "did not pay" in page
    assert "One dispute is open" in client.get(DESK).text or "1 dispute is open" in client.get(DESK).text
    assert client.get(f"{path_of(made)}/refund").headers["Location"] == path_of(made)


def test_a_warning_stands_with_its_refund(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings, method="card")
    with transaction() as session:
        disputes.warn_of_fraud(session, make.MERCHANT, back.charge_of(made))
    while any(make.deliver(client, settings)):
        pass
    people.sign_in(client, "treasurer")
    assert "Refunded at once" in client.get("/en/desk/disputes").text
    assert "Refunded at once" in client.get(path_of(made)).text
