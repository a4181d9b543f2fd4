"""How payments are doing, for everybody: messages, the provider's balance against ours, the last run's differences.

Nothing here names a person or a payment of ours; everything is read from what the last run stored, so that the page
costs the same however often it is asked for.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from donate.ledger.models import MerchantAccount
from donate.payments.queries import InboxHealth, inbox_health
from donate.settling.differences import Difference
from donate.settling.models import ProviderLine, SettlementLine
from donate.settling.run_models import ProviderSnapshot, ReconcileDifference, ReconcileRun

SHOWN_DIFFERENCES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the provider said that it holds for one account, and what its lines that we know sum to."""

    merchant: str
    currency: str
    theirs_minor: int
    ours_minor: int
    taken_at: datetime
    oldest_at: datetime | None  # of the money that it holds: how long it has been under way to the bank

    @property
    def is_equal(self) -> bool:
        return self.theirs_minor == self.ours_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDifference:
    """A difference of the last run."""

    merchant: str
    kind: Difference
    subject: str
    ours_minor: int | None
    theirs_minor: int | None
    currency: str
    was_repaired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentHealth:
    """What the page shows."""

    inbox: InboxHealth
    held: list[Held]
    run: ReconcileRun | None
    differences: list[ShownDifference]


def payment_health(session: Session) -> PaymentHealth:
    run = session.scalars(
        select(ReconcileRun).where(ReconcileRun.finished_at.is_not(None)).order_by(ReconcileRun.id.desc()).limit(1)
    ).first()
    return PaymentHealth(
        inbox=inbox_health(session),
        held=_held(session),
        run=run,
        differences=[] if run is None else _differences(session, run.id),
    )


def _held(session: Session) -> list[Held]:
    newest = (
        select(func.max(ProviderSnapshot.id))
        .group_by(ProviderSnapshot.merchant_account_id, ProviderSnapshot.currency)
        .scalar_subquery()
    )
    rows = session.execute(
        select(ProviderSnapshot, MerchantAccount.ref)
        .join(MerchantAccount, MerchantAccount.id == ProviderSnapshot.merchant_account_id)
        .where(ProviderSnapshot.id.in_(newest))
        .order_by(MerchantAccount.id, ProviderSnapshot.currency)
    )
    return [
        Held(
            merchant=ref,
            currency=snapshot.currency,
            theirs_minor=snapshot.total_minor,
            ours_minor=snapshot.lines_minor,
            taken_at=snapshot.taken_at,
            oldest_at=_oldest(session, snapshot.merchant_account_id, snapshot.currency),
        )
        for snapshot, ref in rows
    ]


def _oldest(session: Session, merchant_id: int, currency: str) -> datetime | None:
    """When the oldest payment came that no settlement has paid out."""
    return session.scalar(
        select(func.min(ProviderLine.occurred_at)).where(
            ProviderLine.merchant_account_id == merchant_id,
            ProviderLine.currency == currency,
            ProviderLine.kind.in_(("charge", "payment")),
            ~select(SettlementLine.line_id).where(SettlementLine.line_id == ProviderLine.id).exists(),
        )
    )


def _differences(session: Session, run_id: int) -> list[ShownDifference]:
    rows = session.execute(
        select(ReconcileDifference, MerchantAccount.ref)
        .join(MerchantAccount, MerchantAccount.id == ReconcileDifference.merchant_account_id)
        .where(ReconcileDifference.run_id == run_id)
        .order_by(ReconcileDifference.id)
        .limit(SHOWN_DIFFERENCES)
    )
    return [
        ShownDifference(
            merchant=ref,
            kind=Difference(row.kind),
            subject=row.subject,
            ours_minor=row.ours_minor,
            theirs_minor=row.theirs_minor,
            currency=row.currency,
            was_repaired=row.was_repaired,
        )
        for row, ref in rows
    ]
