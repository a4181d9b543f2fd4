from contextlib import nullcontext
from datetime import date

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError

from donate.campaigns import service
from donate.campaigns.lifecycle import MoveNotPossible, State
from donate.campaigns.models import CampaignVersion, UnitPrice
from donate.campaigns.plan import PlanIncomplete
from donate.campaigns.prices import PriceInThePast, PriceOutOfRange, PriceSetAlready, price_history, price_on, set_price
from donate.campaigns.service import (
    DaysTurnedAround,
    GoalOutOfRange,
    HostNotAvailable,
    LastDayPassed,
    PlanIsFixed,
    SchoolName,
    TitleMissing,
    TooManySchools,
)
from donate.db import Database
from donate.organisations.service import ReferenceNotUsable, ReferenceTaken
from donate.places.queries import PlaceUnknown
from donate.text import TextTooLong
from tests.campaigns import factories
from tests.campaigns.factories import ORGANISER
from tests.organisations import factories as organisations


def test_a_draft_needs_an_agreement_with_its_host_and_a_book_of_the_host(database: Database) -> None:
    with database.transaction() as session:
        host, bookless = organisations.host(session), organisations.host(session)
        factories.book(session, host)
        partner = organisations.partner(session, of=bookless)
        for asked in (host, bookless, partner):
            with pytest.raises(HostNotAvailable):
                service.create_campaign(
                    session, host=asked, partner=partner, actor=ORGANISER, title_zh="饭", title_en=""
                )


def test_a_host_may_run_the_work_itself(database: Database) -> None:
    with database.transaction() as session:
        host = organisations.host(session)
        factories.book(session, host)
        assert factories.draft(session, host=host, partner=host).partner_id == host.id


def test_a_reference_is_made_of_the_english_title_and_is_unique(database: Database) -> None:
    with database.transaction() as session:
        first, second = factories.draft(session), factories.draft(session)
        assert first.ref == "lunches"
        assert second.ref.startswith("lunches-")
        with pytest.raises(ReferenceTaken):
            factories.draft(session, ref="lunches")
        with pytest.raises(ReferenceNotUsable):
            factories.draft(session, ref="../etc")


def test_a_draft_wants_a_title_that_can_be_seen(database: Database) -> None:
    with database.transaction() as session:
        host = organisations.host(session)
        factories.book(session, host)
        with pytest.raises(TitleMissing):
            service.create_campaign(session, host=host, partner=host, actor=ORGANISER, title_zh="\u202e ", title_en="")


def test_everything_that_is_missing_is_told_at_once(database: Database) -> None:
    with database.transaction() as session:
        host = organisations.host(session)
        factories.book(session, host)
        campaign = service.create_campaign(
            session, host=host, partner=host, actor=ORGANISER, title_zh="饭", title_en=""
        )
        with pytest.raises(PlanIncomplete) as caught:
            service.submit(session, campaign, ORGANISER)
        missing = caught.value.missing
        legal = {"purpose_zh", "person_in_charge", "fundraising_cost_en", "surplus_zh", "bank_account", "use_en"}
        assert legal | {"title_en", "county", "goal", "starts_on", "ends_on", "price", "schools"} <= set(missing)
        assert campaign.state == State.DRAFT


def test_a_complete_plan_is_handed_in_once(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.submitted(session)
        assert campaign.state == State.SUBMITTED
        with pytest.raises(MoveNotPossible):
            service.submit(session, campaign, ORGANISER)


def test_a_plan_whose_last_day_has_passed_is_not_handed_in(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.draft(session, starts_on=date(2025, 1, 1), ends_on=date(2025, 2, 1))
        with pytest.raises(PlanIncomplete) as caught:
            service.submit(session, campaign, ORGANISER)
        assert isinstance(caught.value.missing["ends_on"], LastDayPassed)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"goal_minor": 0}, GoalOutOfRange),
        ({"goal_minor": -5}, GoalOutOfRange),
        ({"goal_minor": 10**15}, GoalOutOfRange),
        ({"county_code": "999999"}, PlaceUnknown),
        ({"starts_on": date(2026, 9, 1), "ends_on": date(2026, 8, 1)}, DaysTurnedAround),
        ({"title_zh": "饭" * 61}, TextTooLong),
    ],
)
def test_what_cannot_be_is_refused(database: Database, changes: dict[str, object], error: type[Exception]) -> None:
    with database.transaction() as session, pytest.raises(error):
        service.edit_campaign(session, factories.draft(session), ORGANISER, changes)


