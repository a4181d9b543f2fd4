"""What the public lists of campaigns show: home, campaigns by place and word, an organisation's campaigns.

Every query costs what its page holds, or at most one row a campaign; none counts donations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from donate import clock
from donate.campaigns.figures import TOTAL_COLUMNS, AsOf, Figures, Wide, figures, price_on, with_total
from donate.campaigns.lifecycle import PUBLIC, State
from donate.campaigns.models import Campaign, CampaignSchool, CampaignUpdate
from donate.ledger.chart import Reason
from donate.ledger.models import Book, CampaignTotal, DayTotal, Entry
from donate.organisations.models import Licence, Organisation
from donate.organisations.queries import licence_counts
from donate.places.folding import folded
from donate.places.models import Place
from donate.places.queries import PlaceName, PlacePath
from donate.publiclog.models import LogLeaf

PAGE = 12
LONGEST_QUERY = 60

_County, _Prefecture, _Province = aliased(Place), aliased(Place), aliased(Place)
_Host, _Partner = aliased(Organisation), aliased(Organisation)

# GB/T 2260: the first two of six figures say the province.
_PROVINCE_CODE = func.left(Campaign.county_code, 2).concat("0000")
PLACE_COLUMNS = tuple(
    column
    for place in (_Province, _Prefecture, _County)
    for column in (place.code, place.level, place.name_zh, place.name_en)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One campaign in a list."""

    id: int
    ref: str
    state: State
    title_zh: str
    title_en: str
    summary_zh: str
    summary_en: str
    unit_zh: str
    unit_en: str
    photo_sha256: bytes | None
    photo_alt_zh: str
    photo_alt_en: str
    where: PlacePath | None
    figures: Figures
    is_paused: bool  # raising, but its host has no licence that counts today


@dataclass(frozen=True, slots=True)
class ProvinceLine:
    """A province in which campaigns are open."""

    code: str
    name_zh: str
    name_en: str
    campaign_count: int
    funded_units: int


@dataclass(frozen=True, slots=True)
class CurrencySum:
    """All public campaigns in one currency: money, and the whole meals that it makes campaign by campaign."""

    currency: str
    received_minor: int
    disbursed_minor: int
    evidenced_minor: int
    received_units: int
    disbursed_units: int
    evidenced_units: int
    day_units: int  # given on the day before


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateLine:
    """An update as a list names it."""

    id: int
    campaign_ref: str
    campaign_title_zh: str
    campaign_title_en: str
    title_zh: str
    title_en: str
    published_on: date  # in its book's time zone


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePage:
    sums: tuple[CurrencySum, ...]  # the largest first
    as_of: AsOf | None
    day: date  # the day before, whose meals are drawn
    cards: tuple[Card, ...]
    provinces: tuple[ProvinceLine, ...]
    updates: tuple[UpdateLine, ...]


