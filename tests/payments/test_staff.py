"""Staff see which of the provider's messages could not be handled, and never what is in them."""

from flask.testing import FlaskClient

from donate.db import transaction
from donate.payments.gateway import Event, MerchantRef
from donate.payments.inbox import Outcome
from donate.settings import Settings
from tests.payments.test_inbox import delivered
from tests.people import factories as people


def test_a_message_that_failed_stands_on_the_staff_desk(client: FlaskClient, settings: Settings) -> None:
    def fail(merchant: MerchantRef, event: Event) -> None:
        raise LookupError("canary@example.org")

    with transaction() as session:
        people.user(session, email="staff@example.org", role="admin")
    client.post("/en/sign-in", data={"email": "staff@example.org", "password": people.PASSWORD})
    assert "Nothing stands open" in client.get("/en/staff/failed-messages").text
    assert delivered(settings, fail) is Outcome.FAILED
    assert 'href="/en/staff/failed-messages"' in client.get("/en/staff").text
    page = client.get("/en/staff/failed-messages").text
    assert "evt_1" in page
    assert "LookupError" in page
    assert "canary" not in page
