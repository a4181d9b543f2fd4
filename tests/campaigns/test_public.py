"""What everybody sees of campaigns: home, the list, an update, an organisation."""

from datetime import UTC, date, datetime

import pytest
from flask.testing import FlaskClient

from donate.campaigns import pages
from donate.campaigns.models import Campaign
from donate.db import Database, Role, reading, transaction
from donate.ledger import books, journal
from donate.ledger.chart import Reason, fund_code
from donate.sequencer import drain
from tests.campaigns import factories
from tests.organisations import factories as organisations

GUIZHOU, HUNAN = "520000", "430000"


@pytest.fixture
def two_counties(database: Database) -> None:
    """One campaign in Hunan, one in Guizhou, and one that nobody may see yet."""
    with transaction() as session:
        host = organisations.host(session, ref="host", name_zh="湘黔基金会", name_en="Two Rivers Foundation")
        factories.book(session, host)
        common = {"host": host, "partner": organisations.partner(session, of=host, ref="partner")}
        factories.raising(session, ref="yunxi", **common)
        factories.raising(
            session, ref="qingshi", title_zh="青石的牛奶", title_en="Milk for Qingshi", county_code="522625", **common
        )
        factories.draft(session, ref="secret", title_zh="未公开", title_en="Not public", **common)


def donate(campaign_ref: str, amount_minor: int, on: date) -> None:
    with transaction() as session:
        campaign = session.query(Campaign).filter_by(ref=campaign_ref).one()
        leg = journal.Leg(debit="clearing", credit=fund_code(campaign_ref), amount_minor=amount_minor)
        entry = journal.NewEntry(
            book_id=campaign.book_id,
            reason=Reason.DONATION,
            idempotency_key=f"donation:{campaign_ref}:{amount_minor}",
            effective_on=on,
            legs=(leg,),
            campaign=campaign_ref,
        )
        journal.post(session, [entry])


def found(**wanted: object) -> list[str]:
    with reading() as session:
        page = pages.campaigns_page(session, pages.Filter(**wanted), date(2026, 11, 23))  # type: ignore[arg-type]
    return [card.ref for card in page.cards]


@pytest.mark.usefixtures("two_counties")
def test_home_adds_up_numbered_entries_only(database: Database, client: FlaskClient) -> None:
    donate("yunxi", 1500, date(2026, 11, 22))
    drain(database)
    donate("qingshi", 9900, date(2026, 11, 22))
    with reading() as session:
        page = pages.home_page(session, date(2026, 11, 23))
    assert [(one.received_minor, one.received_units, one.day_units) for one in page.sums] == [(1500, 5, 5)]
    assert page.as_of is not None
    assert "15.00元" in client.get("/zh/").text


def test_home_stands_without_any_campaign(client: FlaskClient) -> None:
    answer = client.get("/en/")
    assert answer.status_code == 200
    assert "No campaign is open at the moment." in answer.text


@pytest.mark.usefixtures("two_counties")
def test_campaigns_are_found_by_title_and_place_in_both_scripts() -> None:
    for typed in ("青石", "milk", "镇远", "zhenyuan", "Guizhou", "贵州省", "QIANDONGNAN"):
        assert found(text=typed) == ["qingshi"], typed


@pytest.mark.usefixtures("two_counties")
def test_campaigns_are_found_by_organisation() -> None:
    assert found(text="湘黔基金") == ["qingshi", "yunxi"]


@pytest.mark.usefixtures("two_counties")
def test_campaigns_are_found_by_school() -> None:
    assert found(text="Yunxi School") == found(text="云溪小学") == ["qingshi", "yunxi"]


@pytest.mark.usefixtures("two_counties")
def test_a_county_of_another_province_gives_way(client: FlaskClient) -> None:
    text = client.get(f"/en/campaigns?province={GUIZHOU}&county=431227").text
    assert "Milk for Qingshi" in text
    assert "Lunches for Yunxi" not in text


@pytest.mark.usefixtures("two_counties")
def test_what_is_typed_is_no_pattern() -> None:
    for typed in ("%", "_", "'; DROP TABLE campaign; --", "\\", "nothing like it"):
        assert found(text=typed) == [], typed


@pytest.mark.usefixtures("two_counties")
def test_campaigns_are_listed_by_province_prefecture_and_county() -> None:
    assert found(place=GUIZHOU) == found(place="522600") == ["qingshi"]
    assert found(place="431227") == ["yunxi"]
    assert found(place="110000") == []


