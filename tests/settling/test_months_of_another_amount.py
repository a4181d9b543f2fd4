"""A month of a standing promise that is charged in another amount, since its price was changed at the provider."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from donate import clock
from donate.db import Database, transaction
from donate.giving import unexplained
from donate.giving.models import Booked, Checkout, UnbookedMoney
from donate.giving.refund_sync import send_refund
from donate.payments.sandbox import store
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as giving
from tests.giving.test_recurring import deliver_all, only, pass_months, promised, subscription_of
from tests.giving.test_refund_pages import staff
from tests.settling import factories as make

FEE = 71  # of 14.00 by card


@pytest.fixture
def month(client: FlaskClient, settings: Settings) -> Checkout:
    """15.00 were promised a month, and 14.00 were charged for the second: in suspense, its fee known."""
    promised(settings)
    deliver_all(client, settings)
    with transaction() as session:
        row = store.find(session, giving.MERCHANT, "subscription", subscription_of(settings), lock=True)
        assert row is not None
        item = row.body["items"]["data"][0]
        price = {**item["price"], "unit_amount": 1400}
        row.body = {**row.body, "items": {**row.body["items"], "data": [{**item, "price": price}]}}
    pass_months(settings)
    deliver_all(client, settings)
    with clock.frozen_at(clock.now() + giving.FEE_KNOWN):
        deliver_all(client, settings)
    with transaction() as session:
        return session.scalars(select(Checkout).where(Checkout.booked_as == Booked.SUSPENSE.value)).one()


def money() -> int:
    with transaction() as session:
        return session.scalars(select(UnbookedMoney.id)).one()


def settled(settings: Settings) -> None:
    with make.days_later(9):
        make.pay_out()
        with make.days_later(3):
            assert make.kinds(make.run(settings)) == []


def test_its_settlement_is_the_sum_of_its_shares(settings: Settings, month: Checkout, database: Database) -> None:
    settled(settings)
    assert make.share_codes() == {"fund:yunxi": 1500 - 74, "suspense": 1400 - FEE}
    assert make.failing(database) == ["suspense_is_empty"]


def test_it_may_count_for_its_campaign_in_what_was_charged(
    settings: Settings, month: Checkout, database: Database
) -> None:
    with transaction() as session:
        assert unexplained.ways_out(session, money()) == {unexplained.Way.CLEAR, unexplained.Way.REFUND}
        unexplained.clear_to_donations(session, money(), by=1, note="the donor wanted less")
    settled(settings)
    assert make.share_codes() == {"fund:yunxi": 1500 - 74 + 1400 - FEE}
    assert make.available() == 1500 - 74 + 1400 - FEE
    assert make.failing(database) == []


def test_it_may_count_after_it_has_reached_the_bank(settings: Settings, month: Checkout, database: Database) -> None:
    settled(settings)
    with make.days_later(13):
        with transaction() as session:
            unexplained.clear_to_donations(session, money(), by=1, note="the donor wanted less")
        make.run(settings)
    assert make.available() == 1500 - 74 + 1400 - FEE
    assert make.failing(database) == []


def test_it_may_be_sent_back(client: FlaskClient, settings: Settings, month: Checkout, database: Database) -> None:
    with transaction() as session:
        public_id = unexplained.refund_unexplained(session, money(), by=1, note="nobody agreed to it").public_id
    send_refund(public_id, settings)
    assert back.refunds() == [("succeeded", 1400)]
    assert "this payment was sent back" in client.get(f"/en/monthly/{only().secret}").text
    settled(settings)
    found = back.balances()
    assert (found.get("suspense", 0), found["general"]) == (0, FEE)
    assert make.failing(database) == []


def test_staff_see_its_payment_and_its_fee(client: FlaskClient, settings: Settings, month: Checkout) -> None:
    staff(client)
    page = client.get(f"/en/staff/unbooked-money/{money()}").text
    assert f"/en/staff/payments/{month.public_id}" in page
    assert "0.71" in page
