"""The one way in which refunds and disputes learn what the provider knows: messages, our own refunds and jobs come here.

Every message is only a sign that something happened to a charge. The charge is read whole, with no transaction open,
and our rows are moved towards it. A charge may be reported before the session that it paid: that is learnt first.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound
from donate.giving import recurring_sync
from donate.giving.charges import Payment, payment_of, payment_of_checkout, payment_of_unbooked
from donate.giving.models import Checkout, UnbookedMoney
from donate.giving.money_back import book_charge
from donate.giving.refund_models import Dispute, Refund, RefundOrigin, RefundState, WarningOfFraud
from donate.giving.refunds import NothingToRefund, PaymentDisputed, authorise_refund
from donate.giving.service import merchant_ref
from donate.giving.shortfall import level_all
from donate.giving.sync import sync_checkout
from donate.giving.unexplained import learn_unexplained
from donate.giving.unexplained_closing import settle, settle_standing
from donate.ledger.models import MerchantAccount
from donate.payments.facts import ChargeSeen, RefundRequest
from donate.payments.gateway import Event, MerchantRef, ProviderRefused, RefundRefused
from donate.payments.merchants import gateway_for
from donate.settings import Settings

log = structlog.get_logger("donate.giving")

SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(minutes=2), timedelta(days=1)


def refresh_charge(merchant: MerchantRef, charge_id: str, settings: Settings) -> bool:
    """Read one charge with all that came back of it and book what is new; False where the charge is none of ours.

    Raises ProviderUnavailable and ProviderRefused with our rows untouched.
    """
    charge = gateway_for(merchant, settings).read_charge(charge_id)
    if _book(merchant, charge):
        return True
    if not charge.is_paid:
        return False
    _learn(merchant, charge, settings)
    if _book(merchant, charge):
        return True
    log.info("charge_of_others", charge=charge_id, merchant=merchant.ref)
    return False


def _book(merchant: MerchantRef, charge: ChargeSeen) -> bool:
    with transaction() as session:
        payment = payment_of(session, merchant.ref, charge)
        if payment is None:
            return False
        book_charge(session, payment, charge)
        return True


def _learn(merchant: MerchantRef, charge: ChargeSeen, settings: Settings) -> None:
    """Ask for the session or the month that a charge paid, so that its checkout names it."""
    if charge.reference is not None:
        with reading() as session:
            is_ours = session.scalar(
                select(Checkout.id)
                .join(MerchantAccount, MerchantAccount.id == Checkout.merchant_account_id)
                .where(Checkout.public_id == charge.reference, MerchantAccount.ref == merchant.ref)
            )
        if is_ours is not None:
            sync_checkout(charge.reference, settings)
    if charge.invoice_id is not None:
        month = gateway_for(merchant, settings).read_recurring_charge(charge.invoice_id)
        if month.our_id is not None:
            try:
                recurring_sync.sync_recurring(month.our_id, settings, invoice_id=charge.invoice_id)
            except NotFound:
                return
    learn_unexplained(merchant, settings)


def take_charge_back_event(merchant: MerchantRef, event: Event, settings: Settings) -> None:
    """Something came back of a charge, is to come back, or does not come back after all."""
    charge_id = _charge_in(event)
    if charge_id is not None:
        refresh_charge(merchant, charge_id, settings)


def _charge_in(event: Event) -> str | None:
    """The charge that a message is about: itself a charge, or naming one."""
    if event.object.get("object") == "charge":
        return event.object_id
    named = event.object.get("charge")
    if isinstance(named, Mapping):
        named = named.get("id")
    return named if isinstance(named, str) else None


def take_fraud_warning(merchant: MerchantRef, event: Event, settings: Settings) -> None:
    """The card's issuer suspects fraud: refund all that is left at once, before it becomes a dispute with a fee."""
    warning = gateway_for(merchant, settings).read_fraud_warning(event.object_id)
    if not refresh_charge(merchant, warning.charge_id, settings):
        return
    charge = gateway_for(merchant, settings).read_charge(warning.charge_id)
    with transaction() as session:
        payment = payment_of(session, merchant.ref, charge)
        if payment is None:
            return
        kept = session.scalars(
            select(WarningOfFraud).where(WarningOfFraud.warning_id == warning.warning_id)
        ).one_or_none()
        if kept is None:
            kept = WarningOfFraud(
                warning_id=warning.warning_id, charge_id=warning.charge_id, warned_at=warning.created_at
            )
            session.add(kept)
        if kept.refund_id is None and warning.is_actionable:
            try:
                kept.refund_id = authorise_refund(session, payment, origin=RefundOrigin.FRAUD_WARNING).id
            except (NothingToRefund, PaymentDisputed):
                log.info("warning_without_refund", charge=warning.charge_id)
        refund = session.get(Refund, kept.refund_id) if kept.refund_id is not None else None
        public_id = refund.public_id if refund is not None else None
    if public_id is not None:
        send_refund(public_id, settings)


