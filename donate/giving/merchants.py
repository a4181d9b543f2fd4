"""Merchant accounts by their reference, as messages and start-up need them."""

from functools import lru_cache

from sqlalchemy import select

from donate.db import current, reading
from donate.errors import NotFound
from donate.giving.service import merchant_ref
from donate.ledger.models import MerchantAccount
from donate.payments.gateway import MerchantRef
from donate.payments.merchants import require_usable
from donate.settings import Settings


def merchant_of(ref: str) -> MerchantRef:
    """The merchant account with this reference. Raises NotFound.

    Asked once per process: an account is never changed or removed, and every message asks.
    """
    return _merchant_of(current().url, ref)


@lru_cache(maxsize=256)
def _merchant_of(_database_url: str, ref: str) -> MerchantRef:
    with reading() as session:
        account = session.scalars(select(MerchantAccount).where(MerchantAccount.ref == ref)).one_or_none()
    if account is None:
        raise NotFound
    return merchant_ref(account)


def all_merchants() -> list[MerchantRef]:
    """Every merchant account of this installation, in the order in which they were opened."""
    with reading() as session:
        return [
            merchant_ref(account) for account in session.scalars(select(MerchantAccount).order_by(MerchantAccount.id))
        ]


def require_usable_accounts(settings: Settings) -> None:
    """Refuse to start where an account's donations could not be paid. Raises BadSetting or SandboxClosed."""
    require_usable(all_merchants(), settings)
