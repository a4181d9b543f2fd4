"""What campaigns lend to the ledger's pages: titles, meals at the price of the day, a file of their own."""

from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from donate.auditing.queries import CampaignNames
from donate.auditing.words import direction
from donate.campaigns.models import Campaign
from donate.db import Database
from donate.ledger import books, journal
from donate.ledger.journal import Leg
from donate.sequencer import drain
from tests.campaigns import factories
from tests.ledger.factories import donation


def give(session: Session, campaign: Campaign) -> None:
    books.open_fund(session, book_id=campaign.book_id, campaign=campaign.ref)
    legs = (Leg(debit="clearing", credit=f"fund:{campaign.ref}", amount_minor=1500),)
    journal.post(session, [donation(campaign.book_id, campaign=campaign.ref, legs=legs)])


def test_a_public_campaigns_entries_carry_its_title_and_its_meals(client: FlaskClient, database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.raising(session)
        give(session, campaign)
    drain(database)
    page = client.get(f"/en/ledger?campaign={campaign.ref}").text
    assert f"Fund, {campaign.title_en}" in page
    assert "meals" in page
    assert f"/c/{campaign.ref}/ledger.csv" in page
    assert client.get(f"/c/{campaign.ref}/ledger.csv").data.count(b"\n") == 2


def test_a_campaign_that_is_not_public_stands_under_its_reference_only(client: FlaskClient, database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.draft(session)
        give(session, campaign)
    drain(database)
    page = client.get("/zh/ledger").text
    assert f"专款：{campaign.ref}" in page
    assert campaign.title_zh not in page
    assert client.get(f"/c/{campaign.ref}/ledger.csv").status_code == 404


@pytest.mark.parametrize(
    ("on", "price"),
    [(date(2021, 1, 1), 300), (date(2022, 3, 1), 400), (date(2026, 1, 1), 400), (date(2011, 1, 1), 300)],
)
def test_meals_are_counted_at_the_price_of_the_day(on: date, price: int) -> None:
    names = CampaignNames("a", "a", "a", "餐", "meal", ((date(2022, 3, 1), 400), (date(2012, 1, 1), 300)))
    assert names.price_on(on) == price


@pytest.mark.parametrize(
    ("debit", "credit", "shown"),
    [
        ("clearing", "fund:a", ("clearing", "fund:a")),
        ("fund:a", "clearing", ("fund:a", "clearing")),
        ("bank", "clearing", ("clearing", "bank")),
        ("payable:b", "bank", ("payable:b", "bank")),
    ],
)
def test_money_is_shown_going_where_it_went(debit: str, credit: str, shown: tuple[str, str]) -> None:
    assert direction(debit, credit) == shown
