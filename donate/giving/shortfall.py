"""What the general fund gives to a fund that went short, so that no other campaign bears it.

The rule is one of final facts, whatever order they come in: the general fund gives exactly what the fund is short of
by everything else that is booked on it. A fund goes short when money that was already spent is refunded, disputed or
was recorded by mistake, and when a refund returns a fee that the provider keeps. What the general fund gives then is
never spent: it only fills the hole. A donation that arrives later would have left a smaller hole had it come first, so
the general fund gets back as much as the hole shrinks: a meal that was served is paid for by the donations that
stayed, and by the general fund only as far as those do not reach. That is the order of the trail as well, in which the
fund's spending skips what was refunded.

Each step up or down is an entry of its own, booked with what makes the fund short or fills it again. A donation alone
touches no shared row: what it gives back follows with its fee, or with the job's next look (`level_all`). The row
`fund_cover` is locked before the balance is read, so two who move it each see what the other did.
"""

from collections.abc import Iterable, Sequence
from typing import cast

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.giving.refund_models import Dispute, DisputeState, Refund
from donate.ledger import journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry


def level_cover(session: Session, book_id: int, time_zone: str, campaigns: Iterable[str]) -> None:
    """After money left these funds or came back to them: give what they are short of, and take back what is too much."""
    for campaign in sorted(campaigns):
        _level(session, book_id, time_zone, campaign)


def lower_cover(session: Session, book_id: int, time_zone: str) -> None:
    """After money came to a fund of this book: take back what any of its funds does not need any more.

    Costs one look where the general fund gives nothing, which is nearly always.
    """
    level_cover(session, book_id, time_zone, session.scalars(_COVERED, {"book_id": book_id}).all())


def level_all() -> int:
    """Look at all funds that ever went short; how many were given too much or too little. A job calls this."""
    with reading() as session:
        found = cast("Sequence[tuple[int, str, str]]", session.execute(_UNEVEN).all())
    for book_id, time_zone, campaign in found:
        with transaction() as session:
            _level(session, book_id, time_zone, campaign)
    return len(found)


def _level(session: Session, book_id: int, time_zone: str, campaign: str) -> None:
    code = fund_code(campaign)
    session.flush()
    session.execute(_OPEN, {"book_id": book_id, "code": code})
    account_id, covered, count = cast(
        "tuple[int, int, int]", session.execute(_LOCK, {"book_id": book_id, "code": code}).one()
    )
    (balance,) = cast("tuple[int]", session.execute(_BALANCE, {"account_id": account_id}).one())
    short = max(0, covered - int(balance))
    if short == covered:
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

_COVERED = text(
    """
    SELECT account.campaign FROM fund_cover JOIN account ON account.id = fund_cover.account_id
    WHERE fund_cover.book_id = :book_id AND fund_cover.covered_minor > 0
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

# As _BALANCE, of all funds that ever had a cover: those that have another one than they are short of.
_UNEVEN = text(
    """
    SELECT book.id, book.time_zone, account.campaign
    FROM fund_cover cover
    JOIN account ON account.id = cover.account_id
    JOIN book ON book.id = cover.book_id
    LEFT JOIN account_total total ON total.account_id = cover.account_id
    LEFT JOIN (
      SELECT side.account_id, sum(side.minor) AS minor
      FROM entry_pending pending
      JOIN transfer ON transfer.entry_id = pending.entry_id
      CROSS JOIN LATERAL (VALUES (credit_id, amount_minor), (debit_id, -amount_minor)) AS side(account_id, minor)
      GROUP BY side.account_id
    ) AS waiting ON waiting.account_id = cover.account_id
    WHERE cover.covered_minor <> greatest(0, cover.covered_minor
      - coalesce(total.credits_minor - total.debits_minor, 0) - coalesce(waiting.minor, 0))
    ORDER BY account.id
    """
)

_KEEP = text(
    """
    UPDATE fund_cover SET covered_minor = :covered, entry_count = entry_count + 1 WHERE account_id = :account_id
    """
)
