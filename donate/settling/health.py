"""How payments are doing, for everybody: messages, the provider's balance against our books', what is under way.

Nothing here names a person or a payment of ours; everything is read from what the last run stored, so that the page
costs the same however often it is asked for.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from donate.ledger.models import Book, MerchantAccount
from donate.payments.queries import InboxHealth, inbox_health
from donate.settling.run_models import ClearingSnapshot, MoneyUnderWay, ProviderSnapshot, ReconcileRun
from donate.settling.run_queries import RunPage, newest_whole_run, run_page
from donate.settling.under_way import UnderWay


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the provider said that it holds for one account, what its lines sum to, and what our books say of it."""

    merchant: str
    currency: str
    theirs_minor: int
    lines_minor: int
    ours_minor: int
    is_equal: bool
    taken_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """One book's clearing account, with the parts that it must be the sum of."""

    book: str
    currency: str
    parts: ClearingSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Money of one kind that was between donors and the bank when the account was last looked at."""

    merchant: str
    kind: UnderWay
    item_count: int
    amount_minor: int
    currency: str
    oldest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentHealth:
    """What the page shows; `last` is the newest run that was finished for all accounts."""

    inbox: InboxHealth
    held: list[Held]
    clearing: list[Clearing]
    waiting: list[Waiting]
    last: RunPage | None


def payment_health(session: Session) -> PaymentHealth:
    newest = newest_whole_run(session)
    clearing = _clearing(session)
    return PaymentHealth(
        inbox=inbox_health(session),
        held=_held(session, {one.parts.book_id: one.parts for one in clearing}),
        clearing=clearing,
        waiting=_waiting(session),
        last=None if newest is None else run_page(session, newest.row.id),
    )


def _clearing(session: Session) -> list[Clearing]:
    newest = select(func.max(ClearingSnapshot.id)).group_by(ClearingSnapshot.book_id).scalar_subquery()
    rows = session.execute(
        select(ClearingSnapshot, Book.ref, Book.currency)
        .join(Book, Book.id == ClearingSnapshot.book_id)
        .where(ClearingSnapshot.id.in_(newest))
        .order_by(Book.id)
    )
    return [Clearing(book=ref, currency=currency, parts=parts) for parts, ref, currency in rows]


def _held(session: Session, parts: dict[int, ClearingSnapshot]) -> list[Held]:
    """The books are compared as a whole: what they say too much is shown at the account, where a book has but one."""
    newest = (
        select(func.max(ProviderSnapshot.id))
        .group_by(ProviderSnapshot.merchant_account_id, ProviderSnapshot.currency)
        .scalar_subquery()
    )
    rows: Sequence[Any] = session.execute(
        select(ProviderSnapshot, MerchantAccount.ref, Book)
        .join(MerchantAccount, MerchantAccount.id == ProviderSnapshot.merchant_account_id)
        .join(Book, Book.id == MerchantAccount.book_id)
        .where(ProviderSnapshot.id.in_(newest))
        .order_by(MerchantAccount.id, ProviderSnapshot.currency)
    ).all()
    accounts = Counter(book.id for snapshot, _, book in rows if snapshot.currency == book.currency)
    held = []
    for snapshot, ref, book in rows:
        is_booked = snapshot.currency == book.currency and book.id in parts
        excess = parts[book.id].excess_minor if is_booked else 0
        held.append(
            Held(
                merchant=ref,
                currency=snapshot.currency,
                theirs_minor=snapshot.total_minor,
                lines_minor=snapshot.lines_minor,
                ours_minor=snapshot.lines_minor + (excess if accounts[book.id] == 1 else 0),
                is_equal=snapshot.total_minor == snapshot.lines_minor and excess == 0,
                taken_at=snapshot.taken_at,
            )
        )
    return held


def _waiting(session: Session) -> list[Waiting]:
    """As of the last finished run that was for each account."""
    is_of_it = or_(ReconcileRun.merchant_account_id.is_(None), ReconcileRun.merchant_account_id == MerchantAccount.id)
    newest = (
        select(MerchantAccount.id.label("merchant_account_id"), func.max(ReconcileRun.id).label("run_id"))
        .join(ReconcileRun, is_of_it)
        .where(ReconcileRun.finished_at.is_not(None))
        .group_by(MerchantAccount.id)
        .subquery()
    )
    rows: Sequence[Any] = session.execute(
        select(MoneyUnderWay, MerchantAccount.ref)
        .join(
            newest,
            (newest.c.merchant_account_id == MoneyUnderWay.merchant_account_id)
            & (newest.c.run_id == MoneyUnderWay.run_id),
        )
        .join(MerchantAccount, MerchantAccount.id == MoneyUnderWay.merchant_account_id)
    ).all()
    found = [
        Waiting(
            merchant=ref,
            kind=UnderWay(row.kind),
            item_count=row.item_count,
            amount_minor=row.amount_minor,
            currency=row.currency,
            oldest_at=row.oldest_at,
        )
        for row, ref in rows
    ]
    kinds = list(UnderWay)
    return sorted(found, key=lambda one: (one.merchant, kinds.index(one.kind), one.currency))