@pytest.mark.usefixtures("two_counties")
def test_a_draft_is_nowhere(client: FlaskClient) -> None:
    assert "secret" not in found(with_ended=True)
    assert client.get("/zh/c/secret").status_code == 404
    assert "未公开" not in client.get("/zh/").text + client.get("/zh/o/host").text


@pytest.mark.usefixtures("two_counties")
def test_pages_of_the_list_follow_each_other_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE", 1)
    with reading() as session:
        first = pages.campaigns_page(session, pages.Filter(), date(2026, 11, 23))
        second = pages.campaigns_page(session, pages.Filter(before=first.older), date(2026, 11, 23))
    assert [card.ref for card in (*first.cards, *second.cards)] == ["qingshi", "yunxi"]
    assert second.older is None


@pytest.mark.usefixtures("two_counties")
def test_a_strange_query_is_an_empty_or_a_whole_list(client: FlaskClient) -> None:
    endless = "9" * 30
    for query in (
        "province=abc",
        "county=99",
        "before=x",
        f"before={endless}",
        "before=-1",
        "q=%00%0a",
        "q=" + "好" * 500,
    ):
        assert client.get(f"/zh/campaigns?{query}").status_code == 200, query


@pytest.mark.usefixtures("two_counties")
def test_every_list_page_says_where_it_is_in_the_other_language(client: FlaskClient) -> None:
    text = client.get(f"/zh/campaigns?province={HUNAN}").text
    assert f'hreflang="en" href="http://127.0.0.1:8000/en/campaigns?province={HUNAN}"' in text
    assert f'<a href="/en/campaigns?province={HUNAN}" lang="en"' in text


def test_an_update_shows_its_text_and_harms_nobody(database: Database, client: FlaskClient) -> None:
    with transaction() as session:
        campaign = factories.raising(session, ref="yunxi")
        update = factories.update(session, campaign)
        update.body_en = "**Lit** today <script>alert(1)</script>"
        hidden = factories.update(session, campaign, publish=False)
        update_id, hidden_id = update.id, hidden.id
    text = client.get(f"/en/c/yunxi/updates/{update_id}").text
    assert "<strong>Lit</strong>" in text
    assert "<script" not in text
    assert client.get(f"/en/c/yunxi/updates/{hidden_id}").status_code == 404
    assert client.get(f"/en/c/other/updates/{update_id}").status_code == 404


def test_the_day_of_an_update_is_that_of_its_book(database: Database, client: FlaskClient) -> None:
    """Six in the morning in China is the day before in UTC."""
    with transaction() as session:
        campaign = factories.raising(session, ref="yunxi")
        update = factories.update(session, campaign)
        update.published_at = datetime(2026, 3, 1, 22, tzinfo=UTC)
        update.edited_at = datetime(2026, 3, 4, 22, tzinfo=UTC)
        update_id = update.id
    for path in ("/en/", "/en/c/yunxi", f"/en/c/yunxi/updates/{update_id}"):
        assert "2 March 2026" in client.get(path).text, path
    assert "changed on 5 March 2026" in client.get(f"/en/c/yunxi/updates/{update_id}").text


def test_an_organisation_shows_its_licence_and_says_when_it_has_run_out(
    database: Database, client: FlaskClient
) -> None:
    with transaction() as session:
        organisations.host(session, ref="valid")
        host = organisations.host(session, ref="expired", licensed=False)
        organisations.licence(session, host, number="OLD-1", from_on=date(2020, 1, 1), to_on=date(2021, 1, 1))
    assert "not valid today" not in client.get("/en/o/valid").text
    text = client.get("/en/o/expired").text
    assert "OLD-1" in text
    assert "not valid today" in text
    assert client.get("/en/o/nobody").status_code == 404


def test_an_address_that_cannot_be_is_not_found(client: FlaskClient) -> None:
    for path in ("/c/%00", "/o/%00", "/c/yunxi/updates/99999999999999999999999", "/c/" + "x" * 3000, "/c/%E4%BA%91"):
        assert client.get(f"/zh{path}").status_code == 404, path


def test_a_campaign_counts_with_the_price_of_the_day(database: Database) -> None:
    """A book of its own, so that the sum of home is this campaign's."""
    with transaction() as session:
        campaign = factories.raising(session, ref="yunxi", price_minor=400)
        book_id = campaign.book_id
    donate("yunxi", 1000, date(2026, 11, 22))
    drain(database)
    with database.reading(Role.WEB) as session:
        assert books.account_ids(session, book_id)
        assert pages.home_page(session, date(2026, 11, 23)).sums[0].received_units == 2
