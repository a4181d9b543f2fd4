"""What organisers and staff see of standing promises: how many go well, and where a bank refused. Nobody is named."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from donate import clock
from donate.campaigns.models import Campaign
from donate.giving.recurring_models import Recurring, RecurringState, StopReason
from donate.ledger.models import Book
from donate.organisations.models import Organisation

ENDED_WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyLine:
    """The standing promises to one campaign. `refused` wait for their bank; `lost` ended lately since it went on refusing."""

    campaign_ref: str
    title_zh: str
    title_en: str
    currency: str
    running_count: int
    running_minor: int
    refused_count: int
    refused_minor: int
    lost_count: int


def monthly_lines(session: Session, organisations: Collection[str] | None = None) -> list[MonthlyLine]:
    """One line for each campaign that has any; of campaigns that one of `organisations` runs or hosts, or of all.

    Those with refused charges come first.
    """
    host, partner = aliased(Organisation), aliased(Organisation)
    running, refused = (Recurring.state == state.value for state in (RecurringState.ACTIVE, RecurringState.PAST_DUE))
    lost = (Recurring.stop_reason == StopReason.PAYMENT.value) & (Recurring.ended_at > clock.now() - ENDED_WITHIN)
    query = (
        select(
            Campaign.ref,
            Campaign.title_zh,
            Campaign.title_en,
            Book.currency,
            func.count().filter(running),
            func.coalesce(func.sum(Recurring.amount_minor).filter(running), 0),
            func.count().filter(refused),
            func.coalesce(func.sum(Recurring.amount_minor).filter(refused), 0),
            func.count().filter(lost),
        )
        .select_from(Recurring)
        .join(Campaign, Campaign.ref == Recurring.campaign_ref)
        .join(Book, Book.id == Campaign.book_id)
        .join(host, host.id == Campaign.host_id)
        .join(partner, partner.id == Campaign.partner_id)
        .where(or_(running, refused, lost))
        .group_by(Campaign.ref, Campaign.title_zh, Campaign.title_en, Book.currency)
        .order_by(func.count().filter(refused).desc(), Campaign.ref)
    )
    if organisations is not None:
        query = query.where(or_(host.ref.in_(organisations), partner.ref.in_(organisations)))
    rows: Iterable[tuple[Any, ...]] = session.execute(query)
    return [_line(*row) for row in rows]


def _line(
    ref: str,
    title_zh: str,
    title_en: str,
    currency: str,
    running_count: int,
    running_minor: int,
    refused_count: int,
    refused_minor: int,
    lost_count: int,
) -> MonthlyLine:
    return MonthlyLine(
        campaign_ref=ref,
        title_zh=title_zh,
        title_en=title_en,
        currency=currency,
        running_count=running_count,
        running_minor=int(running_minor),
        refused_count=refused_count,
        refused_minor=int(refused_minor),
        lost_count=lost_count,
    )
