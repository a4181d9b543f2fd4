"""The provider's door. No session, no token, no locale: a message is believed for its signature alone."""

from functools import partial

from flask import current_app, request
from sqlalchemy import select

from donate.db import reading
from donate.errors import NotFound
from donate.giving import sync
from donate.giving.service import merchant_ref
from donate.ledger.models import MerchantAccount
from donate.payments import inbox
from donate.payments.gateway import MerchantRef
from donate.payments.merchants import gateway_for
from donate.settings import Settings

SIGNATURE_HEADER = "Stripe-Signature"

_HANDLERS = {
    "checkout.session.completed": sync.take_session_event,
    "checkout.session.async_payment_succeeded": sync.take_session_event,
    "checkout.session.async_payment_failed": sync.take_session_event,
    "checkout.session.expired": sync.take_session_event,
    "payment_intent.payment_failed": sync.take_other_event,
    "charge.updated": sync.take_charge_event,
}


def receive(provider: str, merchant: str) -> tuple[dict[str, str], int]:
    """Store a signed message and handle it. What is not signed for this account gets 400 and leaves no trace."""
    settings: Settings = current_app.config["SETTINGS"]
    account = merchant_of(merchant)
    if account.provider != provider:
        raise NotFound
    outcome = inbox.receive(
        account,
        gateway_for(account, settings),
        request.get_data(cache=False),
        request.headers.get(SIGNATURE_HEADER, ""),
        handlers(settings),
    )
    return {"outcome": outcome.value}, 200


def merchant_of(ref: str) -> MerchantRef:
    """The merchant account with this reference. Raises NotFound."""
    with reading() as session:
        account = session.scalars(select(MerchantAccount).where(MerchantAccount.ref == ref)).one_or_none()
    if account is None:
        raise NotFound
    return merchant_ref(account)


def handlers(settings: Settings) -> inbox.Handlers:
    """What is done about each kind of message; every other kind is stored and marked ignored."""
    return {kind: partial(handler, settings=settings) for kind, handler in _HANDLERS.items()}


def handle_waiting(settings: Settings) -> int:
    """Try again what failed or was interrupted. A job calls this."""
    return inbox.retry_waiting(merchant_of, handlers(settings))


BARE_ROUTES = [("/webhooks/<provider>/<merchant>", receive, ["POST"])]
