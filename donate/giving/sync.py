"""The one way in which a checkout learns what the provider knows: message, return page and job all come here.

The provider is asked with no transaction open. A signed message that carries the whole session is taken at its word
without asking back: our states only rise, so a message that arrives late or twice cannot lower anything, and the
amount and currency in it are compared with the frozen checkout like those of an answer. Everything else (fees,
failed attempts, what the job finds stale) reads the object as it stands now.
"""

from collections import defaultdict
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
from donate.payments.silence import Silence
from donate.settings import Settings

log = structlog.get_logger("donate.giving")

SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(minutes=2), timedelta(days=1)
BLOCK = 200


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
    # Meanwhile another page of the same checkout may have become its payment: this fee is not that one's.
    paid_by = session.scalar(select(Checkout.session_id).where(Checkout.public_id == reference).with_for_update())
    if paid_by != seen.session_id:
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
    """Ask about checkouts whose messages may have been lost, those due longest first; how many. A job calls this.

    Of an account whose provider is silent only the first few are asked about. The others are put off as well, or they
    would stand before those of every other account.
    """
    asked = 0
    silences: dict[str, Silence] = defaultdict(Silence)
    for due in _due(clock.now(), most):
        _put_off(due)
        if not silences[due.merchant].is_total:
            _ask(due, silences[due.merchant], settings)
            asked += 1
    return asked


@dataclass(frozen=True, slots=True)
class Sweep:
    """How many checkouts were asked about; `silence` where the provider did not answer and the rest were left due."""

    asked_count: int
    silence: DonateError | None


def sync_due(merchant: str, settings: Settings, until: datetime) -> Sweep:
    """Ask about every checkout of one merchant account that was due at `until`, each once."""
    asked, silence = 0, Silence()
    while some := _due(until, BLOCK, merchant):
        for due in some:
            if silence.is_total:
                return Sweep(asked, silence.last)
            _put_off(due)
            _ask(due, silence, settings)
            asked += 1
    return Sweep(asked, silence.last if silence.is_total else None)


@dataclass(frozen=True, slots=True)
class _Due:
    """A checkout that is to be asked about."""

    reference: UUID
    merchant: str
    created_at: datetime


def _due(until: datetime, most: int, merchant: str | None = None) -> list[_Due]:
    query = (
        select(Checkout.public_id, MerchantAccount.ref, Checkout.created_at)
        .join(MerchantAccount, MerchantAccount.id == Checkout.merchant_account_id)
        .where(Checkout.next_sync_at <= until)
        .order_by(Checkout.next_sync_at)
        .limit(most)
    )
    if merchant is not None:
        query = query.where(MerchantAccount.ref == merchant)
    with reading() as session:
        return [_Due(reference, ref, created_at) for reference, ref, created_at in session.execute(query)]


def _put_off(due: _Due) -> None:
    """Not due again before a pause, whatever comes of asking now; always later than any moment before this one."""
    now = clock.now()
    pause = min(max((now - due.created_at) / 2, SHORTEST_PAUSE), LONGEST_PAUSE)
    with transaction() as session:
        session.execute(
            update(Checkout)
            .where(Checkout.public_id == due.reference, Checkout.next_sync_at.is_not(None))
            .values(next_sync_at=now + pause)
        )


def _ask(due: _Due, silence: Silence, settings: Settings) -> None:
    try:
        with silence.noted():
            sync_checkout(due.reference, settings)
    except DonateError as error:
        # One that cannot be asked about now must not hold up the others; it is due again after the pause.
        log.warning("sync_failed", checkout=str(due.reference), error=type(error).__name__)
