"""Write a campaign's plan: begin it, change it, say what is missing, hand it in."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns import lifecycle, plan, prices
from donate.campaigns.lifecycle import EDITABLE, LIVE, Actor, Move, State
from donate.campaigns.loading import today_of
from donate.campaigns.models import Campaign, CampaignMove, CampaignSchool, CampaignVersion, UnitPrice
from donate.errors import N_, DonateError
from donate.ledger.models import Book
from donate.organisations.models import Organisation
from donate.organisations.queries import has_agreement
from donate.organisations.service import ReferenceTaken, check_ref
from donate.places.queries import county_path
from donate.places.service import open_school
from donate.text import TextTooLong, clean_line, clean_text

MOST_GOAL_MINOR = 10_000_000_000
MOST_SCHOOLS = 60


class HostNotAvailable(DonateError):
    sentence = N_("This host takes no campaigns of yours: there is no agreement with it, or it has no book here.")
    field = "host"


class TitleMissing(DonateError):
    sentence = N_("Give the campaign a title in one of the languages at least.")
    field = "title_zh"


class TitleTooLong(TextTooLong):
    field = "title_zh"


class EnglishTitleTooLong(TextTooLong):
    field = "title_en"


class PlanIsFixed(DonateError):
    sentence = N_("The plan is with the host or filed; this part of it cannot be changed now.")
    status = 409


class GoalOutOfRange(DonateError):
    sentence = N_("The goal must be more than zero and at most 100 million.")
    field = "goal"


class DaysTurnedAround(DonateError):
    sentence = N_("The last day lies before the first.")
    field = "ends_on"


class LastDayPassed(DonateError):
    sentence = N_("The last day has passed already.")
    field = "ends_on"


class TooManySchools(DonateError):
    sentence = N_("At most %(most)s schools fit into one campaign.")
    field = "schools"


@dataclass(frozen=True, slots=True)
class SchoolName:
    """A school as it is typed: its name in Chinese and, where there is one, in English."""

    zh: str
    en: str = ""


def create_campaign(
    session: Session,
    *,
    host: Organisation,
    partner: Organisation,
    actor: Actor,
    title_zh: str,
    title_en: str,
    ref: str | None = None,
    currency: str | None = None,
) -> Campaign:
    """A new draft in the newest book of the host (of that currency).

    Raises HostNotAvailable, TitleMissing, ReferenceNotUsable, ReferenceTaken, TextTooLong.
    """
    books = select(Book).where(Book.host == host.ref).order_by(Book.id.desc()).limit(1)
    book = session.scalar(books.where(Book.currency == currency) if currency else books)
    if book is None or not _may_ask(session, host, partner, clock.today(book.time_zone)):
        raise HostNotAvailable
    title_zh, title_en = clean_line(title_zh, 60, TitleTooLong), clean_line(title_en, 60, EnglishTitleTooLong)
    if not (title_zh or title_en):
        raise TitleMissing
    campaign = Campaign(
        ref=_free_ref(session, ref, title_en),
        host_id=host.id,
        partner_id=partner.id,
        book_id=book.id,
        currency=book.currency,
        title_zh=title_zh,
        title_en=title_en,
        created_by=actor.user_id,
        created_at=clock.now(),
    )
    session.add(campaign)
    session.flush()
    return campaign


def _may_ask(session: Session, host: Organisation, partner: Organisation, on: date) -> bool:
    if host.kind != "host":
        return False
    return host.id == partner.id or has_agreement(session, host_id=host.id, partner_id=partner.id, on=on)


def _free_ref(session: Session, wanted: str | None, title_en: str) -> str:
    """The wanted reference, or one made of the English title; it stands in addresses and in the ledger for ever."""
    if wanted is not None:
        check_ref(wanted)
        if _is_taken(session, wanted):
            raise ReferenceTaken(ref=wanted)
        return wanted
    letters = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in title_en.lower())
    short = "-".join(letters.split())[:30].strip("-") or "campaign"
    ref = short
    while _is_taken(session, ref):
        ref = f"{short}-{secrets.token_hex(3)}"
    return ref


def _is_taken(session: Session, ref: str) -> bool:
    return session.scalar(select(exists().where(Campaign.ref == ref))) is True


def edit_campaign(session: Session, campaign: Campaign, actor: Actor, changes: Mapping[str, object]) -> bool:
    """Change columns of the plan and write down what changed. Returns whether anything did.

    Keys are the columns of plan.TEXTS and plan.PLAN, county_code, goal_minor, starts_on and ends_on. From filing on only
    what is not filed may change. Raises PlanIsFixed, GoalOutOfRange, DaysTurnedAround, PlaceUnknown, TextTooLong.
    """
    wanted = {column: _checked(session, column, given) for column, given in changes.items()}
    new = {column: value for column, value in wanted.items() if value != getattr(campaign, column)}
    for column in new:
        _refuse_fixed(campaign, column)
    first, last = new.get("starts_on", campaign.starts_on), new.get("ends_on", campaign.ends_on)
    if isinstance(first, date) and isinstance(last, date) and last < first:
        raise DaysTurnedAround
    changed = {column: [_plain(getattr(campaign, column)), _plain(value)] for column, value in new.items()}
    for column, value in new.items():
        setattr(campaign, column, value)
    if changed:
        note_version(session, campaign, actor, changed)
    return bool(changed)


def note_version(session: Session, campaign: Campaign, actor: Actor, changed: Mapping[str, object]) -> None:
    """Write down what an edit changed, under the campaign's next version."""
    campaign.version += 1
    session.add(
        CampaignVersion(
            campaign_id=campaign.id,
            version=campaign.version,
            changes=dict(changed),
            changed_by=actor.user_id,
            changed_at=clock.now(),
        )
    )
    session.flush()


