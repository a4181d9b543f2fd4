"""A host's fee-cover fund: money that pays processing fees, bounded by a stock row.

Whether the fund can pay is asked by taking: one update that finds enough or finds nothing, so that two fees booked at
once never spend the same money, whatever waits in the sequencer's queue. Not to be covered is no failure: the
campaign's own fund bears the fee then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from donate.errors import N_, DonateError
from donate.ledger import journal
from donate.ledger.journal import NewEntry, PostedEntry

CODE = "fee_cover"


@dataclass(frozen=True, slots=True)
class CoverHeld:
    """What the fee-cover fund of a host's book holds, as everybody can recompute it."""

    host: str
    book: str
    currency: str
    held_minor: int


class NotForTheCover(DonateError):
    sentence = N_("Only an entry that brings money to the fee fund, and takes none from it, fills it.")


def fill(executor: Session | Connection, entry: NewEntry) -> PostedEntry:
    """Book an entry that brings money to the fee-cover fund, and raise its stock. Raises NotForTheCover."""
    filled = sum(leg.amount_minor for leg in entry.legs if leg.credit == CODE)
    if not filled or any(leg.debit == CODE for leg in entry.legs):
        raise NotForTheCover
    (posted,) = journal.post(executor, [entry])
    if posted.is_new:
        executor.execute(_FILL, {"book_id": entry.book_id, "amount": filled})
    return posted


def key_of(reference: str) -> str:
    """The idempotency key of money that the bank knows by this reference; it tells nothing of the reference."""
    return f"cover:{sha256(' '.join(reference.split()).encode()).hexdigest()}"


def take(executor: Session | Connection, book_id: int, amount_minor: int) -> bool:
    """Whether the fund holds this much; if so it is taken, and entries `fee_covered` for it must follow.

    Locks the stock row until the commit: call it as late as possible.
    """
    return executor.execute(_TAKE, {"book_id": book_id, "amount": amount_minor}).first() is not None


def numbered(session: Session, book_id: int) -> int:
    """What the fund holds by its numbered entries: what the public books say, whatever waits in the queue."""
    found: int | None = session.scalar(_NUMBERED, {"book_id": book_id})
    return int(found or 0)


def held(session: Session, host: str | None = None) -> tuple[CoverHeld, ...]:
    """The fee-cover funds, of one host or of all, that ever held anything, by their numbered entries."""
    rows: Sequence[Sequence[Any]] = session.execute(_HELD, {"host": host}).all()
    return tuple(CoverHeld(*row) for row in rows)


# An account of a book from before the stock rows may have been opened without one.
_FILL = text(
    """
    INSERT INTO cover_stock (account_id, book_id, available_minor)
    SELECT id, book_id, :amount FROM account WHERE book_id = :book_id AND code = 'fee_cover'
    ON CONFLICT (account_id) DO UPDATE SET available_minor = cover_stock.available_minor + excluded.available_minor
    """
)

_TAKE = text(
    """
    UPDATE cover_stock SET available_minor = available_minor - :amount
    WHERE account_id = (SELECT id FROM account WHERE book_id = :book_id AND code = 'fee_cover')
      AND available_minor >= :amount
    RETURNING available_minor
    """
)

_NUMBERED = text(
    """
    SELECT total.credits_minor - total.debits_minor
    FROM account cover JOIN account_total total ON total.account_id = cover.id
    WHERE cover.book_id = :book_id AND cover.code = 'fee_cover'
    """
)

_HELD = text(
    """
    SELECT book.host, book.ref, book.currency, total.credits_minor - total.debits_minor
    FROM book JOIN account cover ON cover.book_id = book.id AND cover.code = 'fee_cover'
    JOIN account_total total ON total.account_id = cover.id
    WHERE book.host = coalesce(CAST(:host AS text), book.host) AND total.credit_count > 0
    ORDER BY book.id
    """
)
