"""What the desks of organisers and reviewers show: lists, tasks, and one campaign's whole file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from donate import clock
from donate.campaigns import clocks, service
from donate.campaigns.complaints import TIME_ZONE
from donate.campaigns.counties import County, county_of
from donate.campaigns.lifecycle import ActorKind, Move, State, possible_moves
from donate.campaigns.loading import Access, reachable_by, today_of
from donate.campaigns.models import Campaign, CampaignMove, CampaignSchool, CampaignUpdate
from donate.campaigns.plan import MissingLine, missing_lines
from donate.campaigns.prices import Price, price_history, price_on
from donate.campaigns.service import SchoolName
from donate.errors import N_, DonateError
from donate.ledger.models import CampaignTotal
from donate.organisations.models import Licence, Organisation
from donate.organisations.queries import OrganisationFacts, organisation_facts_by_id
from donate.people.models import MembershipRole, User
from donate.people.queries import SignedIn
from donate.places.models import Place

LICENCE_WARNING = timedelta(days=60)
UPDATE_WARNING = timedelta(days=30)


class StepNotChosen(DonateError):
    sentence = N_("Choose what to do with this campaign.")


class TaskKind(StrEnum):
    """What an organiser has to do next, in the order in which it is shown."""

    ANSWER = "answer"
    UPDATE = "update"
    COMPLETE = "complete"

    @property
    def sentence(self) -> str:
        return TASK_SENTENCES[self]


TASK_SENTENCES = {
    TaskKind.ANSWER: N_("Answer what the host asked"),
    TaskKind.UPDATE: N_("Write an update"),
    TaskKind.COMPLETE: N_("Complete the plan and hand it in"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskLine:
    """A campaign in a desk's list."""

    ref: str
    title_zh: str
    title_en: str
    state: State
    host_zh: str
    host_en: str
    partner_zh: str
    partner_en: str
    since: datetime  # when it came to where it stands
    last_report_on: date | None  # the last update, or the day on which raising opened
    has_updates: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to do for one campaign, with its day where it has one."""

    kind: TaskKind
    line: DeskLine
    due_on: date | None = None
    days_left: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One move of a campaign's history, with the name of who took it."""

    to_state: State
    moved_at: datetime
    reason: str
    who: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Where a campaign's money is, from the ledger's totals."""

    received_minor: int
    disbursed_minor: int
    evidenced_minor: int
    balance_minor: int
    as_of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFile:
    """Everything about one campaign that its own people and its reviewers see."""

    campaign: Campaign
    state: State
    host: OrganisationFacts
    partner: OrganisationFacts
    county: County | None
    schools: tuple[SchoolName, ...]
    price: Price | None
    prices: tuple[Price, ...]
    missing: tuple[str, ...]
    missing_lines: tuple[MissingLine, ...]
    steps: tuple[Step, ...]
    moves: tuple[Move, ...]
    updates: tuple[CampaignUpdate, ...]
    sums: Sums | None
    today: date


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceWarning:
    """A host whose licence has ended, or ends within two months."""

    host_zh: str
    host_en: str
    valid_to_on: date | None  # none: it never had one
    days_left: int


def organiser_lines(session: Session, user: SignedIn) -> list[DeskLine]:
    """The campaigns of a user's organisations, newest first."""
    return _lines(session, reachable_by(user, Access.SEE))


def reviewer_lines(session: Session, user: SignedIn) -> list[DeskLine]:
    """What was handed in to a user's hosts, newest first."""
    return _lines(session, reachable_by(user, Access.REVIEW))


def tasks_of(lines: Sequence[DeskLine], today: date) -> list[Task]:
    """What an organiser has to do, what is due first before all else."""
    found = []
    for line in lines:
        if line.state is State.CHANGES_ASKED:
            found.append(Task(kind=TaskKind.ANSWER, line=line))
        elif line.state is State.DRAFT:
            found.append(Task(kind=TaskKind.COMPLETE, line=line))
        elif line.state in {State.RAISING, State.EXECUTING} and line.last_report_on is not None:
            due_on = clocks.progress_due_on(line.last_report_on)
            if due_on <= today + UPDATE_WARNING:
                found.append(Task(kind=TaskKind.UPDATE, line=line, due_on=due_on, days_left=(due_on - today).days))
    order = list(TaskKind)
    return sorted(found, key=lambda task: (task.days_left is None, task.days_left or 0, order.index(task.kind)))


