"""What is done when a donor's bank says no: it is counted, and a page on which card after card is tried is closed.

The provider's page lets a donor try another card, so a single checkout could test thousands. Nobody mistypes ten times.

A payment that is made once carries our reference. The first month of a standing promise carries none: its intent leads
over an invoice to the promise, and with it to the checkout. Two messages tell of it, that of the intent and that of the
invoice, and either may be missing; the charge that was refused counts once. Later months are charged by the provider
itself, with nobody at a page, and count as nothing here.
"""

from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from donate import clock
from donate.db import reading, transaction
from donate.giving import recurring_sync, sync
from donate.giving.limit_models import DeclinedTry
from donate.giving.models import Checkout, CheckoutState
from donate.giving.recurring_models import Recurring
from donate.ledger.models import MerchantAccount
from donate.payments.facts import RefusedMonth
from donate.payments.gateway import Event, MerchantRef, ProviderRefused
from donate.payments.merchants import gateway_for
from donate.settings import Settings

MOST_OF_A_CHECKOUT = 10

log = structlog.get_logger("donate.giving")


@dataclass(frozen=True, slots=True)
class _Refused:
    """A try to pay a checkout, by the checkout's public id. `attempt` is what it is told from others by."""

    reference: UUID
    attempt: str


def take_declined_event(merchant: MerchantRef, event: Event, settings: Settings) -> None:
    """A payment was refused: count it once, look at the checkout, and close its page after too many."""
    attempt = _charge_in(event) or event.id
    if event.reference is not None:
        refused: _Refused | None = _Refused(event.reference, attempt)
    else:
        month = gateway_for(merchant, settings).read_refused_month(intent_id=event.object_id)
        refused = _first_month(month, attempt)
    session_id = _count(merchant, refused)
    sync.take_other_event(merchant, event, settings)
    _close(merchant, refused, session_id, settings)


def take_refused_invoice_event(merchant: MerchantRef, event: Event, settings: Settings) -> None:
    """A month was refused: the promise is read as it stands; a first month counts as a refused payment."""
    recurring_sync.take_invoice_event(merchant, event, settings)
    if event.object.get("billing_reason") != "subscription_create":
        return
    month = gateway_for(merchant, settings).read_refused_month(invoice_id=event.object_id)
    refused = _first_month(month, month.charge_id if month and month.charge_id else event.id)
    _close(merchant, refused, _count(merchant, refused), settings)


def _charge_in(event: Event) -> str | None:
    """The charge of the attempt that the message is about; the intent's own may be of a later one by now."""
    error = event.object.get("last_payment_error")
    found = error.get("charge") if isinstance(error, dict) else None
    return found if isinstance(found, str) else None


def _first_month(month: RefusedMonth | None, attempt: str) -> _Refused | None:
    if month is None or month.our_id is None or not month.is_first:
        return None
    with reading() as session:
        reference = session.scalar(
            select(Checkout.public_id)
            .join(Recurring, Recurring.checkout_id == Checkout.id)
            .where(Recurring.public_id == month.our_id)
        )
    return _Refused(reference, attempt) if reference is not None else None


def _count(merchant: MerchantRef, refused: _Refused | None) -> str | None:
    """The provider's session, where it is to be closed."""
    if refused is None:
        return None
    with transaction() as session:
        checkout = session.execute(
            select(Checkout.id, Checkout.session_id, Checkout.state)
            .join(MerchantAccount, MerchantAccount.id == Checkout.merchant_account_id)
            .where(Checkout.public_id == refused.reference, MerchantAccount.ref == merchant.ref)
        ).one_or_none()
        if checkout is None:
            return None
        checkout_id, session_id, state = checkout
        session.execute(
            insert(DeclinedTry)
            .values(checkout_id=checkout_id, attempt=refused.attempt, declined_at=clock.now())
            .on_conflict_do_nothing()
        )
        declined = session.scalar(select(func.count()).where(DeclinedTry.checkout_id == checkout_id)) or 0
    return session_id if declined >= MOST_OF_A_CHECKOUT and state in ("created", "open") else None


def _close(merchant: MerchantRef, refused: _Refused | None, session_id: str | None, settings: Settings) -> None:
    if refused is None or session_id is None:
        return
    try:
        gateway_for(merchant, settings).close_session(session_id)
    except ProviderRefused:
        # Over already: closed for the attempt before, whose message is still on its way, or by its time.
        if sync.sync_checkout(refused.reference, settings) in (CheckoutState.CREATED, CheckoutState.OPEN):
            raise
    log.warning("checkout_closed_after_declines", checkout=str(refused.reference), merchant=merchant.ref)
