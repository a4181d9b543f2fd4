"""The doors of organisers and staff to what donors wrote and to money that is not as agreed."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from donate.db import transaction
from donate.giving.booking import move_towards
from donate.giving.sync import sync_checkout
from donate.settings import Settings
from tests.giving import factories as make
from tests.people import factories as people


def sign_in(client: FlaskClient, email: str) -> None:
    answer = client.post("/en/sign-in", data={"email": email, "password": people.PASSWORD})
    assert answer.status_code == 303, answer.text


def partner_of(ref: str) -> str:
    with transaction() as session:
        statement = "SELECT o.ref FROM campaign c JOIN organisation o ON o.id = c.partner_id WHERE c.ref = :ref"
        found: str = session.execute(text(statement), {"ref": ref}).scalar_one()
        return found


@pytest.mark.parametrize(("campaign", "is_read"), [("yunxi", True), ("noise", False)])
def test_words_are_read_by_the_campaigns_own_organiser_only(
    client: FlaskClient, settings: Settings, campaign: str, is_read: bool
) -> None:
    make.raising()
    make.noise()
    made = make.paid_in_sandbox(settings, words="<b>好好吃饭</b>", name="阿敏")
    sync_checkout(made.public_id, settings)
    with transaction() as session:
        people.user(session, email="editor@example.org", memberships=((partner_of(campaign), "editor"),))
    sign_in(client, "editor@example.org")
    page = client.get("/en/desk/messages")
    assert (page.status_code, "&lt;b&gt;好好吃饭" in page.text) == (200, is_read)


def test_staff_see_money_that_is_not_as_agreed(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = make.opened(settings)
    with transaction() as session:
        move_towards(session.connection(), make.MERCHANT, make.seen(made, currency="XXX"))
        people.user(session, email="staff@example.org", role="admin")
    sign_in(client, "staff@example.org")
    page = client.get("/en/staff/unbooked-money").text
    assert "1500 XXX" in page
    assert "15.00 CNY" in page
    assert "Not in the books" in page
