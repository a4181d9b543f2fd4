"""The page of a campaign: figures of numbered entries, names by consent, few statements, the form to give."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from html import unescape
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select

from donate import clock, translations
from donate.campaigns.models import Campaign, UnitPrice
from donate.campaigns.plan import PLAN
from donate.db import Database, Role, reading, transaction
from donate.giving.models import Checkout, Donation, DonationPrivate
from donate.giving.pages import recent_donations
from donate.ledger import books, journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.models import MerchantAccount
from donate.organisations.models import Licence, Organisation
from donate.sequencer import drain
from tests.campaigns import factories as campaigns
from tests.giving import factories
from tests.organisations import factories as organisations

CANARY = "Canary Kanarienvogel"


@pytest.fixture
def campaign(database: Database) -> str:
    factories.noise()
    return factories.raising("yunxi")


def give(
    ref: str, amount_minor: int, *, name: str | None = None, is_public: bool = False, on: date | None = None
) -> int:
    """A booked donation, through the journal; the entry's id."""
    with transaction() as session:
        campaign = session.scalars(select(Campaign).filter_by(ref=ref)).one()
        merchant = session.scalars(select(MerchantAccount.id).filter_by(book_id=campaign.book_id)).one()
        checkout = Checkout(
            book_id=campaign.book_id,
            merchant_account_id=merchant,
            amount_minor=amount_minor,
            currency="CNY",
            method="alipay",
            secret=str(uuid4()),
            content_sha256=b"content",
            locale="en",
            expires_at=clock.now(),
        )
        session.add(checkout)
        session.flush()
        donation = Donation(
            checkout_id=checkout.id, campaign_ref=ref, amount_minor=amount_minor, name_is_public=is_public
        )
        session.add(donation)
        session.flush()
        if name is not None:
            session.add(DonationPrivate(donation_id=donation.id, name=name))
        entry = journal.NewEntry(
            book_id=campaign.book_id,
            reason=Reason.DONATION,
            idempotency_key=donation.entry_key,
            effective_on=on or clock.today("Asia/Shanghai"),
            legs=(journal.Leg(debit="clearing", credit=fund_code(ref), amount_minor=amount_minor),),
            campaign=ref,
        )
        return journal.post(session, [entry])[0].entry_id


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    engine = database.engine(Role.WEB)
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_a_cold_page_costs_two_statements(database: Database, client: FlaskClient, campaign: str) -> None:
    give(campaign, 1500, name="阿敏", is_public=True)
    drain(database)
    with counted(database) as statements:
        assert client.get("/zh/c/yunxi").status_code == 200
    assert len(statements) == 2


def test_a_warm_page_costs_none(database: Database, client: FlaskClient, campaign: str) -> None:
    client.get("/zh/c/yunxi")
    with counted(database) as statements:
        client.get("/zh/c/yunxi")
    assert statements == []


def test_the_page_counts_numbered_entries_and_says_as_of_which(
    database: Database, client: FlaskClient, campaign: str
) -> None:
    give(campaign, 1500)
    drain(database)
    give(campaign, 9900)
    text = client.get("/en/c/yunxi").text
    assert "¥15.00" in text
    assert "¥114.00" not in text
    assert "As of entry" in text


def test_a_name_is_shown_only_with_its_donor_s_consent(database: Database, client: FlaskClient, campaign: str) -> None:
    give(campaign, 300, name=CANARY, is_public=False)
    give(campaign, 600, name="阿敏", is_public=True)
    drain(database)
    text = client.get("/en/c/yunxi").text
    assert "阿敏" in text
    assert CANARY not in text
    assert "one other, unnamed" in text


def test_a_name_waits_for_its_number(database: Database, client: FlaskClient, campaign: str) -> None:
    give(campaign, 600, name="阿敏", is_public=True)
    assert "阿敏" not in client.get("/en/c/yunxi").text


def reverse(entry_id: int, campaign: str) -> int:
    """Undo an entry; the book's id."""
    with transaction() as session:
        book_id = session.scalars(select(Campaign.book_id).filter_by(ref=campaign)).one()
        journal.reverse(
            session,
            book_id=book_id,
            entry_id=entry_id,
            idempotency_key=f"undo:{entry_id}",
            note="booked twice",
            effective_on=clock.today("Asia/Shanghai"),
        )
    return book_id


def test_a_reversed_donation_loses_its_line(database: Database, campaign: str) -> None:
    book_id = reverse(give(campaign, 600, name="阿敏", is_public=True), campaign)
    drain(database)
    with reading() as session:
        recent = recent_donations(session, book_id, campaign, clock.today("Asia/Shanghai"))
    assert (recent.named, recent.others) == ((), ())


def test_the_others_of_a_day_hold_nothing_that_was_reversed(database: Database, campaign: str) -> None:
    today = clock.today("Asia/Shanghai")
    give(campaign, 300, on=today)
    give(campaign, 9900, on=today - timedelta(days=4))
    for day in (0, 0, 1, 2, 3):
        reverse(give(campaign, 700, on=today - timedelta(days=day)), campaign)
    drain(database)
    give(campaign, 600)
    with reading() as session:
        book_id = session.scalars(select(Campaign.book_id).filter_by(ref=campaign)).one()
        recent = recent_donations(session, book_id, campaign, today)
    assert [(line.day, line.donation_count, line.amount_minor) for line in recent.others] == [
        (today, 1, 300),
        (today - timedelta(days=4), 1, 9900),
    ]


