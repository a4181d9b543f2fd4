"""What is done about the provider's messages: giving's table and settling's own, as the door and the jobs use them."""

from functools import partial

from donate.giving.merchants import merchant_of
from donate.giving.messages import HANDLERS, Handler
from donate.payments import inbox
from donate.settings import Settings
from donate.settling.settlements import take_payout_event

SETTLING_HANDLERS: dict[str, Handler] = {
    "payout.created": take_payout_event,
    "payout.updated": take_payout_event,
    "payout.paid": take_payout_event,
    "payout.failed": take_payout_event,
    "payout.canceled": take_payout_event,
    "payout.reconciliation_completed": take_payout_event,
}


def handlers(settings: Settings) -> inbox.Handlers:
    """What is done about each kind of message; every other kind is stored and marked ignored."""
    return {kind: partial(handler, settings=settings) for kind, handler in (HANDLERS | SETTLING_HANDLERS).items()}


def handle_waiting(settings: Settings, most: int = 100) -> int:
    """Try again what failed or was interrupted; how many were tried."""
    return inbox.retry_waiting(merchant_of, handlers(settings), most)