@dataclass(frozen=True, slots=True)
class CountyLine:
    code: str
    name_zh: str
    name_en: str
    campaign_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What somebody looks for. `place` is the code of a province, prefecture or county, or empty."""

    text: str = ""
    place: str = ""
    with_ended: bool = False
    before: int | None = None  # keyset: campaigns older than this id


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignsPage:
    cards: tuple[Card, ...]
    provinces: tuple[ProvinceLine, ...]
    counties: tuple[CountyLine, ...]  # of the chosen province
    older: int | None  # `before` of the next page


def home_page(session: Session, on: date) -> HomePage:
    open_ones = _cards(on).where(Campaign.state == State.RAISING).order_by(Campaign.id.desc()).limit(4)
    sums, as_of = _sums(session, on)
    return HomePage(
        sums=sums,
        as_of=as_of,
        day=the_day_before(on),
        cards=tuple(_card(row) for row in session.execute(open_ones)),
        provinces=_provinces(session, on),
        updates=_newest_updates(session),
    )


def campaigns_page(session: Session, wanted: Filter, on: date) -> CampaignsPage:
    query = (
        _cards(on)
        .join(_Host, _Host.id == Campaign.host_id)
        .join(_Partner, _Partner.id == Campaign.partner_id)
        .where(_state_condition(wanted), _place_condition(wanted.place), _text_condition(wanted.text))
    )
    if wanted.before is not None:
        query = query.where(Campaign.id < wanted.before)
    rows = session.execute(query.order_by(Campaign.id.desc()).limit(PAGE + 1)).all()
    cards = tuple(_card(row) for row in rows[:PAGE])
    return CampaignsPage(
        cards=cards,
        provinces=_provinces(session, on),
        counties=_counties(session, wanted) if wanted.place else (),
        older=cards[-1].id if len(rows) > PAGE else None,
    )


def cards_of_organisation(session: Session, organisation_id: int, on: date, most: int = 50) -> tuple[Card, ...]:
    """The public campaigns that an organisation hosts or runs, newest first."""
    query = _cards(on).where(
        Campaign.state.in_(PUBLIC),
        or_(Campaign.host_id == organisation_id, Campaign.partner_id == organisation_id),
    )
    return tuple(_card(row) for row in session.execute(query.order_by(Campaign.id.desc()).limit(most)))


def the_day_before(on: date) -> date:
    return on - timedelta(days=1)


def _cards(on: date) -> Wide:
    price = price_on(on)
    is_licensed = exists().where(Licence.organisation_id == Campaign.host_id, licence_counts(on))
    query: Wide = select(Campaign, price, is_licensed, *PLACE_COLUMNS, *TOTAL_COLUMNS)
    return with_total(with_place(query)).where(price.is_not(None))


def _card(row: Sequence[Any]) -> Card:
    campaign, price, is_licensed, *rest = row
    place, total = rest[: len(PLACE_COLUMNS)], rest[len(PLACE_COLUMNS) :]
    return Card(
        id=campaign.id,
        ref=campaign.ref,
        state=State(campaign.state),
        title_zh=campaign.title_zh,
        title_en=campaign.title_en,
        summary_zh=campaign.summary_zh,
        summary_en=campaign.summary_en,
        unit_zh=campaign.unit_zh,
        unit_en=campaign.unit_en,
        photo_sha256=campaign.photo_sha256,
        photo_alt_zh=campaign.photo_alt_zh,
        photo_alt_en=campaign.photo_alt_en,
        where=place_path(place),
        figures=figures(campaign, price, total),
        is_paused=campaign.state == State.RAISING and not is_licensed,
    )


def with_place(query: Wide) -> Wide:
    """Join a query over campaigns to their county and what is above it, for PLACE_COLUMNS."""
    return (
        query.outerjoin(_County, _County.code == Campaign.county_code)
        .outerjoin(_Prefecture, and_(_Prefecture.code == _County.parent_code, _Prefecture.level == "prefecture"))
        .outerjoin(_Province, _Province.code == _PROVINCE_CODE)
    )


def place_path(values: Sequence[Any]) -> PlacePath | None:
    """From the values of PLACE_COLUMNS."""
    names = [PlaceName(*values[at : at + 4]) if values[at] else None for at in (0, 4, 8)]
    province, prefecture, county = names
    return PlacePath(province, prefecture, county) if province and county else None


def _sums(session: Session, on: date) -> tuple[tuple[CurrencySum, ...], AsOf | None]:
    """One row a currency. A campaign's meals are whole ones at its own price, so that the sum is theirs, too."""
    per_campaign = (
        select(
            Campaign.currency,
            price_on(on).label("price"),
            func.coalesce(CampaignTotal.received_minor, 0).label("received"),
            func.coalesce(CampaignTotal.disbursed_minor, 0).label("disbursed"),
            func.coalesce(CampaignTotal.evidenced_minor, 0).label("evidenced"),
            func.coalesce(DayTotal.amount_minor, 0).label("of_day"),
            CampaignTotal.as_of,
        )
        .outerjoin(CampaignTotal, CampaignTotal.campaign == Campaign.ref)
        .outerjoin(
            DayTotal,
            and_(
                DayTotal.book_id == Campaign.book_id,
                DayTotal.campaign == Campaign.ref,
                DayTotal.day == the_day_before(on),
                DayTotal.reason == Reason.DONATION,
            ),
        )
        .where(Campaign.state.in_(PUBLIC))
        .subquery()
    )
    row = per_campaign.c
    amounts = (row.received, row.disbursed, row.evidenced)
    columns = [func.sum(amount) for amount in amounts] + [
        func.sum(func.div(amount, row.price)) for amount in (*amounts, row.of_day)
    ]
    query: Wide = select(row.currency, func.max(row.as_of), *columns)
    lines: Sequence[Sequence[Any]] = session.execute(
        query.where(row.price.is_not(None)).group_by(row.currency).order_by(func.sum(row.received).desc(), row.currency)
    ).all()
    index: int | None = max((newest for _, newest, *_ in lines if newest is not None), default=None)
    newest = select(Entry.recorded_at).join(LogLeaf, LogLeaf.entry_id == Entry.id).where(LogLeaf.log_index == index)
    sums = tuple(CurrencySum(currency, *(int(value) for value in values)) for currency, _, *values in lines)
    return sums, None if index is None else AsOf(index, session.scalar(newest))