def test_a_reversal_that_is_not_numbered_yet_takes_nothing_away_twice(database: Database, campaign: str) -> None:
    today = clock.today("Asia/Shanghai")
    give(campaign, 300, on=today)
    entry_id = give(campaign, 700, on=today)
    drain(database)
    book_id = reverse(entry_id, campaign)
    reverse(give(campaign, 900, on=today), campaign)
    for _ in range(2):
        with reading() as session:
            recent = recent_donations(session, book_id, campaign, today)
        assert [(line.donation_count, line.amount_minor) for line in recent.others] == [(1, 300)]
        drain(database)


def test_the_others_of_a_day_are_one_line_without_those_who_are_named(database: Database, campaign: str) -> None:
    today = clock.today("Asia/Shanghai")
    give(campaign, 600, name="阿敏", is_public=True, on=today)
    give(campaign, 300, on=today)
    give(campaign, 1500, on=today)
    give(campaign, 700, on=today - timedelta(days=1))
    drain(database)
    with reading() as session:
        book_id = session.scalars(select(Campaign.book_id).filter_by(ref=campaign)).one()
        recent = recent_donations(session, book_id, campaign, today)
    assert [(line.day, line.donation_count, line.amount_minor) for line in recent.others] == [
        (today, 2, 1800),
        (today - timedelta(days=1), 1, 700),
    ]


def test_the_form_leads_to_the_give_page_and_holds_nothing_of_its_reader(client: FlaskClient, campaign: str) -> None:
    text = client.get("/en/c/yunxi").text
    assert '<form class="sheet form" action="/en/give/yunxi" method="get"' in text
    assert 'name="amount" value="15.00"' in text
    assert "checked" not in text
    assert "csrf" not in text


def test_the_amounts_offered_are_ones_that_can_be_paid(database: Database, client: FlaskClient) -> None:
    factories.raising("yunxi", merchant=None)
    with transaction() as session:
        book_id = session.scalars(select(Campaign.book_id).filter_by(ref="yunxi")).one()
        factories.open_merchant(session, book_id, "cards", tariff="overseas")
    offered = [
        re.findall(r'name="amount" value="([0-9.]+)"', client.get(f"/en/{path}/yunxi").text) for path in ("c", "give")
    ]
    assert offered == [["15.00", "60.00", "180.00", "540.00"]] * 2  # a card takes no 3.00


def test_an_expired_licence_takes_the_form_away_and_says_why(database: Database, client: FlaskClient) -> None:
    factories.raising("yunxi")
    with transaction() as session:
        host_id = session.scalars(select(Campaign.host_id).filter_by(ref="yunxi")).one()
        for licence in session.scalars(select(Licence).filter_by(organisation_id=host_id)):
            licence.valid_to_on = date(2026, 1, 2)
    text = client.get("/en/c/yunxi").text
    assert "No donations at the moment" in text
    assert "is not valid today" in text
    assert 'name="amount"' not in text


def test_a_campaign_whose_licence_does_not_count_is_shown_as_paused_everywhere(
    database: Database, client: FlaskClient
) -> None:
    factories.noise()
    factories.raising("yunxi")
    with transaction() as session:
        host_id = session.scalars(select(Campaign.host_id).filter_by(ref="yunxi")).one()
        for licence in session.scalars(select(Licence).filter_by(organisation_id=host_id)):
            licence.valid_to_on = date(2026, 1, 2)
        host = session.get_one(Organisation, host_id).ref
    for path in ("/en/c/yunxi", f"/en/o/{host}"):
        text = client.get(path).text
        assert ("Donations paused" in text, "Raising" in text) == (True, False), path
    for path in ("/en/", "/en/campaigns"):
        text = client.get(path).text
        assert (text.count("Donations paused"), text.count("</svg>Raising</span>")) == (1, 1), path


def test_the_page_closes_with_the_last_day_of_its_own_book(database: Database, client: FlaskClient) -> None:
    """At seven in the evening of the last day in New York it is the next day in China."""
    last = clock.today("America/New_York")
    with transaction() as session:
        host = factories.host(session, ref="abroad")
        book = books.open_book(
            session, ref="abroad-usd", host="abroad", currency="USD", mode="sandbox", time_zone="America/New_York"
        )
        factories.open_merchant(session, book.id, "abroad", tariff="overseas")
        campaigns.raising(session, ref="abroad", host=host, ends_on=last)
    evening = datetime.combine(last, time(19), ZoneInfo("America/New_York"))
    with clock.frozen_at(evening):
        assert 'action="/en/give/abroad"' in client.get("/en/c/abroad").text
        assert client.get("/en/give/abroad").status_code == 200
    with clock.frozen_at(evening + timedelta(hours=6)):
        assert 'action="/zh/give/abroad"' not in client.get("/zh/c/abroad").text


