"""How long the names and addresses of people are kept who began to give and did not pay."""

from datetime import timedelta
from typing import cast

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate import clock

KEEP_UNPAID = timedelta(days=30)


def forget_unpaid(session: Session) -> int:
    """Erase names, words and addresses of checkouts that were never paid; how many rows.

    Their pages at the provider closed within a day, so nothing can arrive for them any more.
    """
    before = {"before": clock.now() - KEEP_UNPAID}
    gone = cast("list[int]", session.scalars(_NAMES, before).all())
    return len(gone) + len(cast("list[int]", session.scalars(_ADDRESSES, before).all()))


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