def may_edit(state: State, column: str) -> bool:
    """Whether a column may change while the campaign stands there."""
    field = plan.TEXT_OF_COLUMN.get(column)
    return state in EDITABLE or (state in LIVE and field is not None and not field.is_legal)


def _refuse_fixed(campaign: Campaign, column: str) -> None:
    if not may_edit(State(campaign.state), column):
        raise PlanIsFixed


def _checked(session: Session, column: str, given: object) -> object:
    field = plan.TEXT_OF_COLUMN.get(column)
    if field is not None:
        clean = clean_text if field.is_long else clean_line
        return clean(str(given), field.most)
    if column == "county_code" and given is not None:
        county_path(session, str(given))
    elif column == "goal_minor" and given is not None and not (isinstance(given, int) and 0 < given <= MOST_GOAL_MINOR):
        raise GoalOutOfRange
    elif column not in plan.OTHER_LABELS:
        raise KeyError(column)
    return given


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def set_schools(session: Session, campaign: Campaign, actor: Actor, names: list[SchoolName]) -> None:
    """The schools whose pupils eat, in place of those before. Raises PlanIsFixed, TooManySchools, NotACounty."""
    if len(names) > MOST_SCHOOLS:
        raise TooManySchools(most=MOST_SCHOOLS)
    if campaign.county_code is None:
        return
    county = campaign.county_code
    codes = {open_school(session, county_code=county, name_zh=name.zh, name_en=name.en).code for name in names}
    before = set(session.scalars(select(CampaignSchool.place_code).filter_by(campaign_id=campaign.id)))
    if codes == before:
        return
    _refuse_fixed(campaign, "schools")
    session.execute(delete(CampaignSchool).where(CampaignSchool.campaign_id == campaign.id))
    session.add_all(CampaignSchool(campaign_id=campaign.id, place_code=code) for code in sorted(codes))
    note_version(session, campaign, actor, {"schools": [sorted(before), sorted(codes)]})


def missing_of(session: Session, campaign: Campaign) -> list[str]:
    """The columns that the plan still lacks, in the order of the form."""
    has_price = session.scalar(select(exists().where(UnitPrice.campaign_id == campaign.id))) is True
    has_schools = session.scalar(select(exists().where(CampaignSchool.campaign_id == campaign.id))) is True
    return plan.missing_fields(campaign, has_price=has_price, has_schools=has_schools)


def submit(session: Session, campaign: Campaign, actor: Actor) -> CampaignMove:
    """Hand the plan to the host. Raises PlanIncomplete with everything that is missing, LastDayPassed, MoveNotPossible."""
    if lifecycle.rule_for(Move.SUBMIT, State(campaign.state), actor.kind) is None:
        raise lifecycle.MoveNotPossible
    missing = plan.told_missing(missing_of(session, campaign))
    if campaign.ends_on is not None and campaign.ends_on < today_of(session, campaign):
        missing["ends_on"] = LastDayPassed()
    if missing:
        raise plan.PlanIncomplete(missing)
    return lifecycle.move(session, campaign, Move.SUBMIT, actor)


def withdraw(session: Session, campaign: Campaign, actor: Actor) -> CampaignMove:
    """Take the plan back to write on. Raises MoveNotPossible once the host has accepted it."""
    return lifecycle.move(session, campaign, Move.WITHDRAW, actor)


def cancel(session: Session, campaign: Campaign, actor: Actor, reason: str = "") -> CampaignMove:
    """Give the campaign up before any donation was taken. Raises MoveNotPossible, ReasonMissing."""
    return lifecycle.move(session, campaign, Move.CANCEL, actor, lifecycle.clean_reason(reason))


def price_in_plan(session: Session, campaign: Campaign, *, amount_minor: int, source_zh: str, source_en: str) -> None:
    """The price while the plan is being written: it counts from the first day, so that raising always has one."""
    now = prices.price_on(session, campaign.id, today_of(session, campaign))
    from_day = min(campaign.starts_on or date.max, today_of(session, campaign))
    same = now is not None and (now.amount_minor, now.source_zh, now.source_en, now.effective_on) == (
        amount_minor,
        source_zh,
        source_en,
        from_day,
    )
    if not same:
        _refuse_fixed(campaign, "price")
        prices.set_price(
            session,
            campaign,
            amount_minor=amount_minor,
            source_zh=source_zh,
            source_en=source_en,
            effective_on=from_day,
            today=from_day,
        )
