"""What the receipt of a refunded donation says."""

import pytest
from flask.testing import FlaskClient

from donate.db import transaction
from donate.giving.merchants import merchant_of
from donate.giving.refund_sync import refresh_charge
from donate.payments.sandbox import refunds as sandbox
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as make


@pytest.mark.parametrize(
    ("amount_minor", "words", "absent"),
    [(1500, "counts no more", "Refunded in part"), (400, "Refunded in part", "counts no more")],
)
def test_a_receipt_says_what_came_back(
    client: FlaskClient, settings: Settings, amount_minor: int, words: str, absent: str
) -> None:
    make.raising()
    made = back.paid(settings)
    page = client.get(f"/en/r/{made.secret}").text
    assert words not in page
    with transaction() as session:
        sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(made), amount_minor)
    refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)
    page = client.get(f"/en/r/{made.secret}").text
    assert words in page
    assert absent not in page
