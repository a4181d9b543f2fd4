"""What becomes of unexplained money by itself: closed once nothing is left of it, opened again when a refund came to nothing.

A sum stands until a person explains it. It may also go back without anybody here deciding so: refunded in the
provider's dashboard, after an issuer's warning, or by a lost dispute. Nothing is then left to be decided, and it is
closed as gone back. A refund that the provider refuses, or that its receiver's bank returns, leaves something again,
and the sum stands open for another way.

What a closed sum lacks in suspense the general fund bears: the provider's fee, and what went twice (refunded, and lost
in a dispute on top); what it was given to keep, it holds. All of that follows from where refunds, disputes and fee
stand and not from what was told first, so that any order of messages ends in the same books, and of a closed sum
suspense holds nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import ColumnElement, func, or_, select, text
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.giving.charges import Payment, payment_behind
from donate.giving.models import Checkout, UnbookedMoney
from donate.giving.refund_models import Dispute, DisputeState, Refund, RefundState
from donate.ledger import journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg, NewEntry

GONE_BACK, GENERAL = "gone_back", "general"
# Whose decision nothing takes back: donations that count have funds of their own, and a note is all that was asked.
_DECIDED = ("cleared", "noted")
_BLOCK = 20
_OPENED_AGAIN = "The money that this fee was borne for did not go back after all."


@dataclass(frozen=True, slots=True)
class Back:
    """How much of a payment has left: `sent` and `lost` by the books, `asked` is still to be sent."""

    sent: int
    asked: int
    lost: int

    @property
    def left_books(self) -> int:
        return self.sent + self.lost


def settle(session: Session, payment: Payment) -> None:
    """Close, open again and book, as the money behind this payment stands now. The payment is locked."""
    money = _money_of(session, payment)
    if money is None or money.outcome in _DECIDED:
        return
    back = back_of(session, payment)
    fee_minor = fee_of(session, payment, money)
    is_gone = back.left_books + back.asked >= money.amount_minor
    if money.explained_at is None:
        # Its fee comes late at times; until it is known, what the general fund bears is not.
        if is_gone and (fee_minor is not None or not payment.is_booked):
            money.explained_at, money.explanation, money.outcome = clock.now(), "", GONE_BACK
    elif money.outcome != GENERAL and not is_gone:
        money.explained_at = money.explanation = money.explained_by = money.outcome = None
    session.flush()
    if payment.is_booked:
        is_closed = money.explained_at is not None
        _bear_fee(session, payment, money, (fee_minor or 0) if is_closed else 0)
        _hold(session, payment, money, back, _due_to_general(money, back))


def settle_standing(most: int = 50) -> None:
    """Settle what stands although something of it went back: the job's twin of what each message does."""
    of_own = UnbookedMoney.is_own & (Refund.checkout_id == UnbookedMoney.checkout_id)
    refunded = select(Refund.id).where(or_(Refund.unbooked_id == UnbookedMoney.id, of_own))
    of_own = UnbookedMoney.is_own & (Dispute.checkout_id == UnbookedMoney.checkout_id)
    disputed = select(Dispute.id).where(or_(Dispute.unbooked_id == UnbookedMoney.id, of_own))
    with reading() as session:
        standing = session.scalars(
            select(UnbookedMoney.id)
            .where(UnbookedMoney.explained_at.is_(None), or_(refunded.exists(), disputed.exists()))
            .order_by(UnbookedMoney.id)
            .limit(most)
        ).all()
    for money_id in standing:
        with transaction() as session:
            settle(session, payment_behind(session, session.get_one(UnbookedMoney, money_id)))


def back_of(session: Session, payment: Payment) -> Back:
    """What has gone back of a payment, or is to go."""
    rows = session.execute(
        select(Refund.state, func.sum(Refund.amount_minor)).where(payment.refunds).group_by(Refund.state)
    )
    refunds = {state: int(amount_minor) for state, amount_minor in rows}
    lost = session.scalar(
        select(func.sum(Dispute.amount_minor)).where(payment.disputes, Dispute.state == DisputeState.LOST.value)
    )
    sent = sum(refunds.get(state, 0) for state in (RefundState.PENDING, RefundState.SUCCEEDED))
    return Back(sent, refunds.get(RefundState.REQUESTED, 0), int(lost or 0))


def fee_of(session: Session, payment: Payment, money: UnbookedMoney) -> int | None:
    """The fee as far as it is booked; None while it is not known."""
    if payment.checkout_id is None:
        return money.fee_minor
    checkout = session.get_one(Checkout, payment.checkout_id)
    return checkout.fee_minor if checkout.fee_booked_at is not None else None


