"""What becomes scarcer: a fund's money that may still be approved for disbursement.

A stock row is what settlements and the bank brought to a fund, less what was approved for disbursement, less what is
kept back for money that went back to donors and that no settlement has taken yet. Recording what happened never fails,
so the row may fall below zero: then the fund owes that to whatever it gets next. Approving a disbursement may be
refused, and always is beyond the row. Every change adds or subtracts, so that no order of events matters.

The row is locked as late as possible, by the update itself, and in one order where there are several. Whoever books
that money left a fund changes the row in the same transaction: an approval of that moment waits for it, or is waited
for. Checks of `donate check ledger` tie each row to the ledger, and never let it exceed what the fund holds.
"""

from collections.abc import Sequence
from datetime import date
from typing import cast

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from donate.errors import N_, DonateError
from donate.ledger import journal
from donate.ledger.chart import Reason
from donate.ledger.journal import NewEntry, PostedEntry


class FundOverdrawn(DonateError):
    """The fund has less settled money than was asked for; nothing was approved."""

    sentence = N_("The fund has %(available)s available in settled money, less than the %(asked)s asked for.")


class NotADisbursement(DonateError):
    sentence = N_("Only an approved disbursement from a fund to a payee takes from a fund’s stock.")


def authorise(executor: Session | Connection, entry: NewEntry) -> PostedEntry:
    """Book a `disbursement_approved` entry and take its amount from the fund's stock.

    Raises FundOverdrawn; the caller's transaction must then be undone, since the entry was written before.
    """
    if entry.reason is not Reason.DISBURSEMENT_APPROVED or any(not leg.debit.startswith("fund:") for leg in entry.legs):
        raise NotADisbursement
    (posted,) = journal.post(executor, [entry])
    if posted.is_new:
        for leg in sorted(entry.legs, key=lambda leg: leg.debit):
            _take(executor, entry.book_id, leg.debit, leg.amount_minor)
    return posted


def record_return(executor: Session | Connection, entry: NewEntry) -> PostedEntry:
    """Book a `disbursement_returned` entry (bank / fund) and give its amount back to the fund's stock."""
    if entry.reason is not Reason.DISBURSEMENT_RETURNED or any(leg.credit[:5] != "fund:" for leg in entry.legs):
        raise NotADisbursement
    (posted,) = journal.post(executor, [entry])
    if posted.is_new:
        for leg in sorted(entry.legs, key=lambda leg: leg.credit):
            _give(executor, entry.book_id, leg.credit, leg.amount_minor)
    return posted


def reverse_approval(
    executor: Session | Connection,
    *,
    book_id: int,
    entry_id: int,
    idempotency_key: str,
    effective_on: date,
    note: str,
) -> PostedEntry:
    """Reverse an approved disbursement and give its amount back to the fund's stock."""
    legs = cast(
        "Sequence[tuple[str, int]]",
        executor.execute(_APPROVED_LEGS, {"book_id": book_id, "entry_id": entry_id}).all(),
    )
    if not legs:
        raise NotADisbursement
    posted = journal.reverse(
        executor,
        book_id=book_id,
        entry_id=entry_id,
        idempotency_key=idempotency_key,
        effective_on=effective_on,
        note=note,
    )
    if posted.is_new:
        for code, amount_minor in legs:
            _give(executor, book_id, code, amount_minor)
    return posted


def _take(executor: Session | Connection, book_id: int, code: str, amount_minor: int) -> None:
    facts = {"book_id": book_id, "code": code, "amount": amount_minor}
    if executor.execute(_TAKE, facts).first() is None:
        available = executor.execute(_AVAILABLE, facts).scalar()
        raise FundOverdrawn(available=max(0, available or 0), asked=amount_minor)


def _give(executor: Session | Connection, book_id: int, code: str, amount_minor: int) -> None:
    executor.execute(_GIVE, {"book_id": book_id, "code": code, "amount": amount_minor})


_TAKE = text(
    """
    UPDATE fund_stock SET available_minor = available_minor - :amount
    WHERE account_id = (SELECT id FROM account WHERE book_id = :book_id AND code = :code)
      AND available_minor >= :amount
    RETURNING available_minor
    """
)

_GIVE = text(
    """
    UPDATE fund_stock SET available_minor = available_minor + :amount
    WHERE account_id = (SELECT id FROM account WHERE book_id = :book_id AND code = :code)
    """
)

_AVAILABLE = text(
    """
    SELECT available_minor FROM fund_stock
    WHERE account_id = (SELECT id FROM account WHERE book_id = :book_id AND code = :code)
    """
)

_APPROVED_LEGS = text(
    """
    SELECT debit.code, transfer.amount_minor
    FROM entry
    JOIN transfer ON transfer.entry_id = entry.id
    JOIN account debit ON debit.id = transfer.debit_id
    WHERE entry.book_id = :book_id AND entry.id = :entry_id AND entry.reason = 'disbursement_approved'
    ORDER BY debit.code
    """
)
