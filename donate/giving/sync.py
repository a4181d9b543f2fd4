"""The one way in which a checkout learns what the provider knows: message, return page and job all come here.

The provider is asked with no transaction open. A signed message that carries the whole session is taken at its word
without asking back: our states only rise, so a message that arrives late or twice cannot lower anything, and the
amount and currency in it are compared with the frozen checkout like those of an answer. Everything else (fees,
failed attempts, what the job finds stale) reads the object as it stands now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import Connection, select, update
from sqlalchemy.orm import Session

from donate import clock
from donate.db import bare_transaction, reading, transaction
from donate.errors import DonateError, NotFound
from donate.giving.booking import move_all_towards, move_towards
from donate.giving.fees import book_fee
from donate.giving.models import Checkout, CheckoutState
from donate.giving.service import merchant_ref
from donate.giving.unexplained import learn_unexplained
from donate.ledger.models import MerchantAccount
from donate.payments.gateway import ChargeFee, Event, MerchantRef, ProviderCheckout
from donate.payments.inbox import MessageIsNotEnough
from donate.payments.merchants import gateway_for
from donate.settings import Settings

log = structlog.get_logger("donate.giving")

SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(minutes=2), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """Our state once the provider was asked, and whether it waits for the donor to confirm in a wallet or at a bank."""

    state: CheckoutState
    awaits_donor: bool = False


def sync_checkout(reference: UUID, settings: Settings) -> CheckoutState:
    """Ask the provider about one checkout, move our row towards the answer and book; our state afterwards.

    Raises NotFound, and ProviderUnavailable with our row untouched.
    """
    return ask_about(reference, settings).state


def ask_about(reference: UUID, settings: Settings) -> Asked:
    """The same, with what only the provider knows of a checkout that is still open."""
    with reading() as session:
        merchant, session_id, charge_id, expires_at, state = _known(session, reference)
    if session_id is None and charge_id is not None:
        return Asked(_sync_fee(merchant, reference, charge_id, state, settings))
    if session_id is None:
        return Asked(_without_session(reference, state, is_over=clock.now() > expires_at))
    seen = gateway_for(merchant, settings).read_session(session_id)
    with transaction() as session:
        move_towards(session.connection(), merchant.ref, seen)
        _book_known_fee(session, merchant.ref, reference, seen)
        state = CheckoutState(session.scalars(select(Checkout.state).where(Checkout.public_id == reference)).one())
        return Asked(state, seen.awaits_donor)


def _sync_fee(
    merchant: MerchantRef, reference: UUID, charge_id: str, state: CheckoutState, settings: Settings
) -> CheckoutState:
    """A later month of a standing promise has no page: all that is still to be learnt is its fee."""
    fee = gateway_for(merchant, settings).read_charge_fee(charge_id)
    with transaction() as session:
        book_fee(session, merchant.ref, reference, fee)
    return state


def _book_known_fee(session: Session, merchant: str, reference: UUID, seen: ProviderCheckout) -> None:
    if seen.status != "paid" or seen.fee_minor is None or seen.charge_id is None:
        return
    book_fee(
        session,
        merchant,
        reference,
        ChargeFee(
            charge_id=seen.charge_id,
            reference=reference,
            amount_minor=seen.amount_minor,
            currency=seen.currency,
            fee_minor=seen.fee_minor,
            fee_currency=seen.currency,
        ),
    )


def _known(session: Session, reference: UUID) -> tuple[MerchantRef, str | None, str | None, datetime, CheckoutState]:
    row = session.execute(
        select(Checkout, MerchantAccount)
        .join(MerchantAccount, MerchantAccount.id == Checkout.merchant_account_id)
        .where(Checkout.public_id == reference)
    ).one_or_none()
    if row is None:
        raise NotFound
    checkout, merchant = row
    state = CheckoutState(checkout.state)
    return merchant_ref(merchant), checkout.session_id, checkout.charge_id, checkout.expires_at, state


def _without_session(reference: UUID, state: CheckoutState, *, is_over: bool) -> CheckoutState:
    """The provider was never reached, so there is nothing to ask; after its time the checkout is over.

    Should the provider have opened a page all the same, its message still finds the row by its reference.
    """
    if not is_over or state is not CheckoutState.CREATED:
        return state
    with transaction() as session:
        session.execute(
            update(Checkout)
            .where(Checkout.public_id == reference, Checkout.state == "created", Checkout.session_id.is_(None))
            .values(state="expired", next_sync_at=None)
        )
    return CheckoutState.EXPIRED


def take_session_event(merchant: MerchantRef, event: Event, settings: Settings) -> None:
    """A message that carries a session: completed, paid late, failed late, expired."""
    seen = gateway_for(merchant, settings).checkout_in(event)
    if seen is None or seen.status == "open":
        take_other_event(merchant, event, settings)
        return
    with bare_transaction() as connection:
        move_towards(connection, merchant.ref, seen)


def book_session_events(
    connection: Connection, messages: Sequence[tuple[MerchantRef, Event]], settings: Settings
) -> None:
    """The same for several, inside the transaction that stores them. Raises MessageIsNotEnough."""
    seen_at = []
    for merchant, event in messages:
        seen = gateway_for(merchant, settings).checkout_in(event)
        if seen is None or seen.status == "open":
            raise MessageIsNotEnough
        seen_at.append((merchant.ref, seen))
    move_all_towards(connection, seen_at)


def take_charge_event(merchant: MerchantRef, event: Event, settings: Settings) -> None:
    """The fee arrives here: it is not known yet when a payment succeeds."""
    if event.object.get("balance_transaction") is None:
        return
    with reading() as session:
        reference = _charged(session, merchant, event.object_id)
    if reference is not None:
        fee = gateway_for(merchant, settings).read_charge_fee(event.object_id)
        with transaction() as session:
            book_fee(session, merchant.ref, reference, fee)
        return
    # Which charge paid a page is learnt from its session, fee included, and never from the charge's own reference: a
    # checkout that was paid on two pages has two charges with the same one. That of a standing promise carries no word
    # of ours; one that nobody has told us of yet brings its fee along when its month is booked.
    if event.reference is not None:
        take_other_event(merchant, event, settings)
    with reading() as session:
        reference = _charged(session, merchant, event.object_id)
    if reference is None and learn_unexplained(merchant, settings) == 0:
        log.info("event_of_others", event_id=event.id, kind=event.kind, merchant=merchant.ref)


def _charged(session: Session, merchant: MerchantRef, charge_id: str) -> UUID | None:
    return session.scalar(
        select(Checkout.public_id)
        .join(MerchantAccount, MerchantAccount.id == Checkout.merchant_account_id)
        .where(Checkout.charge_id == charge_id, MerchantAccount.ref == merchant.ref)
    )


def take_other_event(merchant: MerchantRef, event: Event, settings: Settings) -> None:
    """A message that says only that something happened: look for ourselves, if it is about us at all."""
    if event.reference is None:
        return
    try:
        sync_checkout(event.reference, settings)
    except NotFound:
        log.info("event_of_others", event_id=event.id, kind=event.kind, merchant=merchant.ref)


def sync_stale(settings: Settings, most: int = 50) -> int:
    """Ask about checkouts whose messages may have been lost, those due longest first; how many. A job calls this."""
    now = clock.now()
    with reading() as session:
        due = session.execute(
            select(Checkout.public_id, Checkout.created_at)
            .where(Checkout.next_sync_at <= now)
            .order_by(Checkout.next_sync_at)
            .limit(most)
        ).all()
    for reference, created_at in due:
        pause = min(max((now - created_at) / 2, SHORTEST_PAUSE), LONGEST_PAUSE)
        with transaction() as session:
            session.execute(
                update(Checkout)
                .where(Checkout.public_id == reference, Checkout.next_sync_at.is_not(None))
                .values(next_sync_at=now + pause)
            )
        try:
            sync_checkout(reference, settings)
        except DonateError as error:
            # One that cannot be asked about now must not hold up the others; it is due again after the pause.
            log.warning("sync_failed", checkout=str(reference), error=type(error).__name__)
    return len(due)
