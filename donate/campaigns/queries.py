"""What other rooms ask of campaigns: may one give to it now, and the one loader for those who sign in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from donate.campaigns.lifecycle import PUBLIC, State
from donate.campaigns.models import Campaign, UnitPrice
from donate.errors import N_, DonateError, NotFound
from donate.organisations.models import Licence, Organisation
from donate.organisations.queries import licence_counts
from donate.organisations.service import is_ref
from donate.text import InBoth


class CampaignNotOpen(DonateError):
    sentence = N_("“%(title)s” is not open for donations yet.")
    status = 409


class CampaignClosed(DonateError):
    sentence = N_("“%(title)s” takes no donations any more.")
    status = 409


class CampaignSuspended(CampaignClosed):
    sentence = N_("Donations to “%(title)s” are stopped for the time being while the host looks into a concern.")


class LicenceExpired(DonateError):
    """By law nobody may raise money in public without a licence that counts today."""

    sentence = N_("The fundraising licence of %(host)s is not valid today, so no donation can be taken.")
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignForGiving:
    """What the give page needs, read by one statement."""

    id: int
    ref: str
    state: str
    version: int
    book_id: int
    currency: str
    title_zh: str
    title_en: str
    unit_zh: str
    unit_en: str
    unit_price_minor: int
    starts_on: date
    ends_on: date
    host_ref: str
    host_name_zh: str
    host_name_en: str
    partner_name_zh: str
    partner_name_en: str
    licence_number: str | None  # none: no licence counts on the day
    on: date

    @property
    def closed_reason(self) -> DonateError | None:
        """Why no donation can be taken on the day; None while it is open."""
        title = InBoth(self.title_zh, self.title_en)
        if self.state == State.SUSPENDED:
            return CampaignSuspended(title=title)
        if self.state == State.FILED or self.on < self.starts_on:
            return CampaignNotOpen(title=title)
        if self.state != State.RAISING or self.on > self.ends_on:
            return CampaignClosed(title=title)
        if self.licence_number is None:
            return LicenceExpired(host=InBoth(self.host_name_zh, self.host_name_en))
        return None


def campaign_for_giving(session: Session, ref: str, on: date, *, also_hidden: bool = False) -> CampaignForGiving:
    """The campaign as the give page shows it, open or not: see its `closed_reason`. Raises NotFound.

    `also_hidden` finds one that strangers do not see: money may have come for it before its page was public.
    """
    if not is_ref(ref):
        raise NotFound
    host, partner = aliased(Organisation), aliased(Organisation)
    # The price that counts on the day; before the first one counts, that first one.
    price = (
        select(UnitPrice.amount_minor)
        .where(UnitPrice.campaign_id == Campaign.id)
        .order_by(
            (UnitPrice.effective_on <= on).desc(),
            func.abs(UnitPrice.effective_on - literal(on)),
        )
        .limit(1)
        .scalar_subquery()
    )
    licence = (
        select(Licence.number)
        .where(Licence.organisation_id == Campaign.host_id, licence_counts(on))
        .order_by(Licence.valid_to_on.desc(), Licence.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows: Iterable[tuple[Any, ...]] = session.execute(
        select(Campaign, host.ref, host.name_zh, host.name_en, partner.name_zh, partner.name_en, price, licence)
        .join(host, host.id == Campaign.host_id)
        .join(partner, partner.id == Campaign.partner_id)
        .where(Campaign.ref == ref, or_(Campaign.state.in_(PUBLIC), literal(also_hidden)))
    )
    for campaign, host_ref, host_zh, host_en, partner_zh, partner_en, unit_price_minor, licence_number in rows:
        return CampaignForGiving(
            id=campaign.id,
            ref=campaign.ref,
            state=campaign.state,
            version=campaign.version,
            book_id=campaign.book_id,
            currency=campaign.currency,
            title_zh=campaign.title_zh,
            title_en=campaign.title_en,
            unit_zh=campaign.unit_zh,
            unit_en=campaign.unit_en,
            unit_price_minor=unit_price_minor,
            starts_on=campaign.starts_on or on,
            ends_on=campaign.ends_on or on,
            host_ref=host_ref,
            host_name_zh=host_zh,
            host_name_en=host_en,
            partner_name_zh=partner_zh,
            partner_name_en=partner_en,
            licence_number=licence_number,
            on=on,
        )
    raise NotFound


@dataclass(frozen=True, slots=True)
class CampaignName:
    """A public campaign as a form names it."""

    id: int
    ref: str
    title_zh: str
    title_en: str


def public_campaign_name(session: Session, ref: str) -> CampaignName:
    """The name of a campaign that everybody may see. Raises NotFound."""
    row = None
    if is_ref(ref):
        row = session.scalar(select(Campaign).where(Campaign.ref == ref, Campaign.state.in_(PUBLIC)))
    if row is None:
        raise NotFound
    return CampaignName(row.id, row.ref, row.title_zh, row.title_en)
