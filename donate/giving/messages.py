"""What giving does about the provider's messages: the table that the webhook's door and the repeating job share."""

from functools import partial

from sqlalchemy import select

from donate.db import reading
from donate.errors import NotFound
from donate.giving import sync
from donate.giving.service import merchant_ref
from donate.ledger.models import MerchantAccount
from donate.payments import inbox
from donate.payments.gateway import MerchantRef
from donate.settings import Settings

_HANDLERS = {
    "checkout.session.completed": sync.take_session_event,
    "checkout.session.async_payment_succeeded": sync.take_session_event,
    "checkout.session.async_payment_failed": sync.take_session_event,
    "checkout.session.expired": sync.take_session_event,
    "payment_intent.payment_failed": sync.take_other_event,
    "charge.updated": sync.take_charge_event,
}


def handlers(settings: Settings) -> inbox.Handlers:
    """What is done about each kind of message; every other kind is stored and marked ignored."""
    return {kind: partial(handler, settings=settings) for kind, handler in _HANDLERS.items()}


def merchant_of(ref: str) -> MerchantRef:
    """The merchant account with this reference. Raises NotFound."""
    with reading() as session:
        account = session.scalars(select(MerchantAccount).where(MerchantAccount.ref == ref)).one_or_none()
    if account is None:
        raise NotFound
    return merchant_ref(account)


def handle_waiting(settings: Settings) -> int:
    """Try again what failed or was interrupted; how many were tried."""
    return inbox.retry_waiting(merchant_of, handlers(settings))
