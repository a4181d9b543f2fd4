"""What the public lists of campaigns show: home, campaigns by place and word, an organisation's campaigns.

Every query costs what its page holds, or at most one row a campaign; none counts donations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from donate.campaigns.figures import TOTAL_COLUMNS, AsOf, Figures, figures, price_on
from donate.campaigns.lifecycle import PUBLIC, State
from donate.campaigns.models import Campaign, CampaignUpdate
from donate.ledger.chart import Reason
from donate.ledger.models import CampaignTotal, DayTotal
from donate.organisations.models import Organisation
from donate.places.folding import folded
from donate.places.models import Place
from donate.publiclog.models import LogLeaf

PAGE = 12
LONGEST_QUERY = 60

_County, _Prefecture, _Province = aliased(Place), aliased(Place), aliased(Place)
_Host, _Partner = aliased(Organisation), aliased(Organisation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The county of a campaign with what is above it, in both languages."""

    text_zh: str
    text_en: str


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
    where: Where
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvinceLine:
    """A province in which campaigns are open."""

    code: str
    name_zh: str
    name_en: str
    campaign_count: int
    funded_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
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
    published_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePage:
    sums: tuple[CurrencySum, ...]  # the largest first
    as_of: AsOf | None
    day: date  # the day before, whose meals are drawn
    cards: tuple[Card, ...]
    provinces: tuple[ProvinceLine, ...]
    updates: tuple[UpdateLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
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
        day=date.fromordinal(on.toordinal() - 1),
        cards=tuple(_card(row) for row in session.execute(open_ones)),
        provinces=_provinces(session, on),
        updates=_newest_updates(session),
    )


def campaigns_page(session: Session, wanted: Filter, on: date) -> CampaignsPage:
    query = _cards(on).where(_state_condition(wanted), _place_condition(wanted.place), _text_condition(wanted.text))
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


def _cards(on: date) -> Select[tuple[object, ...]]:
    price = price_on(on)
    return (
        select(Campaign, price, *where_columns(), *TOTAL_COLUMNS)
        .outerjoin(CampaignTotal, CampaignTotal.campaign == Campaign.ref)
        .outerjoin(LogLeaf, LogLeaf.log_index == CampaignTotal.as_of)
        .outerjoin(_County, _County.code == Campaign.county_code)
        .outerjoin(_Prefecture, and_(_Prefecture.code == _County.parent_code, _Prefecture.level == "prefecture"))
        .outerjoin(_Province, _Province.code == province_code())
        .where(price.is_not(None))
    )


def where_columns() -> tuple[ColumnElement[object], ...]:
    """Names of the province, prefecture and county of `_cards`' join, Chinese and English by turns."""
    places = (_Province, _Prefecture, _County)
    return tuple(column for place in places for column in (place.name_zh, place.name_en))  # type: ignore[misc]


def province_code() -> ColumnElement[str]:
    """GB/T 2260: the first two of six figures say the province."""
    return func.left(Campaign.county_code, 2) + "0000"
