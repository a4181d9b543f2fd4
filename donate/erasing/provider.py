"""What of a donor stands at the payment provider, where only its own staff or dashboard can erase it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.erasing.finding import Subjects


@dataclass(frozen=True, slots=True)
class AtProvider:
    """One merchant account's payments and ended standing promises of a donor, by the provider's ids."""

    merchant: str
    provider: str
    payments: tuple[str, ...]
    promises: tuple[str, ...]


def at_provider(session: Session, subjects: Subjects) -> list[AtProvider]:
    """What the provider has to be asked to redact, by merchant account."""
    found = session.execute(_AT_PROVIDER, subjects.parameters).all()
    rows = cast("Sequence[tuple[str, str, list[str], list[str]]]", found)
    return [AtProvider(ref, provider, tuple(payments), tuple(promises)) for ref, provider, payments, promises in rows]


_AT_PROVIDER = text(
    """
    SELECT merchant.ref, merchant.provider,
           array_agg(coalesce(checkout.charge_id, checkout.session_id) ORDER BY checkout.id),
           coalesce(array_agg(recurring.recurring_id ORDER BY checkout.id)
                    FILTER (WHERE recurring.recurring_id IS NOT NULL), '{}')
    FROM checkout JOIN merchant_account merchant ON merchant.id = checkout.merchant_account_id
    LEFT JOIN recurring ON recurring.checkout_id = checkout.id
    WHERE checkout.id = ANY(:checkouts) AND coalesce(checkout.charge_id, checkout.session_id) IS NOT NULL
    GROUP BY merchant.ref, merchant.provider ORDER BY merchant.ref
    """
)
