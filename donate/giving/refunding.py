"""A refund from the decision to the provider's answer: read what is there, write the refund down, send it.

Between these steps no transaction is open. Once it is written down it is sent whatever happens here: by a job, where
the provider does not answer now.
"""

from collections.abc import Callable
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from donate.db import transaction
from donate.errors import DonateError
from donate.giving.refund_models import Refund
from donate.giving.refund_sync import refresh_checkout, send_refund
from donate.settings import Settings

log = structlog.get_logger("donate.giving")


def refund_checkout(checkout: UUID, settings: Settings, authorise: Callable[[Session], Refund]) -> UUID:
    """Authorise a refund of a checkout on what the provider knows now, and send it; the refund's public id.

    Raises ProviderUnavailable with nothing written down, and whatever `authorise` raises.
    """
    refresh_checkout(checkout, settings)
    with transaction() as session:
        public_id = authorise(session).public_id
    send_now(public_id, settings)
    return public_id


def send_now(public_id: UUID, settings: Settings) -> None:
    """Send a refund that was written down; where the provider does not answer, a job sends it later."""
    try:
        send_refund(public_id, settings)
    except DonateError as error:
        log.warning("refund_sent_later", refund=str(public_id), error=type(error).__name__)
