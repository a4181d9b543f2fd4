"""A line whose owner became known after its settlement was handed out: its share goes from suspense to its owner.

The settlement's own shares stay as they were written. What the line moves is written down beside them, account by
account, and sums to nothing; a fund's part is added to its stock or taken from it, once.
"""

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from donate.ledger.release import release
from donate.settling import owners, shares, taken
from donate.settling.models import LateShare, ProviderLine, Settlement, SettlementLine


def hand_over(session: Session, book_id: int, line: ProviderLine, entry_id: int) -> None:
    """Move the share of a line that left suspense by this entry, if a settlement had brought it there.

    The book is locked. A settlement that is still to be handed out, or that was turned back, counts the line rightly
    by itself.
    """
    settlement = _settlement_of(session, line)
    if settlement is None or _times(session, line) == 0:
        return
    due = shares.shares_of(session, book_id, [line])
    due["suspense"] = due.get("suspense", 0) - line.net_minor
    payments = taken.lock_payments(session, book_id, [line])
    session.execute(_SETTLE, {"checkout": line.checkout_id})
    release(session, book_id=book_id, entry_id=entry_id, amounts=shares.of_funds(due))
    session.add_all(
        LateShare(
            line_id=line.id,
            code=code,
            settlement_id=settlement.id,
            book_id=book_id,
            entry_id=entry_id,
            due_minor=minor,
        )
        for code, minor in sorted(due.items())
        if minor != 0
    )
    taken.tell(session, [line], payments, sign=1)


def _times(session: Session, line: ProviderLine) -> int:
    """How often more this line was handed out than taken back: by its settlement, and by those that paid it again."""
    settlement = _settlement_of(session, line)
    if settlement is None:
        return 0
    times = (settlement.released_at is not None) - (settlement.taken_back_at is not None)
    again = session.scalars(
        select(ProviderLine).where(
            ProviderLine.merchant_account_id == settlement.merchant_account_id,
            ProviderLine.source_id == settlement.payout_id,
            ProviderLine.kind.in_(owners.PAYOUTS),
            ProviderLine.net_minor > 0,
        )
    )
    return times + sum(_times(session, failure) for failure in again)


def _settlement_of(session: Session, line: ProviderLine) -> Settlement | None:
    return session.scalars(
        select(Settlement)
        .join(SettlementLine, SettlementLine.settlement_id == Settlement.id)
        .where(SettlementLine.line_id == line.id)
        .execution_options(populate_existing=True)
    ).one_or_none()


_SETTLE = text("UPDATE checkout SET state = 'settled' WHERE id = :checkout AND state = 'paid'")
