"""What the general fund gives to a fund that refunds or lost disputes left short, so that no other campaign bears it.

A fund's cover depends on where the fund stands, not on which entry came when: whatever order the messages arrive in,
the fund ends up with the same. The row `fund_cover` is locked before the balance is read, so two refunds at once
each see what the other did.
"""

from collections.abc import Collection
from typing import cast

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from donate import clock
from donate.giving.refund_models import Dispute, DisputeState, Refund
from donate.ledger import journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry


def raise_cover(session: Session, book_id: int, time_zone: str, campaigns: Collection[str]) -> None:
    """After money left these funds: cover what they are short of."""
    for campaign in sorted(campaigns):
        _move(session, book_id, time_zone, campaign, may_lower=False)


def lower_cover(session: Session, book_id: int, time_zone: str, campaigns: Collection[str]) -> None:
    """After money that had left came back: the general fund gets back what it need not cover any more."""
    for campaign in sorted(campaigns):
        _move(session, book_id, time_zone, campaign, may_lower=True)


def _move(session: Session, book_id: int, time_zone: str, campaign: str, *, may_lower: bool) -> None:
    code = fund_code(campaign)
    session.flush()
    session.execute(_OPEN, {"book_id": book_id, "code": code})
    account_id, covered, count = cast(
        "tuple[int, int, int]", session.execute(_LOCK, {"book_id": book_id, "code": code}).one()
    )
    (balance,) = cast("tuple[int]", session.execute(_BALANCE, {"account_id": account_id}).one())
    short = max(0, covered - int(balance))
    if short == covered or (short < covered and not may_lower):
        return
    leg = (
        Leg(debit="general", credit=code, amount_minor=short - covered)
        if short > covered
        else Leg(debit=code, credit="general", amount_minor=covered - short)
    )
    entry = NewEntry(
        book_id=book_id,
        reason=Reason.SHORTFALL_COVERED,
        idempotency_key=f"shortfall:{campaign}:{count + 1}",
        effective_on=clock.today(time_zone),
        legs=(leg,),
        campaign=campaign,
    )
    journal.post(session, [entry])
    session.execute(_KEEP, {"account_id": account_id, "covered": short})


def has_come_back(session: Session, checkout_id: int) -> bool:
    """Whether anything of a checkout was refunded or disputed: its fee may then leave its fund short."""
    refund = select(Refund.id).where(Refund.checkout_id == checkout_id, Refund.refund_id.is_not(None))
    dispute = select(Dispute.id).where(Dispute.checkout_id == checkout_id, Dispute.state != DisputeState.WARNING)
    return session.scalar(refund.limit(1)) is not None or session.scalar(dispute.limit(1)) is not None


_OPEN = text(
    """
    INSERT INTO fund_cover (account_id, book_id, covered_minor, entry_count)
    SELECT id, book_id, 0, 0 FROM account WHERE book_id = :book_id AND code = :code
    ON CONFLICT DO NOTHING
    """
)

_LOCK = text(
    """
    SELECT fund_cover.account_id, covered_minor, entry_count
    FROM fund_cover JOIN account ON account.id = fund_cover.account_id
    WHERE account.book_id = :book_id AND account.code = :code
    FOR UPDATE OF fund_cover
    """
)

# Numbered entries are in the total, all others in the queue: a fund's history is not read anew for each refund.
_BALANCE = text(
    """
    SELECT coalesce((SELECT credits_minor - debits_minor FROM account_total WHERE account_id = :account_id), 0)
         + coalesce((SELECT sum(CASE WHEN credit_id = :account_id THEN amount_minor ELSE -amount_minor END)
                     FROM entry_pending JOIN transfer ON transfer.entry_id = entry_pending.entry_id
                     WHERE :account_id IN (credit_id, debit_id)), 0)
    """
)

_KEEP = text(
    """
    UPDATE fund_cover SET covered_minor = :covered, entry_count = entry_count + 1 WHERE account_id = :account_id
    """
)
