"""What the page of one campaign says of the campaign itself, read by one statement; and the page of one update."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, literal_column, select
from sqlalchemy.orm import Session, aliased

from donate import clock
from donate.campaigns.clocks import progress_due_on
from donate.campaigns.figures import TOTAL_COLUMNS, Figures, Wide, figures, with_total
from donate.campaigns.lifecycle import PUBLIC, State
from donate.campaigns.models import Campaign, CampaignUpdate, UpdatePhoto
from donate.campaigns.pages import PLACE_COLUMNS, place_path, with_place
from donate.campaigns.queries import CampaignForGiving, LicenceExpired
from donate.errors import NotFound
from donate.ledger.models import Book
from donate.organisations.models import Organisation
from donate.places.queries import PlacePath

# Art. 79: progress is owed where raising or carrying out lasts longer than six months.
LONG_DAYS = 183


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation of the campaign, as the page names it."""

    ref: str
    name_zh: str
    name_en: str
    credit_code: str | None
    phone: str
    email: str


@dataclass(frozen=True, slots=True)
class LicenceLine:
    number: str
    valid_from_on: date
    valid_to_on: date
    revoked_on: date | None

    def counts(self, on: date) -> bool:
        return self.valid_from_on <= on <= self.valid_to_on and (self.revoked_on is None or self.revoked_on > on)


@dataclass(frozen=True, slots=True)
class PriceLine:
    """What one unit costs from a day on, and where the figure comes from."""

    effective_on: date
    amount_minor: int
    source_zh: str
    source_en: str


@dataclass(frozen=True, slots=True)
class SchoolName:
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class UpdateSummary:
    """An update on its campaign's page: its title and the beginning of its text."""

    id: int
    title_zh: str
    title_en: str
    opening_zh: str
    opening_en: str
    is_narrative: bool
    published_on: date  # in the book's time zone


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignPage:
    """One public campaign. `campaign` is its row, for the texts that come in two languages; never written through."""

    campaign: Campaign
    on: date
    time_zone: str
    where: PlacePath | None
    host: Party
    partner: Party
    licence: LicenceLine | None  # the one that counts today, else the newest
    figures: Figures
    prices: tuple[PriceLine, ...]  # newest first
    schools: tuple[SchoolName, ...]
    updates: tuple[UpdateSummary, ...]  # newest first
    tariff: str | None  # of the host's merchant account; none: nothing can be paid yet

    @property
    def state(self) -> State:
        return State(self.campaign.state)

    @property
    def is_paused(self) -> bool:
        """Raising by its state, while no licence of its host counts."""
        return isinstance(self.giving.closed_reason, LicenceExpired)

    @property
    def giving(self) -> CampaignForGiving:
        """The same campaign as the give page sees it: whether it takes donations is decided in one place."""
        row, valid = self.campaign, self.licence is not None and self.licence.counts(self.on)
        assert row.starts_on is not None
        assert row.ends_on is not None
        return CampaignForGiving(
            id=row.id,
            ref=row.ref,
            state=row.state,
            version=row.version,
            book_id=row.book_id,
            currency=row.currency,
            title_zh=row.title_zh,
            title_en=row.title_en,
            unit_zh=row.unit_zh,
            unit_en=row.unit_en,
            unit_price_minor=self.figures.price_minor,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            host_ref=self.host.ref,
            host_name_zh=self.host.name_zh,
            host_name_en=self.host.name_en,
            partner_name_zh=self.partner.name_zh,
            partner_name_en=self.partner.name_en,
            licence_number=self.licence.number if self.licence and valid else None,
            on=self.on,
        )

    @property
    def progress_due_on(self) -> date | None:
        """The day by which the law wants the next update; none where it sets no such day."""
        row = self.campaign
        if self.state not in (State.RAISING, State.EXECUTING) or row.starts_on is None or row.ends_on is None:
            return None
        if (row.ends_on - row.starts_on).days <= LONG_DAYS:
            return None
        if self.updates:
            return progress_due_on(self.updates[0].published_on)
        opened_at = row.raising_opened_at
        return progress_due_on(clock.day_of(opened_at, self.time_zone) if opened_at else row.starts_on)


_REFERENCE = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)


def is_reference(typed: str) -> bool:
    """Whether a part of an address can be a public reference at all; the database is asked for nothing else."""
    return _REFERENCE.fullmatch(typed) is not None


_Host, _Partner = aliased(Organisation), aliased(Organisation)


def campaign_page(session: Session, ref: str) -> CampaignPage:
    """The page of a public campaign, today where its book keeps its days. Raises NotFound."""
    if not is_reference(ref):
        raise NotFound
    query: Wide = (
        select(
            *(Campaign, _Host, _Partner, Book.time_zone),
            *(_LICENCES, _PRICES, _SCHOOLS, _UPDATES, _TARIFF),
            *(*PLACE_COLUMNS, *TOTAL_COLUMNS),
        )
        .join(Book, Book.id == Campaign.book_id)
        .join(_Host, _Host.id == Campaign.host_id)
        .join(_Partner, _Partner.id == Campaign.partner_id)
    )
    query = with_total(with_place(query)).where(Campaign.ref == ref, Campaign.state.in_(PUBLIC))
    row: Sequence[Any] | None = session.execute(query).one_or_none()
    if row is None:
        raise NotFound
    campaign, host, partner, time_zone, licences, prices, schools, updates, tariff, *rest = row
    on = clock.today(time_zone)
    price_lines = tuple(PriceLine(date.fromisoformat(day), *others) for day, *others in prices or ())
    if not price_lines:
        raise NotFound
    current = next((line for line in price_lines if line.effective_on <= on), price_lines[-1])
    return CampaignPage(
        campaign=campaign,
        on=on,
        time_zone=time_zone,
        where=place_path(rest[: len(PLACE_COLUMNS)]),
        host=_party(host),
        partner=_party(partner),
        licence=_licence(licences or (), on),
        figures=figures(campaign, current.amount_minor, rest[len(PLACE_COLUMNS) :]),
        prices=price_lines,
        schools=tuple(SchoolName(*names) for names in schools or ()),
        updates=tuple(_update(values, time_zone) for values in updates or ()),
        tariff=tariff,
    )