def licence_warnings(session: Session, user: SignedIn, today: date) -> list[LicenceWarning]:
    """The user's hosts (all, for an administrator) whose licence wants renewing."""
    last: ColumnElement[date | None] = func.max(func.least(Licence.valid_to_on, Licence.revoked_on - 1))
    hosts = (
        select(Organisation.name_zh, Organisation.name_en, last)
        .outerjoin(Licence, Licence.organisation_id == Organisation.id)
        .where(Organisation.kind == "host")
        .group_by(Organisation.id)
        .having((last < today + LICENCE_WARNING) | last.is_(None))
        .order_by(Organisation.id)
    )
    if not user.is_admin:
        hosts = hosts.where(Organisation.ref.in_(user.organisations(MembershipRole.OWNER, MembershipRole.REVIEWER)))
    return [
        LicenceWarning(host_zh=zh, host_en=en, valid_to_on=to, days_left=(to - today).days if to else -1)
        for zh, en, to in session.execute(hosts)
    ]


def campaign_file(session: Session, campaign: Campaign, kind: ActorKind) -> CampaignFile:
    """The whole file of a campaign, with the moves that somebody of this kind may make."""
    today = today_of(session, campaign)
    state = State(campaign.state)
    county = county_of(session, campaign.county_code) if campaign.county_code else None
    missing = service.missing_of(session, campaign)
    return CampaignFile(
        campaign=campaign,
        state=state,
        host=organisation_facts_by_id(session, campaign.host_id),
        partner=organisation_facts_by_id(session, campaign.partner_id),
        county=county,
        schools=tuple(schools_of(session, campaign.id)),
        price=price_on(session, campaign.id, today),
        prices=tuple(price_history(session, campaign.id)),
        missing=tuple(missing),
        missing_lines=missing_lines(missing),
        steps=tuple(_steps(session, campaign.id)),
        moves=possible_moves(state, kind),
        updates=tuple(updates_of(session, campaign.id)),
        sums=_sums(session, campaign.ref),
        today=today,
    )


def schools_of(session: Session, campaign_id: int) -> list[SchoolName]:
    """The campaign's schools by name."""
    rows = session.execute(
        select(Place.name_zh, Place.name_en)
        .join(CampaignSchool, CampaignSchool.place_code == Place.code)
        .where(CampaignSchool.campaign_id == campaign_id)
        .order_by(Place.name_zh)
    )
    return [SchoolName(zh, en if en != zh else "") for zh, en in rows]


def updates_of(session: Session, campaign_id: int) -> list[CampaignUpdate]:
    """All updates, drafts first, then the newest."""
    rows = session.scalars(
        select(CampaignUpdate)
        .where(CampaignUpdate.campaign_id == campaign_id)
        .order_by(CampaignUpdate.published_at.desc().nulls_first(), CampaignUpdate.id.desc())
    )
    return list(rows)


def _lines(session: Session, condition: ColumnElement[bool]) -> list[DeskLine]:
    host, partner = aliased(Organisation), aliased(Organisation)
    last_update = (
        select(func.max(CampaignUpdate.published_at)).where(CampaignUpdate.campaign_id == Campaign.id).scalar_subquery()
    )
    last_move = select(func.max(CampaignMove.moved_at)).where(CampaignMove.campaign_id == Campaign.id).scalar_subquery()
    rows = session.execute(
        select(Campaign, host.name_zh, host.name_en, partner.name_zh, partner.name_en, last_update, last_move)
        .join(host, host.id == Campaign.host_id)
        .join(partner, partner.id == Campaign.partner_id)
        .where(condition)
        .order_by(Campaign.id.desc())
    )
    return [
        DeskLine(
            ref=campaign.ref,
            title_zh=campaign.title_zh,
            title_en=campaign.title_en,
            state=State(campaign.state),
            host_zh=host_zh,
            host_en=host_en,
            partner_zh=partner_zh,
            partner_en=partner_en,
            since=moved_at or campaign.created_at,
            last_report_on=_day(reported_at or campaign.raising_opened_at),
            has_updates=reported_at is not None,
        )
        for campaign, host_zh, host_en, partner_zh, partner_en, reported_at, moved_at in rows
    ]


def _day(moment: datetime | None) -> date | None:
    return clock.day_of(moment, TIME_ZONE) if moment else None


def _steps(session: Session, campaign_id: int) -> list[Step]:
    rows = session.execute(
        select(CampaignMove, User.name)
        .outerjoin(User, User.id == CampaignMove.actor_id)
        .where(CampaignMove.campaign_id == campaign_id)
        .order_by(CampaignMove.id.desc())
    )
    return [
        Step(to_state=State(move.to_state), moved_at=move.moved_at, reason=move.reason, who=name) for move, name in rows
    ]


def _sums(session: Session, ref: str) -> Sums | None:
    total = session.get(CampaignTotal, ref)
    if total is None:
        return None
    gone = total.refunded_minor + total.fees_minor + total.disbursed_minor
    return Sums(
        received_minor=total.received_minor,
        disbursed_minor=total.disbursed_minor,
        evidenced_minor=total.evidenced_minor,
        balance_minor=total.received_minor - gone,
        as_of=total.as_of,
    )
