"""The provider's door. No session, no token, no locale: a message is believed for its signature alone."""

from collections.abc import Callable

from flask import request

from donate.errors import NotFound
from donate.giving.merchants import merchant_of
from donate.giving.messages import at_once
from donate.payments import inbox
from donate.payments.inbox import Outcome
from donate.payments.merchants import gateway_for
from donate.settings import Settings
from donate.settling.messages import handlers

SIGNATURE_HEADER = "Stripe-Signature"
# Where the quick way in front of the hallway leaves what it could not answer with success: see web_quick.py.
REFUSED_BEFORE = "donate.refused_before"

# Provider, merchant account, body and signature to what became of the message.
Take = Callable[[str, str, bytes, str], Outcome]


def taking(settings: Settings) -> Take:
    """Store a signed message and handle it. What is not signed for this account is refused and leaves no trace."""
    all_handlers, all_at_once = handlers(settings), at_once(settings)

    def take(provider: str, merchant: str, body: bytes, signature: str) -> Outcome:
        account = merchant_of(merchant)
        if account.provider != provider:
            raise NotFound
        return inbox.receive(account, gateway_for(account, settings), body, signature, all_handlers, all_at_once)

    return take


def bare_routes(take: Take) -> list[tuple[str, object, list[str]]]:
    """The door in the hallway, for messages that did not come by the quick way and for telling what was refused."""

    def receive(provider: str, merchant: str) -> tuple[dict[str, str], int]:
        refused = request.environ.get(REFUSED_BEFORE)
        if isinstance(refused, Exception):
            raise refused
        outcome = take(provider, merchant, request.get_data(cache=False), request.headers.get(SIGNATURE_HEADER, ""))
        return {"outcome": outcome.value}, 200

    return [("/webhooks/<provider>/<merchant>", receive, ["POST"])]