def test_the_price_has_its_history_and_its_source(database: Database, client: FlaskClient, campaign: str) -> None:
    with transaction() as session:
        campaign_id = session.scalars(select(Campaign.id).filter_by(ref=campaign)).one()
        session.add(
            UnitPrice(
                campaign_id=campaign_id,
                effective_on=date(2026, 3, 2),
                amount_minor=350,
                source_zh="菜价上涨",
                source_en="Vegetables cost more",
                recorded_at=clock.now(),
            )
        )
    text = client.get("/en/c/yunxi").text
    assert "One meal costs ¥3.50." in text
    assert "County average" in text
    assert "Vegetables cost more" in text


# What the law wants to be shown beside the plan's own fields: label -> what stands behind it, by language.
LEGAL = {
    "Charity that raises the money": ("云溪基金会", "Yunxi Foundation"),
    "Public fundraising licence": (
        "53430000MJ0000000X有效至2027年12月31日",
        "53430000MJ0000000Xvalid to 31 December 2027",
    ),
    "Unified social credit code": ("53430000MJ0000000C", "53430000MJ0000000C"),
    "Filing number": ("53430000MJ0000000XA26003", "53430000MJ0000000XA26003"),
    "Carried out by": ("云溪服务队", "Yunxi Group"),
    "Donations are taken": ("2026年3月1日至2027年2月28日", "1 March 2026 to 28 February 2027"),
    "Schools": ("云溪小学", "Yunxi School"),
    "How to look into the use": (
        "任何人都可以查询、复制本项目的使用记录：查看公开账本，下载CSV文件，"
        "或联系云溪基金会索取：0745-1111111、books@example.org。",
        "Anybody may look up and copy this campaign’s records of use: in the public ledger, as a CSV file, "
        "or from Yunxi Foundation on request: 0745-1111111, books@example.org.",
    ),
    "Questions and complaints": ("五个工作日内答复", "Answered within five working days"),
}


def lawful(**overrides: str) -> None:
    """A campaign in which every column of the plan says something else than all others."""
    words = {column: f"{column} of yunxi" for field in PLAN for column in field.columns}
    with transaction() as session:
        host = organisations.host(
            session,
            ref="yunxi-host",
            name_zh="云溪基金会",
            name_en="Yunxi Foundation",
            credit_code="53430000MJ0000000C",
            **({"phone": "0745-1111111", "email": "books@example.org"} | overrides),
        )
        partner = organisations.partner(session, of=host)
        partner.name_zh, partner.name_en = "云溪服务队", "Yunxi Group"
        campaigns.book(session, host)
        campaigns.raising(session, ref="yunxi", host=host, partner=partner, **words)


def legal_box(page: str) -> dict[str, str]:
    """What the legal box says: label -> words."""
    box = page.partition('<div class="legal">')[2].partition("</dl>")[0]
    pairs = re.findall(r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", box, re.DOTALL)
    return {label: unescape(re.sub("<[^>]+>", "", said)).strip() for label, said in pairs}


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_the_legal_box_holds_every_field_of_the_plan_and_what_else_the_law_asks_for(
    database: Database, client: FlaskClient, locale: str
) -> None:
    lawful()
    plan = {field.label: f"{field.name}_{locale}" if field.is_pair else field.name for field in PLAN}
    wanted = {label: f"{column} of yunxi" for label, column in plan.items()}
    wanted |= {label: said[locale == "en"] for label, said in LEGAL.items()}
    with translations.speaking(locale):
        wanted = {translations.said(label): said for label, said in wanted.items()}
    assert legal_box(client.get(f"/{locale}/c/yunxi").text) == wanted


def test_who_has_no_contact_is_asked_over_the_campaigns_own(database: Database, client: FlaskClient) -> None:
    lawful(phone="", email="")
    assert legal_box(client.get("/en/c/yunxi").text)["How to look into the use"].endswith("request: contact of yunxi.")


def test_the_legal_box_leads_to_the_records_of_use(database: Database, client: FlaskClient) -> None:
    lawful()
    box = client.get("/en/c/yunxi").text.partition('<div class="legal">')[2].partition("</dl>")[0]
    links = dict(re.findall(r'<a href="([^"]+)">([^<]+)</a>', box))
    assert {"/en/ledger?campaign=yunxi", "/c/yunxi/ledger.csv"} <= set(links)
    assert {path: client.get(path).status_code for path in links} == dict.fromkeys(links, 200)


def test_titles_are_text_and_nothing_else(database: Database, client: FlaskClient) -> None:
    factories.raising("yunxi", title_en="<b>Lunch</b> & more", story_en="[a](javascript:alert(1))")
    text = client.get("/en/c/yunxi").text
    assert "&lt;b&gt;Lunch&lt;/b&gt; &amp; more" in text
    assert 'href="javascript' not in text


def test_an_unknown_campaign_is_a_page_that_says_so(client: FlaskClient, database: Database) -> None:
    answer = client.get("/zh/c/nobody")
    assert answer.status_code == 404
    assert "<html" in answer.text