# Many rows beside the one of the campaign, as arrays: one statement reads the whole page.
_LICENCES: ColumnElement[Any] = literal_column(
    """(SELECT json_agg(json_build_array(number, valid_from_on, valid_to_on, revoked_on) ORDER BY valid_to_on DESC, id DESC)
        FROM licence WHERE licence.organisation_id = campaign.host_id)"""
)
_PRICES: ColumnElement[Any] = literal_column(
    """(SELECT json_agg(json_build_array(effective_on, amount_minor, source_zh, source_en) ORDER BY effective_on DESC)
        FROM unit_price WHERE unit_price.campaign_id = campaign.id)"""
)
_SCHOOLS: ColumnElement[Any] = literal_column(
    """(SELECT json_agg(json_build_array(place.name_zh, place.name_en) ORDER BY place.code)
        FROM campaign_school JOIN place ON place.code = campaign_school.place_code
        WHERE campaign_school.campaign_id = campaign.id)"""
)
# The four newest, each with the opening of its text.
_UPDATES: ColumnElement[Any] = literal_column(
    """(SELECT json_agg(json_build_array(id, title_zh, title_en, body_zh, body_en, is_narrative, published_at))
        FROM (SELECT id, title_zh, title_en, left(body_zh, 240) AS body_zh, left(body_en, 240) AS body_en,
                is_narrative, published_at
              FROM campaign_update WHERE campaign_update.campaign_id = campaign.id AND published_at IS NOT NULL
              ORDER BY published_at DESC, id DESC LIMIT 4) AS newest)"""
)
# A book has one merchant account as a rule; of several the oldest takes the donations.
_TARIFF: ColumnElement[Any] = literal_column(
    """(SELECT tariff FROM merchant_account WHERE merchant_account.book_id = campaign.book_id ORDER BY id LIMIT 1)"""
)


def _update(values: Sequence[Any], time_zone: str) -> UpdateSummary:
    update_id, title_zh, title_en, opening_zh, opening_en, is_narrative, published_at = values
    published_on = clock.day_of(datetime.fromisoformat(published_at), time_zone)
    return UpdateSummary(update_id, title_zh, title_en, opening_zh, opening_en, is_narrative, published_on)


def _party(row: Organisation) -> Party:
    return Party(row.ref, row.name_zh, row.name_en, row.credit_code, row.phone, row.email)


def _licence(rows: Sequence[Sequence[Any]], on: date) -> LicenceLine | None:
    """The one that counts on the day; where none does, the newest, so that the page can say that it has run out."""
    lines = [
        LicenceLine(
            number, date.fromisoformat(first), date.fromisoformat(last), revoked and date.fromisoformat(revoked)
        )
        for number, first, last, revoked in rows
    ]
    return next((line for line in lines if line.counts(on)), lines[0] if lines else None)


@dataclass(frozen=True, slots=True)
class Photo:
    sha256: bytes
    width: int
    height: int
    alt_zh: str
    alt_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePage:
    """One update with its photos, and the campaign that it is of."""

    update: CampaignUpdate
    published_at: datetime
    edited_on: date | None  # in the book's time zone
    campaign_ref: str
    title_zh: str  # of the campaign
    title_en: str
    time_zone: str
    photos: tuple[Photo, ...]


def update_page(session: Session, ref: str, update_id: int) -> UpdatePage:
    """A published update of a public campaign. Raises NotFound."""
    if not is_reference(ref):
        raise NotFound
    row = session.execute(
        select(CampaignUpdate, Campaign.title_zh, Campaign.title_en, Book.time_zone)
        .join(Campaign, Campaign.id == CampaignUpdate.campaign_id)
        .join(Book, Book.id == Campaign.book_id)
        .where(
            CampaignUpdate.id == update_id,
            CampaignUpdate.published_at.is_not(None),
            Campaign.ref == ref,
            Campaign.state.in_(PUBLIC),
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    update, title_zh, title_en, time_zone = row
    assert update.published_at is not None
    photos = session.scalars(
        select(UpdatePhoto)
        .where(UpdatePhoto.update_id == update_id, UpdatePhoto.removed_at.is_(None))
        .order_by(UpdatePhoto.id)
    )
    return UpdatePage(
        update=update,
        published_at=update.published_at,
        edited_on=clock.day_of(update.edited_at, time_zone) if update.edited_at else None,
        campaign_ref=ref,
        title_zh=title_zh,
        title_en=title_en,
        time_zone=time_zone,
        photos=tuple(Photo(photo.sha256, photo.width, photo.height, photo.alt_zh, photo.alt_en) for photo in photos),
    )
