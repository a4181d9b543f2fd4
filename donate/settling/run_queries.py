"""Runs of reconciling for everybody: a list of them all, and each with every difference that it found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from donate.errors import NotFound
from donate.ledger.models import MerchantAccount
from donate.settling.differences import Difference
from donate.settling.run_models import ReconcileDifference, ReconcileRun

RUNS = 50
DIFFERENCES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRun:
    """A run; `merchant` is the one account that it was for, none where it was for all."""

    row: ReconcileRun
    merchant: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDifference:
    """A difference that a run found; `place` is where it stands among all of them."""

    place: int
    merchant: str
    kind: Difference
    subject: str
    ours_minor: int | None
    theirs_minor: int | None
    currency: str
    was_repaired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """A run with a page of its differences, and where the next and the one before begin."""

    run: ShownRun
    differences: Sequence[ShownDifference]
    next_after: int | None
    is_first: bool


def runs(session: Session, before: int | None = None) -> tuple[list[ShownRun], int | None]:
    """The newest runs, or those before one; and where the older ones begin."""
    query = _runs().order_by(ReconcileRun.id.desc()).limit(RUNS + 1)
    if before is not None:
        query = query.where(ReconcileRun.id < before)
    found = [ShownRun(row=row, merchant=ref) for row, ref in session.execute(query)]
    return found[:RUNS], found[RUNS - 1].row.id if len(found) > RUNS else None


def newest_whole_run(session: Session) -> ShownRun | None:
    """The newest that was finished and for every account: one for a single account leaves out the others'."""
    query = _runs().where(ReconcileRun.finished_at.is_not(None), ReconcileRun.merchant_account_id.is_(None))
    found = session.execute(query.order_by(ReconcileRun.id.desc()).limit(1)).one_or_none()
    return None if found is None else ShownRun(row=found[0], merchant=None)


def run_page(session: Session, run_id: int, after: int = 0) -> RunPage:
    """One run with its differences, from behind the place `after`. Raises NotFound."""
    found = session.execute(_runs().where(ReconcileRun.id == run_id)).one_or_none()
    if found is None:
        raise NotFound
    rows: Sequence[Any] = session.execute(
        select(ReconcileDifference, MerchantAccount.ref)
        .join(MerchantAccount, MerchantAccount.id == ReconcileDifference.merchant_account_id)
        .where(ReconcileDifference.run_id == run_id, ReconcileDifference.id > after)
        .order_by(ReconcileDifference.id)
        .limit(DIFFERENCES + 1)
    ).all()
    shown = [
        ShownDifference(
            place=row.id,
            merchant=ref,
            kind=Difference(row.kind),
            subject=row.subject,
            ours_minor=row.ours_minor,
            theirs_minor=row.theirs_minor,
            currency=row.currency,
            was_repaired=row.was_repaired,
        )
        for row, ref in rows[:DIFFERENCES]
    ]
    return RunPage(
        run=ShownRun(row=found[0], merchant=found[1]),
        differences=shown,
        next_after=shown[-1].place if len(rows) > DIFFERENCES else None,
        is_first=after <= 0,
    )


def _runs() -> Select[ReconcileRun, str | None]:
    return select(ReconcileRun, MerchantAccount.ref).outerjoin(
        MerchantAccount, MerchantAccount.id == ReconcileRun.merchant_account_id
    )
