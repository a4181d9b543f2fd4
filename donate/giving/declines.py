"""What is done when a donor's bank says no: it is counted, and a page on which card after card is tried is closed.

The provider's page lets a donor try another card, so a single checkout could test thousands. Nobody mistypes ten times.
"""

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.db import transaction
from donate.giving import sync
from donate.giving.limit_models import DeclinedTry
from donate.giving.models import Checkout
from donate.ledger.models import MerchantAccount
from donate.payments.gateway import Event, MerchantRef
from donate.payments.merchants import gateway_for
from donate.settings import Settings

MOST_OF_A_CHECKOUT = 10

log = structlog.get_logger("donate.giving")


def take_declined_event(merchant: MerchantRef, event: Event, settings: Settings) -> None:
    """A payment was refused: count it once, look at the checkout, and close its page after too many."""
    with transaction() as session:
        session_id = _count(session, merchant, event)
    sync.take_other_event(merchant, event, settings)
    if session_id is not None:
        gateway_for(merchant, settings).close_session(session_id)
        log.warning("checkout_closed_after_declines", checkout=str(event.reference), merchant=merchant.ref)


def _count(session: Session, merchant: MerchantRef, event: Event) -> str | None:
    """The provider's session, where it is to be closed."""
    checkout = session.execute(
        select(Checkout.id, Checkout.session_id, Checkout.state)
        .join(MerchantAccount, MerchantAccount.id == Checkout.merchant_account_id)
        .where(Checkout.public_id == event.reference, MerchantAccount.ref == merchant.ref)
    ).one_or_none()
    if checkout is None:
        return None
    checkout_id, session_id, state = checkout
    session.execute(
        insert(DeclinedTry)
        .values(checkout_id=checkout_id, event_id=event.id, declined_at=clock.now())
        .on_conflict_do_nothing()
    )
    declined = session.scalar(select(func.count()).where(DeclinedTry.checkout_id == checkout_id)) or 0
    return session_id if declined >= MOST_OF_A_CHECKOUT and state in ("created", "open") else None
