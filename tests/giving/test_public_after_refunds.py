"""What the public pages say once money went back: nothing is counted as given that is not there any more."""

import pytest
from flask.testing import FlaskClient

from donate import sequencer
from donate.db import Database, transaction
from donate.giving.merchants import merchant_of
from donate.giving.refund_sync import refresh_charge
from donate.payments.sandbox import disputes
from donate.payments.sandbox import refunds as sandbox
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as make


def lose_dispute(charge_id: str, settings: Settings) -> None:
    with transaction() as session:
        dispute_id = disputes.open_dispute(session, make.MERCHANT, charge_id).object_id
    with transaction() as session:
        disputes.close_dispute(session, make.MERCHANT, dispute_id, won=False)


@pytest.mark.parametrize("way", ["refund", "dispute"])
def test_a_donation_that_went_back_is_shown_as_given_nowhere(
    client: FlaskClient, database: Database, settings: Settings, way: str
) -> None:
    make.raising()
    make.noise()
    back.paid(settings, ("yunxi", 4200), method="card", name="留下的人", name_is_public=True)
    gone = back.paid(settings, ("yunxi", 6300), method="card", name="拿回的人", name_is_public=True)
    quiet = back.paid(settings, ("yunxi", 8400), method="card")
    sequencer.drain(database)
    before = client.get("/en/c/yunxi").text
    assert "拿回的人" in before
    assert "¥84.00" in before
    for made in (gone, quiet):
        if way == "dispute":
            lose_dispute(back.charge_of(made), settings)
        else:
            with transaction() as session:
                sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(made))
        refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)
    sequencer.drain(database)
    page = client.get("/en/c/yunxi?again").text
    assert "留下的人" in page
    assert "拿回的人" not in page
    assert "¥84.00" not in page
    assert "¥147.00 back to donors" in page


def test_a_donation_refunded_in_part_is_shown_with_what_is_left(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    make.raising()
    made = back.paid(settings, ("yunxi", 6300), method="card", name="阿敏", name_is_public=True)
    with transaction() as session:
        sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(made), 2000)
    refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)
    sequencer.drain(database)
    page = client.get("/en/c/yunxi").text
    assert "阿敏" in page
    assert "¥43.00" in page
