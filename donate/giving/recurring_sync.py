"""The one way in which a standing promise learns what the provider knows: messages, pages and the job come here.

Every message is taken only as a sign that something happened: the promise and its charged months are read as they
stand now, with no transaction open, and then written down. So the order of messages does not matter.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound
from donate.giving.fees import book_fee
from donate.giving.models import Checkout
from donate.giving.recurring import FirstMonthUnknown, ask_to_stop, book_month, month_of, take_attempt, take_seen
from donate.giving.recurring_models import Recurring, RecurringMonth, RecurringState, StopReason
from donate.giving.service import merchant_ref
from donate.giving.sync import sync_checkout
from donate.ledger.models import MerchantAccount
from donate.payments.events import recurring_of
from donate.payments.facts import RecurringCharge
from donate.payments.gateway import Event, Gateway, MerchantRef
from donate.payments.merchants import gateway_for
from donate.settings import Settings

log = structlog.get_logger("donate.giving")

# A refused month may be paid after the next one was: asked again from so far back, none is missed.
OVERLAP = timedelta(days=70)
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(minutes=2), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What our rows say of a promise before the provider is asked."""

    merchant: MerchantRef
    recurring_id: str | None
    state: RecurringState
    first: UUID
    session_id: str | None
    last_period_from: datetime
    is_stopping: bool


def take_invoice_event(merchant: MerchantRef, event: Event, settings: Settings) -> None:
    """A month was charged, or refused."""
    _take(merchant, event, settings, invoice_id=event.object_id)


def take_recurring_event(merchant: MerchantRef, event: Event, settings: Settings) -> None:
    """A promise itself has changed, or has ended."""
    _take(merchant, event, settings)


def _take(merchant: MerchantRef, event: Event, settings: Settings, *, invoice_id: str | None = None) -> None:
    our_id = recurring_of(event.object)
    with reading() as session:
        known = _known(session, our_id) if our_id is not None else None
    if our_id is None or known is None or known.merchant.ref != merchant.ref:
        log.info("event_of_others", event_id=event.id, kind=event.kind, merchant=merchant.ref)
        return
    sync_recurring(our_id, settings, invoice_id=invoice_id)


def sync_recurring(our_id: UUID, settings: Settings, *, invoice_id: str | None = None) -> None:
    """Read a promise and book its charged months: the one of `invoice_id`, or all that are not booked yet.

    Raises NotFound, FirstMonthUnknown, and ProviderUnavailable with our rows untouched.
    """
    with reading() as session:
        known = _known(session, our_id)
    if known is None:
        raise NotFound
    gateway = gateway_for(known.merchant, settings)
    asked_at = clock.now()
    if invoice_id is not None:
        charges = [gateway.read_recurring_charge(invoice_id)]
        recurring_id: str | None = charges[0].recurring_id
    else:
        recurring_id = _begun(gateway, known)
        if recurring_id is None:
            return
        charges = list(gateway.recurring_charges(recurring_id, known.last_period_from - OVERLAP))
    assert recurring_id is not None
    seen = gateway.read_recurring(recurring_id)
    for charge in charges:
        if charge.is_paid:
            _book(gateway, known, our_id, charge, settings)
    with transaction() as session:
        for charge in charges:
            take_attempt(session, our_id, charge)
        take_seen(session, our_id, seen, asked_at)


def _book(gateway: Gateway, known: _Known, our_id: UUID, charge: RecurringCharge, settings: Settings) -> None:
    with reading() as session:
        if month_of(session, charge.invoice_id) is not None:
            return
    if charge.is_first:
        sync_checkout(known.first, settings)  # paid on a page, so that its session is to be asked
    fee = gateway.read_charge_fee(charge.charge_id) if charge.charge_id is not None else None
    with transaction() as session:
        reference = book_month(session, known.merchant.ref, our_id, charge)
        if fee is not None:
            book_fee(session, known.merchant.ref, reference, fee)


def _begun(gateway: Gateway, known: _Known) -> str | None:
    """The provider's id; where no message has told it, the session of the first month does, once it is paid."""
    if known.recurring_id is not None or known.session_id is None:
        return known.recurring_id
    return gateway.read_session(known.session_id).recurring_id


def _known(session: Session, our_id: UUID) -> _Known | None:
    last = (
        select(func.max(RecurringMonth.period_from))
        .where(RecurringMonth.recurring_id == Recurring.id)
        .scalar_subquery()
    )
    row = session.execute(
        select(Recurring, Checkout, MerchantAccount, last)
        .join(Checkout, Checkout.id == Recurring.checkout_id)
        .join(MerchantAccount, MerchantAccount.id == Checkout.merchant_account_id)
        .where(Recurring.public_id == our_id)
    ).one_or_none()
    if row is None:
        return None
    recurring, checkout, merchant, last_period_from = row
    return _Known(
        merchant=merchant_ref(merchant),
        recurring_id=recurring.recurring_id,
        state=RecurringState(recurring.state),
        first=checkout.public_id,
        session_id=checkout.session_id,
        last_period_from=last_period_from or recurring.created_at,
        is_stopping=recurring.stop_asked_at is not None,
    )


def stop_recurring(our_id: UUID, reason: StopReason, settings: Settings) -> None:
    """End a promise at once: written down first, then asked of the provider, so that it is ended in any case.

    Raises NotFound, and ProviderUnavailable with the wish written down: the job goes on with it.
    """
    with transaction() as session:
        ask_to_stop(session, our_id, reason)
    _end(our_id, settings)


def _end(our_id: UUID, settings: Settings) -> None:
    with reading() as session:
        known = _known(session, our_id)
    if known is None or known.state is RecurringState.ENDED:
        return
    gateway = gateway_for(known.merchant, settings)
    recurring_id = _begun(gateway, known)
    if recurring_id is None:
        return  # not paid yet; should it be after all, the job ends it then
    asked_at = clock.now()
    seen = gateway.cancel_recurring(recurring_id, our_id)
    with transaction() as session:
        take_seen(session, our_id, seen, asked_at)


def sync_due(settings: Settings, most: int = 50) -> int:
    """Look after promises whose month is overdue or that are to end, those due longest first; how many. A job."""
    now = clock.now()
    with reading() as session:
        due = session.execute(
            select(Recurring.public_id, Recurring.created_at, Recurring.state, Recurring.stop_asked_at, Checkout.state)
            .join(Checkout, Checkout.id == Recurring.checkout_id)
            .where(Recurring.next_sync_at <= now)
            .order_by(Recurring.next_sync_at)
            .limit(most)
        ).all()
    for our_id, created_at, state, stop_asked_at, first_state in due:
        is_over = state == RecurringState.PENDING and first_state in ("expired", "failed")
        begun_at = stop_asked_at or (created_at if state == RecurringState.PENDING else now)
        pause = min(max((now - begun_at) / 2, SHORTEST_PAUSE), LONGEST_PAUSE)
        with transaction() as session:
            # First put off, so that one that cannot be asked about does not hold up the others.
            session.execute(
                update(Recurring)
                .where(Recurring.public_id == our_id, Recurring.next_sync_at.is_not(None))
                .values(next_sync_at=None if is_over else now + pause)
            )
        try:
            if stop_asked_at is not None:
                _end(our_id, settings)
            if not is_over:
                sync_recurring(our_id, settings)
        except DonateError as error:
            kind = type(error).__name__
            level = log.info if isinstance(error, FirstMonthUnknown) else log.warning
            level("recurring_sync_failed", recurring=str(our_id), error=kind)
    return len(due)
