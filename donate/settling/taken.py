"""What settlements took of refunds and disputes, and what its funds keep back of each payment after one.

A refund or dispute that is booked lowers the stock of its funds at once, and the share of the settlement that pays it
out lowers it for good: with that the funds keep nothing back for it any more.
"""

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from donate.giving import kept_back
from donate.giving.refund_models import Dispute, Refund
from donate.ledger.release import lock_stock
from donate.settling.models import Met, ProviderLine
from donate.settling.shares import failed_by, lines_of


def paid_out(session: Session, lines: Sequence[ProviderLine]) -> list[ProviderLine]:
    """These lines, and for one that brings a failed settlement's money again the lines of that settlement."""
    found = list(lines)
    for line in lines:
        failed = failed_by(session, line)
        if failed is not None:
            found += paid_out(session, lines_of(session, failed.id))
    return found


def lock_payments(session: Session, book_id: int, lines: Sequence[ProviderLine]) -> list[int]:
    """Lock the checkouts of these lines, then the book's funds, until the commit; the checkouts that gave money back.

    Whoever refunds one of them at this moment has finished, or waits: each sees what the other did to the stock.
    """
    paid = {line.checkout_id for line in lines if line.checkout_id is not None}
    backward = {row.checkout_id for row, _ in _went_back(session, lines) if row.checkout_id is not None}
    session.execute(_LOCK, {"ids": sorted(paid | backward)})
    lock_stock(session, book_id)
    return sorted(backward | kept_back.with_money_back(session, paid))


def tell(session: Session, lines: Sequence[ProviderLine], checkout_ids: Sequence[int], *, sign: int) -> None:
    """These lines were settled (`sign` 1) or their settlement turned back (-1): after the shares were given."""
    taken = [
        (row, sign * (row.amount_minor if line.amount_minor > 0 else -row.amount_minor))
        for row, line in _went_back(session, lines)
    ]
    kept_back.settled(session, taken, checkout_ids)


def _went_back(session: Session, lines: Sequence[ProviderLine]) -> list[tuple[Refund | Dispute, ProviderLine]]:
    """The refunds and disputes of these lines; of a dispute the lines that move more than a fee."""
    refunds = {line.source_id for line in lines if line.met == Met.REFUND}
    disputes = {line.source_id for line in lines if line.met == Met.DISPUTE}
    rows: dict[str | None, Refund | Dispute] = {
        row.refund_id: row for row in session.scalars(select(Refund).where(Refund.refund_id.in_(refunds)))
    }
    rows |= {row.dispute_id: row for row in session.scalars(select(Dispute).where(Dispute.dispute_id.in_(disputes)))}
    return [
        (rows[line.source_id], line)
        for line in lines
        if line.met in (Met.REFUND, Met.DISPUTE) and line.source_id in rows and line.amount_minor != 0
    ]


_LOCK = text("SELECT id FROM checkout WHERE id = ANY (CAST(:ids AS bigint[])) ORDER BY id FOR NO KEY UPDATE")