def send_refund(public_id: UUID, settings: Settings) -> RefundState:
    """Hand a refund that was written down to the provider and book what it says; the state afterwards.

    Sent again, it is the same refund there. Raises ProviderUnavailable with the row still to be sent: a job goes on.
    """
    with reading() as session:
        merchant, request, state = _to_send(session, public_id)
    if state is RefundState.REQUESTED:
        try:
            gateway_for(merchant, settings).refund(request)
        except RefundRefused as refused:
            _refuse(public_id, refused.facts.get("code"))
    refresh_charge(merchant, request.charge_id, settings)
    with reading() as session:
        return RefundState(session.scalars(select(Refund.state).where(Refund.public_id == public_id)).one())


def _to_send(session: Session, public_id: UUID) -> tuple[MerchantRef, RefundRequest, RefundState]:
    refund = session.scalars(select(Refund).where(Refund.public_id == public_id)).one_or_none()
    if refund is None:
        raise NotFound
    request = RefundRequest(
        public_id=refund.public_id,
        charge_id=refund.charge_id,
        amount_minor=refund.amount_minor,
        is_fraudulent=refund.origin == RefundOrigin.FRAUD_WARNING,
    )
    return _merchant_of(session, refund), request, RefundState(refund.state)


def _merchant_of(session: Session, row: Refund | Dispute) -> MerchantRef:
    model: type[Checkout] | type[UnbookedMoney] = Checkout if row.checkout_id is not None else UnbookedMoney
    account = session.scalars(
        select(MerchantAccount)
        .join(model, model.merchant_account_id == MerchantAccount.id)
        .where(model.id == (row.checkout_id if row.checkout_id is not None else row.unbooked_id))
    ).one()
    return merchant_ref(account)


def _refuse(public_id: UUID, code: object) -> None:
    """Unless it has gone meanwhile; unexplained money of which something is left so stands open again."""
    with transaction() as session:
        refund = session.scalars(select(Refund).where(Refund.public_id == public_id)).one()
        payment = _payment(session, refund)
        session.refresh(refund)
        if refund.state == RefundState.REQUESTED:
            refund.state, refund.next_sync_at = RefundState.REFUSED.value, None
            refund.refused_code = str(code) if code is not None else None
            session.flush()
        if payment is not None:
            settle(session, payment)
    log.warning("refund_refused", refund=str(public_id), code=code)


def _payment(session: Session, refund: Refund) -> Payment | None:
    if refund.checkout_id is not None:
        return payment_of_checkout(session, refund.checkout_id)
    assert refund.unbooked_id is not None
    return payment_of_unbooked(session, refund.unbooked_id)


def sync_money_back(settings: Settings, most: int = 50) -> int:
    """Send what was left unsent, and look at refunds on their way and running disputes; how many. A job calls this."""
    now = clock.now()
    with reading() as session:
        refunds = session.scalars(
            select(Refund).where(Refund.next_sync_at <= now).order_by(Refund.next_sync_at).limit(most)
        ).all()
        disputes = session.scalars(
            select(Dispute).where(Dispute.next_sync_at <= now).order_by(Dispute.next_sync_at).limit(most)
        ).all()
    due: list[tuple[Refund | Dispute, datetime]] = [(refund, refund.requested_at) for refund in refunds]
    due += [(dispute, dispute.opened_at) for dispute in disputes]
    for row, begun_at in due:
        pause = min(max((now - begun_at) / 2, SHORTEST_PAUSE), LONGEST_PAUSE)
        model = type(row)
        with transaction() as session:
            # First put off, so that one that cannot be asked about does not hold up the others.
            session.execute(
                update(model)
                .where(model.id == row.id, model.next_sync_at.is_not(None))
                .values(next_sync_at=now + pause)
            )
            merchant = _merchant_of(session, row)
        try:
            # Before it is sent again: a key is forgotten after a day, the refund itself is not.
            refresh_charge(merchant, row.charge_id, settings)
            if isinstance(row, Refund) and row.state == RefundState.REQUESTED:
                send_refund(row.public_id, settings)
        except DonateError as error:
            log.warning("money_back_sync_failed", charge=row.charge_id, error=type(error).__name__)
    settle_standing()
    level_all()
    return len(due)


def refresh_checkout(reference: UUID, settings: Settings) -> None:
    """Read the charge of a checkout anew before a refund is authorised. Raises NotFound, ProviderUnavailable."""
    sync_checkout(reference, settings)
    with reading() as session:
        charge_id, account = session.execute(
            select(Checkout.charge_id, MerchantAccount)
            .join(MerchantAccount, MerchantAccount.id == Checkout.merchant_account_id)
            .where(Checkout.public_id == reference)
        ).one()
        merchant = merchant_ref(account)
    if charge_id is not None:
        try:
            refresh_charge(merchant, charge_id, settings)
        except ProviderRefused:
            log.warning("charge_unreadable", charge=charge_id)
