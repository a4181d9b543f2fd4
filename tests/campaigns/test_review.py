from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns import review, service
from donate.campaigns.lifecycle import Actor, ActorKind, MoveNotPossible, ReasonMissing, State
from donate.campaigns.loading import Access, campaign_of
from donate.campaigns.queries import (
    CampaignClosed,
    CampaignNotOpen,
    CampaignSuspended,
    LicenceExpired,
    campaign_for_giving,
)
from donate.campaigns.review import (
    AcceptedByItsWriter,
    AgreementMissing,
    FilingNumberMissing,
    FilingNumberNotUsable,
)
from donate.campaigns.service import LastDayPassed
from donate.db import Database
from donate.errors import DonateError, NotFound
from donate.ledger.models import Account
from donate.organisations.models import Agreement, Licence, Organisation
from donate.people.models import MembershipRole
from tests.campaigns import factories
from tests.campaigns.factories import ORGANISER, REVIEWER
from tests.organisations import factories as organisations

SPRING = date(2026, 5, 1)


def test_accepting_with_a_number_files_and_opens_the_fund(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.submitted(session)
        review.accept(session, campaign, REVIEWER, " 53430000MJ0000000XA26003 ")
        fund = session.scalars(select(Account).filter_by(code=f"fund:{campaign.ref}")).one()
        assert (campaign.state, campaign.filing_number) == (State.FILED, "53430000MJ0000000XA26003")
        assert (fund.book_id, fund.campaign) == (campaign.book_id, campaign.ref)


def test_a_number_may_follow_later(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.accepted(session)
        assert campaign.state == State.ACCEPTED
        review.file(session, campaign, REVIEWER, "A26-003")
        assert campaign.state == State.FILED


@pytest.mark.parametrize(
    ("typed", "error"),
    [("", FilingNumberMissing), ("  ", FilingNumberMissing), ("备案", FilingNumberNotUsable), ("A' OR 1", FilingNumberNotUsable)],
)  # fmt: skip
def test_a_number_must_look_like_one(database: Database, typed: str, error: type[Exception]) -> None:
    with database.transaction() as session, pytest.raises(error):
        review.file(session, factories.accepted(session), REVIEWER, typed)


def test_nobody_accepts_what_they_handed_in(database: Database) -> None:
    with database.transaction() as session, pytest.raises(AcceptedByItsWriter):
        review.accept(session, factories.submitted(session), Actor(ActorKind.REVIEWER, ORGANISER.user_id), "A26-003")


def test_without_an_agreement_nothing_is_accepted(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.submitted(session)
        session.execute(update(Agreement).values(ends_on=date(2026, 1, 31)))
        with pytest.raises(AgreementMissing):
            review.accept(session, campaign, REVIEWER, "A26-003")


def test_without_a_licence_nothing_is_accepted_or_opened(database: Database) -> None:
    with database.transaction() as session:
        campaign, filed = factories.submitted(session), factories.filed(session)
        session.execute(update(Licence).values(revoked_on=date(2026, 1, 31)))
        with pytest.raises(LicenceExpired):
            review.accept(session, campaign, REVIEWER, "A26-003")
        with pytest.raises(LicenceExpired):
            review.open_raising(session, filed, REVIEWER)


def test_a_campaign_whose_last_day_has_passed_is_not_opened(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.filed(session)
        with clock.frozen_at(datetime(2027, 3, 2, tzinfo=UTC)), pytest.raises(LastDayPassed):
            review.open_raising(session, campaign, REVIEWER)


def test_changes_asked_for_come_back_and_are_handed_in_again(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.submitted(session)
        with pytest.raises(ReasonMissing):
            review.ask_changes(session, campaign, REVIEWER, " \u200d ")
        review.ask_changes(session, campaign, REVIEWER, "Say who the beneficiaries are")
        service.edit_campaign(session, campaign, ORGANISER, {"beneficiaries_en": "85 pupils"})
        service.submit(session, campaign, ORGANISER)
        assert campaign.state == State.SUBMITTED


def test_from_opening_to_closing(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.raising(session)
        review.end_raising(session, campaign, REVIEWER)
        review.start_closing(session, campaign, REVIEWER)
        review.close(session, campaign, REVIEWER)
        assert campaign.state == State.CLOSED
        assert None not in (campaign.raising_opened_at, campaign.raising_ended_at, campaign.closed_at)
        with pytest.raises(MoveNotPossible):
            review.open_raising(session, campaign, REVIEWER)


def _why_closed(session: Session, ref: str, on: date = SPRING) -> type[DonateError] | None:
    reason = campaign_for_giving(session, ref, on).closed_reason
    return type(reason) if reason else None


def test_one_may_give_while_raising(database: Database) -> None:
    with database.transaction() as session:
        factories.raising(session)
        found = campaign_for_giving(session, factories.raising(session, ref="yunxi").ref, SPRING)
        assert (found.ref, found.unit_price_minor, found.currency, found.unit_en) == ("yunxi", 300, "CNY", "meal")
        assert found.licence_number == "53430000MJ0000000X"


def test_one_may_not_give_to_what_is_unknown_or_not_public(database: Database) -> None:
    with database.transaction() as session:
        hidden = [factories.draft(session).ref, factories.submitted(session).ref, factories.accepted(session).ref]
        for ref in ["no-such", "", "%", *hidden]:
            with pytest.raises(NotFound):
                campaign_for_giving(session, ref, SPRING)


def test_one_may_not_give_before_opening_the_first_day_or_after_the_last(database: Database) -> None:
    with database.transaction() as session:
        filed, campaign = factories.filed(session), factories.raising(session)
        assert _why_closed(session, filed.ref) is CampaignNotOpen
        assert _why_closed(session, campaign.ref, date(2026, 2, 28)) is CampaignNotOpen
        assert _why_closed(session, campaign.ref, date(2027, 3, 1)) is CampaignClosed


def test_a_stopped_campaign_takes_nothing_and_says_which_stop(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.raising(session)
        review.suspend(session, campaign, REVIEWER, "a complaint")
        assert _why_closed(session, campaign.ref) is CampaignSuspended
        review.resume(session, campaign, REVIEWER, "it was answered")
        assert _why_closed(session, campaign.ref) is None
        review.end_raising(session, campaign, REVIEWER)
        assert _why_closed(session, campaign.ref) is CampaignClosed


def test_an_expired_licence_stops_donations_and_says_so(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.raising(session)
        session.execute(update(Licence).values(valid_to_on=date(2026, 4, 30)))
        session.expire_all()
        assert _why_closed(session, campaign.ref, date(2026, 4, 30)) is None
        assert _why_closed(session, campaign.ref) is LicenceExpired
        assert "licence of Foundation" in str(campaign_for_giving(session, campaign.ref, SPRING).closed_reason)


def test_a_stranger_is_told_that_a_campaign_does_not_exist(database: Database) -> None:
    with database.transaction() as session:
        campaign, noise = factories.draft(session), factories.draft(session)
        own = organisation_ref(session, campaign.partner_id)
        writer = factories.signed_in(session, (own, MembershipRole.EDITOR))
        treasurer = factories.signed_in(session, (own, MembershipRole.TREASURER))
        stranger = factories.signed_in(session, (organisation_ref(session, noise.partner_id), MembershipRole.OWNER))
        assert campaign_of(session, writer, campaign.ref, Access.WRITE, lock=True).id == campaign.id
        assert campaign_of(session, treasurer, campaign.ref, Access.SEE).id == campaign.id
        for user, access in ((stranger, Access.SEE), (treasurer, Access.WRITE), (writer, Access.REVIEW)):
            with pytest.raises(NotFound):
                campaign_of(session, user, campaign.ref, access)


def test_a_reviewer_sees_what_was_handed_in_to_their_own_host(database: Database) -> None:
    with database.transaction() as session:
        mine, other, hidden = factories.submitted(session), factories.submitted(session), factories.draft(session)
        host = organisation_ref(session, mine.host_id)
        reviewer = factories.signed_in(session, (host, MembershipRole.REVIEWER))
        admin = factories.signed_in(session, role="admin")
        assert campaign_of(session, reviewer, mine.ref, Access.REVIEW)
        assert campaign_of(session, admin, other.ref, Access.REVIEW)
        for user, campaign in ((reviewer, other), (reviewer, hidden), (admin, hidden)):
            with pytest.raises(NotFound):
                campaign_of(session, user, campaign.ref, Access.REVIEW)


def organisation_ref(session: Session, organisation_id: int) -> str:
    return session.get_one(Organisation, organisation_id).ref


def test_a_licence_of_another_host_does_not_help(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.submitted(session)
        session.execute(
            update(Licence).where(Licence.organisation_id == campaign.host_id).values(revoked_on=date(2026, 1, 31))
        )
        organisations.host(session)
        with pytest.raises(LicenceExpired):
            review.accept(session, campaign, REVIEWER, "A26-003")
