"""Promises to campaigns that take no donations any more are ended before they are charged again."""

from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns.models import Campaign
from donate.campaigns.queries import CampaignSuspended, LicenceExpired, campaign_for_giving
from donate.db import reading
from donate.errors import DonateError, NotFound
from donate.giving.recurring_models import Recurring, StopReason
from donate.giving.recurring_sync import stop_recurring
from donate.ledger.models import Book
from donate.settings import Settings

# A suspension may be lifted and a licence renewed: what can be mended is waited for until this close to the charge.
BEFORE_CHARGE = timedelta(days=3)

log = structlog.get_logger("donate.giving")


def stop_closed(settings: Settings) -> int:
    """End what must not be charged again; how many. A job calls this every hour."""
    with reading() as session:
        doomed = _doomed(session)
    for our_id in doomed:
        try:
            stop_recurring(our_id, StopReason.CAMPAIGN, settings)
        except DonateError as error:  # the wish is written down, and the job that looks after promises goes on
            log.warning("recurring_stop_failed", recurring=str(our_id), error=type(error).__name__)
    return len(doomed)


def _doomed(session: Session) -> list[UUID]:
    now = clock.now()
    rows = session.execute(
        select(
            Recurring.public_id,
            Recurring.campaign_ref,
            Recurring.next_attempt_at,
            Recurring.paid_until,
            Book.time_zone,
        )
        .join(Campaign, Campaign.ref == Recurring.campaign_ref)
        .join(Book, Book.id == Campaign.book_id)
        .where(Recurring.state.in_(("active", "past_due")), Recurring.stop_asked_at.is_(None))
        .order_by(Recurring.id)
    ).all()
    asked: dict[tuple[str, date], DonateError | None] = {}
    doomed = []
    for our_id, campaign, next_attempt_at, paid_until, time_zone in rows:
        charge_at: datetime = max(next_attempt_at or paid_until or now, now)
        is_near = charge_at - now <= BEFORE_CHARGE
        key = (campaign, (charge_at if is_near else now).astimezone(ZoneInfo(time_zone)).date())
        if key not in asked:
            asked[key] = _closed_reason(session, *key)
        reason = asked[key]
        if reason is not None and (is_near or not isinstance(reason, CampaignSuspended | LicenceExpired)):
            doomed.append(our_id)
    return doomed


def _closed_reason(session: Session, campaign: str, on: date) -> DonateError | None:
    try:
        return campaign_for_giving(session, campaign, on).closed_reason
    except NotFound as error:  # not public any more
        return error
