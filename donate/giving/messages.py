"""What giving does about the provider's messages: the table that the webhook's door and the repeating job share."""

from functools import lru_cache, partial

from sqlalchemy import select

from donate.db import current, reading
from donate.errors import NotFound
from donate.giving import sync
from donate.giving.service import merchant_ref
from donate.ledger.models import MerchantAccount
from donate.payments import inbox
from donate.payments.gateway import MerchantRef
from donate.payments.merchants import require_usable
from donate.settings import Settings

# These messages carry all that there is to know, so they are booked in the transaction that stores them.
_AT_ONCE = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)

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


def at_once(settings: Settings) -> inbox.AtOnce:
    """What is done in the transaction that stores a message."""
    return {kind: partial(sync.book_session_event, settings=settings) for kind in _AT_ONCE}


def merchant_of(ref: str) -> MerchantRef:
    """The merchant account with this reference. Raises NotFound.

    Asked once per process: an account is never changed or removed, and every message asks.
    """
    return _merchant_of(current().url, ref)


@lru_cache(maxsize=256)
def _merchant_of(_database_url: str, ref: str) -> MerchantRef:
    with reading() as session:
        account = session.scalars(select(MerchantAccount).where(MerchantAccount.ref == ref)).one_or_none()
    if account is None:
        raise NotFound
    return merchant_ref(account)


def require_usable_accounts(settings: Settings) -> None:
    """Refuse to start where an account's donations could not be paid. Raises BadSetting or SandboxClosed."""
    with reading() as session:
        accounts = [
            merchant_ref(account) for account in session.scalars(select(MerchantAccount).order_by(MerchantAccount.id))
        ]
    require_usable(accounts, settings)


def handle_waiting(settings: Settings) -> int:
    """Try again what failed or was interrupted; how many were tried."""
    return inbox.retry_waiting(merchant_of, handlers(settings))
