"""What is done about the provider's messages: giving's table and settling's own, as the door and the jobs use them."""

from functools import partial

from donate.giving.merchants import merchant_of
from donate.giving.messages import HANDLERS
from donate.payments import inbox
from donate.settings import Settings


def handlers(settings: Settings) -> inbox.Handlers:
    """What is done about each kind of message; every other kind is stored and marked ignored."""
    return {kind: partial(handler, settings=settings) for kind, handler in HANDLERS.items()}


def handle_waiting(settings: Settings, most: int = 100) -> int:
    """Try again what failed or was interrupted; how many were tried."""
    return inbox.retry_waiting(merchant_of, handlers(settings), most)
