"""What one unit costs, from which day on, and where the figure comes from. Past prices stay as they were."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns.lifecycle import EDITABLE, State
from donate.campaigns.models import Campaign, UnitPrice
from donate.errors import N_, DonateError
from donate.text import TextTooLong, clean_line

MOST_MINOR = 10_000_000  # no meal costs more; a slip of the finger does


class PriceOutOfRange(DonateError):
    sentence = N_("The price of one unit must be more than zero and at most 100,000.")
    field = "price"


class SourceTooLong(TextTooLong):
    field = "source_zh"


class EnglishSourceTooLong(TextTooLong):
    field = "source_en"


class PriceInThePast(DonateError):
    sentence = N_("A new price counts from today or later: past days keep the price that donors saw.")
    field = "price_from"


class PriceSetAlready(DonateError):
    sentence = N_("There is a price from %(day)s on already; choose a later day.")
    field = "price_from"


@dataclass(frozen=True, slots=True)
class Price:
    """One price and the day from which it counts."""

    amount_minor: int
    effective_on: date
    source_zh: str
    source_en: str


def set_price(
    session: Session,
    campaign: Campaign,
    *,
    amount_minor: int,
    source_zh: str,
    source_en: str,
    effective_on: date,
    today: date,
) -> None:
    """The price from a day on. A plan that is still being written has one price, replaced until it is handed in.

    Raises PriceOutOfRange, PriceInThePast, PriceSetAlready, TextTooLong.
    """
    if not 0 < amount_minor <= MOST_MINOR:
        raise PriceOutOfRange
    if State(campaign.state) in EDITABLE:
        session.execute(delete(UnitPrice).where(UnitPrice.campaign_id == campaign.id))
    elif effective_on < today:
        raise PriceInThePast
    new = session.scalar(
        insert(UnitPrice)
        .values(
            campaign_id=campaign.id,
            effective_on=effective_on,
            amount_minor=amount_minor,
            source_zh=clean_line(source_zh, 200, SourceTooLong),
            source_en=clean_line(source_en, 300, EnglishSourceTooLong),
            recorded_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(UnitPrice.campaign_id)
    )
    if new is None:
        raise PriceSetAlready(day=effective_on)
    campaign.version += 1
    session.flush()


def price_on(session: Session, campaign_id: int, on: date) -> Price | None:
    """The price that counts on a day; the next one where none counts yet."""
    prices = price_history(session, campaign_id)
    past = [price for price in prices if price.effective_on <= on]
    return past[0] if past else (prices[-1] if prices else None)


def price_history(session: Session, campaign_id: int) -> list[Price]:
    """All prices, newest first."""
    rows = session.scalars(
        select(UnitPrice).where(UnitPrice.campaign_id == campaign_id).order_by(UnitPrice.effective_on.desc())
    )
    return [Price(row.amount_minor, row.effective_on, row.source_zh, row.source_en) for row in rows]