def _provinces(session: Session, on: date) -> tuple[ProvinceLine, ...]:
    """Where campaigns are open, those with most campaigns first."""
    count = func.count(Campaign.id)
    given = func.greatest(CampaignTotal.received_minor - CampaignTotal.refunded_minor, 0)
    rows: Sequence[Sequence[Any]] = session.execute(
        select(
            _Province.code,
            _Province.name_zh,
            _Province.name_en,
            count,
            func.coalesce(func.sum(func.div(given, price_on(on))), 0),
        )
        .join(Campaign, _Province.code == _PROVINCE_CODE)
        .outerjoin(CampaignTotal, CampaignTotal.campaign == Campaign.ref)
        .where(Campaign.state == State.RAISING)
        .group_by(_Province.code)
        .order_by(count.desc(), _Province.code)
    ).all()
    return tuple(ProvinceLine(code, zh, en, campaigns, int(units)) for code, zh, en, campaigns, units in rows)


def _counties(session: Session, wanted: Filter) -> tuple[CountyLine, ...]:
    rows = session.execute(
        select(_County.code, _County.name_zh, _County.name_en, func.count(Campaign.id))
        .join(Campaign, Campaign.county_code == _County.code)
        .where(_state_condition(wanted), Campaign.county_code.startswith(wanted.place[:2], autoescape=True))
        .group_by(_County.code)
        .order_by(_County.code)
    )
    return tuple(CountyLine(code, zh, en, campaigns) for code, zh, en, campaigns in rows)


def _newest_updates(session: Session, most: int = 3) -> tuple[UpdateLine, ...]:
    rows = session.execute(
        select(CampaignUpdate, Campaign.ref, Campaign.title_zh, Campaign.title_en, Book.time_zone)
        .join(Campaign, Campaign.id == CampaignUpdate.campaign_id)
        .join(Book, Book.id == Campaign.book_id)
        .where(CampaignUpdate.published_at.is_not(None), Campaign.state.in_(PUBLIC))
        .order_by(CampaignUpdate.published_at.desc(), CampaignUpdate.id.desc())
        .limit(most)
    )
    return tuple(
        UpdateLine(
            id=update.id,
            campaign_ref=ref,
            campaign_title_zh=title_zh,
            campaign_title_en=title_en,
            title_zh=update.title_zh,
            title_en=update.title_en,
            published_on=clock.day_of(update.published_at, time_zone),
        )
        for update, ref, title_zh, title_en, time_zone in rows
        if update.published_at is not None
    )


def _state_condition(wanted: Filter) -> ColumnElement[bool]:
    return Campaign.state.in_(PUBLIC) if wanted.with_ended else Campaign.state == State.RAISING


def _place_condition(code: str) -> ColumnElement[bool]:
    """Everything under a province (`430000`) or a prefecture (`431200`), or one county."""
    stem = code[:2] if code.endswith("0000") else code[:4] if code.endswith("00") else code
    return Campaign.county_code.startswith(stem, autoescape=True) if stem else true()


def _text_condition(typed: str) -> ColumnElement[bool]:
    """Titles, organisations, places and schools, in Chinese, English or romanised."""
    words = typed.strip()[:LONGEST_QUERY]
    if not words:
        return true()
    found = [
        column.icontains(words, autoescape=True)
        for column in (
            *(Campaign.title_zh, Campaign.title_en),
            *(_Host.name_zh, _Host.name_en, _Partner.name_zh, _Partner.name_en),
        )
    ]
    folded_words = folded(words)
    if folded_words:
        places = (_County.search, _Prefecture.search, _Province.search)
        found += [column.contains(folded_words, autoescape=True) for column in places]
        school = select(CampaignSchool.place_code).join(Place, Place.code == CampaignSchool.place_code)
        found.append(
            school.where(
                CampaignSchool.campaign_id == Campaign.id, Place.search.contains(folded_words, autoescape=True)
            ).exists()
        )
    return or_(*found)
