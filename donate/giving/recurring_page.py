"""What a donor sees of their standing promise: how it goes, its months with their receipts, what comes next."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns.queries import CampaignForGiving, campaign_for_giving
from donate.giving.brought import COUNTS, brought
from donate.giving.models import Booked, Checkout, Donation
from donate.giving.receipts import progress_of
from donate.giving.recurring import by_secret
from donate.giving.recurring_models import Recurring, RecurringMonth, RecurringState, StopReason
from donate.ledger.models import Book


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month that was charged; its receipt, unless a person has to look at its money first."""

    paid_on: date
    amount_minor: int
    receipt_secret: str | None
    went_back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringPage:
    """A standing promise as its donor sees it."""

    public_id: UUID
    secret: str
    first_secret: str
    state: RecurringState
    stop_reason: StopReason | None
    is_stopping: bool  # asked for, and not yet confirmed by the provider
    amount_minor: int
    currency: str
    begun_on: date
    next_charge_on: date | None
    tried_again_on: date | None
    campaign: CampaignForGiving
    months: tuple[Month, ...]

    @property
    def can_stop(self) -> bool:
        return self.state in (RecurringState.ACTIVE, RecurringState.PAST_DUE) and not self.is_stopping


def recurring_page(session: Session, secret: str) -> RecurringPage:
    """The page behind a secret link. Raises NotFound."""
    recurring = by_secret(session, secret)
    first, time_zone = session.execute(
        select(Checkout, Book.time_zone)
        .join(Book, Book.id == Checkout.book_id)
        .where(Checkout.id == recurring.checkout_id)
    ).one()
    return RecurringPage(
        public_id=recurring.public_id,
        secret=recurring.secret,
        first_secret=first.secret,
        state=RecurringState(recurring.state),
        stop_reason=StopReason(recurring.stop_reason) if recurring.stop_reason else None,
        is_stopping=recurring.stop_asked_at is not None and recurring.state != RecurringState.ENDED,
        amount_minor=recurring.amount_minor,
        currency=first.currency,
        begun_on=clock.day_of(recurring.created_at, time_zone),
        next_charge_on=_day(recurring.paid_until, time_zone) if recurring.state == RecurringState.ACTIVE else None,
        tried_again_on=_day(recurring.next_attempt_at, time_zone),
        campaign=campaign_for_giving(session, recurring.campaign_ref, clock.today(time_zone)),
        months=_months(session, recurring, time_zone),
    )


def _day(moment: datetime | None, time_zone: str) -> date | None:
    return clock.day_of(moment, time_zone) if moment is not None else None


def _months(session: Session, recurring: Recurring, time_zone: str) -> tuple[Month, ...]:
    """Newest first; the first month also while only its own page has been heard of."""
    rows = (
        session.execute(
            select(Checkout)
            .outerjoin(RecurringMonth, RecurringMonth.checkout_id == Checkout.id)
            .where(
                or_(RecurringMonth.recurring_id == recurring.id, Checkout.id == recurring.checkout_id),
                Checkout.booked_as.is_not(None),
            )
            .order_by(Checkout.paid_at.desc(), Checkout.id.desc())
        )
        .scalars()
        .all()
    )
    return tuple(
        Month(
            paid_on=clock.day_of(checkout.paid_at or checkout.created_at, time_zone),
            amount_minor=_amount(session, checkout),
            receipt_secret=checkout.secret if checkout.booked_as in COUNTS else None,
            went_back=checkout.booked_as not in COUNTS and progress_of(session, checkout.secret).went_back,
        )
        for checkout in rows
    )


def _amount(session: Session, checkout: Checkout) -> int:
    """What was paid; what was agreed while a person looks at it."""
    if checkout.booked_as != Booked.CLEARED:
        return checkout.amount_minor
    donations = session.scalars(select(Donation).where(Donation.checkout_id == checkout.id)).all()
    return sum(brought(session, checkout, donations).values())


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseBehind:
    """The standing promise that a receipt's donation is one month of, and whether its bank refuses at the moment."""

    secret: str
    can_stop: bool
    is_refused: bool
    is_lost: bool  # ended, since the bank went on refusing
    amount_minor: int
    tried_again_on: date | None


def promise_behind(session: Session, checkout_secret: str) -> PromiseBehind | None:
    """The promise behind a checkout, by the checkout's secret; None where it was paid once."""
    row = session.execute(
        select(Recurring, Book.time_zone)
        .select_from(Recurring)
        .join(
            Checkout,
            or_(
                Checkout.id == Recurring.checkout_id,
                Checkout.id.in_(select(RecurringMonth.checkout_id).where(RecurringMonth.recurring_id == Recurring.id)),
            ),
        )
        .join(Book, Book.id == Checkout.book_id)
        .where(Checkout.secret == checkout_secret)
    ).one_or_none()
    if row is None:
        return None
    recurring, time_zone = row
    is_over, is_stopping = recurring.state == RecurringState.ENDED, recurring.stop_asked_at is not None
    return PromiseBehind(
        secret=recurring.secret,
        can_stop=not is_over and not is_stopping,
        is_refused=recurring.state == RecurringState.PAST_DUE and not is_stopping,
        is_lost=is_over and recurring.stop_reason == StopReason.PAYMENT,
        amount_minor=recurring.amount_minor,
        tried_again_on=_day(recurring.next_attempt_at, time_zone),
    )
