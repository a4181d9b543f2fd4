"""The provider's door. No session, no token, no locale: a message is believed for its signature alone."""

from flask import current_app, request

from donate.errors import NotFound
from donate.giving.merchants import merchant_of
from donate.giving.messages import at_once
from donate.payments import inbox
from donate.payments.merchants import gateway_for
from donate.settings import Settings
from donate.settling.messages import handlers

SIGNATURE_HEADER = "Stripe-Signature"


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
        at_once(settings),
    )
    return {"outcome": outcome.value}, 200


BARE_ROUTES = [("/webhooks/<provider>/<merchant>", receive, ["POST"])]