def _money_of(session: Session, payment: Payment) -> UnbookedMoney | None:
    if payment.parts:
        return None
    which: ColumnElement[bool] = (
        UnbookedMoney.id == payment.unbooked_id
        if payment.checkout_id is None
        else (UnbookedMoney.checkout_id == payment.checkout_id) & UnbookedMoney.is_own
    )
    query = select(UnbookedMoney).where(which).with_for_update().execution_options(populate_existing=True)
    session.flush()
    return session.scalars(query).one_or_none()


def _due_to_general(money: UnbookedMoney, back: Back) -> int:
    """What the general fund is to hold of it; below zero what it is to bear, beside the fee."""
    rest = money.amount_minor - back.left_books
    if money.outcome == GENERAL:
        return rest
    return min(0, rest) if money.explained_at is not None else 0


@dataclass(frozen=True, slots=True)
class _Own:
    """An entry of ours about one sum. `held_minor` is what it moved into the general fund, signed."""

    entry_id: int
    key: str
    held_minor: int
    is_reversed: bool


def _bear_fee(session: Session, payment: Payment, money: UnbookedMoney, fee_minor: int) -> None:
    """Let the general fund bear the fee, or, where the sum is open again, have what it bore reversed."""
    name = f"fee-borne:{money.session_id}"
    entries = _entries(session, payment.book_id, name)
    standing = [entry for entry in entries if not entry.is_reversed]
    if fee_minor > 0 and not standing:
        leg = Leg(debit="general", credit="suspense", amount_minor=fee_minor)
        _post(session, payment, Reason.PROCESSING_FEE, _numbered(name, len(entries) + 1), leg)
    elif fee_minor == 0:
        for entry in standing:
            journal.reverse(
                session,
                book_id=payment.book_id,
                entry_id=entry.entry_id,
                idempotency_key=f"reversal:{entry.key}",
                effective_on=clock.today(payment.time_zone),
                note=_OPENED_AGAIN,
            )


def _hold(session: Session, payment: Payment, money: UnbookedMoney, back: Back, due: int) -> None:
    """Move what is missing between suspense and the general fund, so that `due` is what was moved in all."""
    name = f"general:{money.session_id}"
    entries = _entries(session, payment.book_id, name)
    missing = due - sum(entry.held_minor for entry in entries)
    if missing == 0:
        return
    reason, leg = Reason.SUSPENSE_CLEARED, Leg(debit="suspense", credit="general", amount_minor=abs(missing))
    if missing < 0:
        reason = Reason.DISPUTE_LOST if back.lost else Reason.REFUND
        leg = Leg(debit="general", credit="suspense", amount_minor=-missing)
    _post(session, payment, reason, _numbered(name, len(entries) + 1), leg)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}:{number}"


def _entries(session: Session, book_id: int, name: str) -> list[_Own]:
    """The entries under a name and its numbers, in their order. By whole keys: a beginning is no use to every index."""
    found: list[_Own] = []
    for start in range(1, 10_000, _BLOCK):
        keys = [_numbered(name, number) for number in range(start, start + _BLOCK)]
        rows = cast(
            "Sequence[tuple[int, str, int, bool]]", session.execute(_OWN, {"book_id": book_id, "keys": keys}).all()
        )
        found += [_Own(entry_id, key, int(held), is_reversed) for entry_id, key, held, is_reversed in rows]
        if len(rows) < _BLOCK:
            break
    return found


def _post(session: Session, payment: Payment, reason: Reason, key: str, leg: Leg) -> None:
    entry = NewEntry(
        book_id=payment.book_id,
        reason=reason,
        idempotency_key=key,
        effective_on=clock.today(payment.time_zone),
        legs=(leg,),
    )
    journal.post(session, [entry])


_OWN = text(
    """
    SELECT entry.id, entry.idempotency_key,
           CASE WHEN credit.code = 'general' THEN transfer.amount_minor ELSE -transfer.amount_minor END,
           EXISTS (SELECT FROM entry AS undone WHERE undone.reverses = entry.id)
    FROM entry
    JOIN transfer ON transfer.entry_id = entry.id
    JOIN account credit ON credit.id = transfer.credit_id
    WHERE entry.book_id = :book_id AND entry.idempotency_key = ANY (CAST(:keys AS text[]))
    ORDER BY entry.id
    """
)
