"""How long the names and addresses of people are kept who began to give and did not pay."""

from datetime import timedelta
from typing import cast

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate import clock
from donate.giving.large_models import LargeState

KEEP_UNPAID = timedelta(days=30)
KEEP_ASKED = timedelta(days=180)  # a large donation is talked about for longer


def forget_unpaid(session: Session) -> int:
    """Erase names, words and addresses of checkouts that were never paid; how many rows.

    Their pages at the provider closed within a day, so nothing can arrive for them any more.
    """
    before = {"before": clock.now() - KEEP_UNPAID}
    gone = cast("list[int]", session.scalars(_NAMES, before).all())
    return len(gone) + len(cast("list[int]", session.scalars(_ADDRESSES, before).all()))


def forget_large(session: Session) -> int:
    """Erase who asked to give a large amount and was declined, or did not pay in half a year; how many rows."""
    before = {
        "declined": LargeState.DECLINED.value,
        "before": clock.now() - KEEP_UNPAID,
        "unpaid_before": clock.now() - KEEP_ASKED,
    }
    return len(cast("list[int]", session.scalars(_ASKERS, before).all()))


_ASKERS = text(
    """
    DELETE FROM large_request_private private USING large_request request
    WHERE request.id = private.request_id
      AND ((request.state = :declined AND request.declined_at < :before)
           OR (request.asked_at < :unpaid_before
               AND NOT EXISTS (SELECT FROM checkout
                               WHERE checkout.public_id = request.checkout_ref AND checkout.paid_at IS NOT NULL)))
    RETURNING private.request_id
    """
)

_NAMES = text(
    """
    DELETE FROM donation_private private USING donation, checkout
    WHERE donation.id = private.donation_id AND checkout.id = donation.checkout_id
      AND checkout.paid_at IS NULL AND checkout.created_at < :before
    RETURNING private.donation_id
    """
)

_ADDRESSES = text(
    """
    DELETE FROM checkout_private private USING checkout
    WHERE checkout.id = private.checkout_id AND checkout.paid_at IS NULL AND checkout.created_at < :before
    RETURNING private.checkout_id
    """
)