def test_an_unknown_column_is_never_written(database: Database) -> None:
    with database.transaction() as session, pytest.raises(KeyError):
        service.edit_campaign(session, factories.draft(session), ORGANISER, {"state": "raising"})


def test_an_edit_is_kept_field_by_field(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.draft(session)
        version = campaign.version
        assert service.edit_campaign(
            session, campaign, ORGANISER, {"summary_en": "Four yuan", "title_en": campaign.title_en}
        )
        kept = session.get_one(CampaignVersion, (campaign.id, version + 1))
        assert kept.changes == {"summary_en": ["Three yuan buy a hot lunch.", "Four yuan"]}
        assert not service.edit_campaign(session, campaign, ORGANISER, {"summary_en": "Four yuan"})
        assert campaign.version == version + 1


def test_after_filing_only_what_is_not_filed_may_change(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.filed(session)
        service.edit_campaign(session, campaign, ORGANISER, {"story_en": "More of the story"})
        for changes in ({"purpose_en": "Something else"}, {"goal_minor": 1}, {"title_zh": "别的"}):
            with pytest.raises(PlanIsFixed):
                service.edit_campaign(session, campaign, ORGANISER, changes)
        with pytest.raises(PlanIsFixed):
            service.set_schools(session, campaign, ORGANISER, [SchoolName("别的小学")])


def test_while_the_host_reads_nothing_changes(database: Database) -> None:
    with database.transaction() as session, pytest.raises(PlanIsFixed):
        service.edit_campaign(session, factories.submitted(session), ORGANISER, {"story_en": "More"})


def test_schools_are_bounded(database: Database) -> None:
    with database.transaction() as session, pytest.raises(TooManySchools):
        service.set_schools(session, factories.draft(session), ORGANISER, [SchoolName(f"第{n}小学") for n in range(61)])


def test_a_new_price_leaves_past_days_as_they_were(database: Database) -> None:
    today = date(2026, 11, 1)
    with database.transaction() as session:
        campaign = factories.raising(session)
        set_price(session, campaign, amount_minor=350, source_zh="", source_en="", effective_on=today, today=today)
        before, after = price_on(session, campaign.id, date(2026, 10, 31)), price_on(session, campaign.id, today)
        assert (before and before.amount_minor, after and after.amount_minor) == (300, 350)
        assert len(price_history(session, campaign.id)) == 2


@pytest.mark.parametrize(
    ("amount_minor", "on", "error"),
    [(0, 2, PriceOutOfRange), (-1, 2, PriceOutOfRange), (10**9, 2, PriceOutOfRange), (350, 1, PriceInThePast)],
)
def test_a_price_that_cannot_be_is_refused(
    database: Database, amount_minor: int, on: int, error: type[Exception]
) -> None:
    with database.transaction() as session, pytest.raises(error):
        set_price(
            session,
            factories.raising(session),
            amount_minor=amount_minor,
            source_zh="",
            source_en="",
            effective_on=date(2026, 11, on),
            today=date(2026, 11, 2),
        )


def test_one_day_has_one_price(database: Database) -> None:
    today = date(2026, 11, 1)
    with database.transaction() as session:
        campaign = factories.raising(session)
        set_price(session, campaign, amount_minor=350, source_zh="", source_en="", effective_on=today, today=today)
        with pytest.raises(PriceSetAlready):
            set_price(session, campaign, amount_minor=360, source_zh="", source_en="", effective_on=today, today=today)


def test_a_draft_has_one_price_that_counts_from_its_first_day(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.draft(session)
        service.price_in_plan(session, campaign, amount_minor=420, source_zh="", source_en="")
        assert [price.amount_minor for price in price_history(session, campaign.id)] == [420]
        assert session.scalars(select(CampaignVersion.campaign_id)).first() == campaign.id


def test_the_price_of_a_campaign_that_was_handed_in_is_not_deleted_even_past_the_services(database: Database) -> None:
    with database.transaction() as session:
        raising, draft = factories.raising(session), factories.draft(session)
        service.price_in_plan(session, draft, amount_minor=420, source_zh="", source_en="")
    for campaign_id, refusal in (
        (raising.id, pytest.raises(DBAPIError, match="is refused")),
        (draft.id, nullcontext()),
    ):
        with refusal, database.transaction() as session:
            session.execute(delete(UnitPrice).where(UnitPrice.campaign_id == campaign_id))
