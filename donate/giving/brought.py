"""What the donations of a paid checkout really brought: as agreed, or as a person let them count out of suspense."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.giving.models import Booked, Checkout, Donation
from donate.giving.refund_models import ClearedPart

# What a checkout was booked as that counts as donations, and so has receipts.
COUNTS = (Booked.DONATIONS.value, Booked.CLEARED.value)


def cleared_key(donation: Donation) -> str:
    """The idempotency key of the entry that let a donation count."""
    return f"cleared:{donation.public_id}"


def brought(session: Session, checkout: Checkout, donations: Iterable[Donation]) -> dict[int, int]:
    """Amounts by donation id; nothing of what stands in suspense. A cleared donation may have brought nothing."""
    if checkout.booked_as == Booked.DONATIONS:
        return {donation.id: donation.amount_minor for donation in donations}
    ids = [donation.id for donation in donations]
    rows = session.execute(
        select(ClearedPart.donation_id, ClearedPart.amount_minor).where(ClearedPart.donation_id.in_(ids))
    )
    return dict(rows.all())
