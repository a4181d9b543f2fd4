"""What becomes scarcer: a fund's money that may still be approved for disbursement.

Recording what happened never fails; approving a disbursement may. The stock row is locked as late as possible, by
the update itself, and a check of `donate check ledger` ties each row to the ledger.
"""

from collections.abc import Mapping, Sequence
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


def release(executor: Session | Connection, *, book_id: int, entry_id: int, amounts: Mapping[str, int]) -> None:
    """Make parts of a booked entry that brought money to the bank available to funds, by account code.

    Asking again for the same entry changes nothing.
    """
    executor.execute(
        _RELEASE,
        {"book_id": book_id, "entry_id": entry_id, "codes": list(amounts), "amounts": list(amounts.values())},
    )


def release_credits(executor: Session | Connection, *, book_id: int, entry_ids: Sequence[int]) -> None:
    """Make all that these booked entries moved from the bank into funds available: `release` for many at once."""
    executor.execute(_RELEASE_CREDITS, {"book_id": book_id, "entry_ids": list(entry_ids)})


def reverse_release(
    executor: Session | Connection,
    *,
    book_id: int,
    entry_id: int,
    idempotency_key: str,
    effective_on: date,
    note: str,
) -> PostedEntry:
    """Reverse an entry that brought money to the bank, and take back from the stock what it had made available.

    Never refused, since it corrects what was said to have happened: of what was approved for disbursement meanwhile
    nothing is left to take back, and the fund is short by it until it is covered.
    """
    posted = journal.reverse(
        executor,
        book_id=book_id,
        entry_id=entry_id,
        idempotency_key=idempotency_key,
        effective_on=effective_on,
        note=note,
    )
    if posted.is_new:
        executor.execute(_TAKE_BACK, {"entry_id": entry_id, "reversal_id": posted.entry_id})
    return posted


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
        raise FundOverdrawn(available=available or 0, asked=amount_minor)


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

_RELEASE = text(
    """
    WITH fresh AS (
      INSERT INTO fund_release (entry_id, account_id, book_id, amount_minor)
      SELECT :entry_id, account.id, account.book_id, given.amount
      FROM unnest(CAST(:codes AS text[]), CAST(:amounts AS bigint[])) AS given(code, amount)
      JOIN account ON account.book_id = :book_id AND account.code = given.code
      ON CONFLICT DO NOTHING
      RETURNING account_id, amount_minor
    )
    UPDATE fund_stock SET available_minor = available_minor + fresh.amount_minor
    FROM fresh WHERE fund_stock.account_id = fresh.account_id
    """
)

_RELEASE_CREDITS = text(
    """
    WITH fresh AS (
      INSERT INTO fund_release (entry_id, account_id, book_id, amount_minor)
      SELECT transfer.entry_id, transfer.credit_id, transfer.book_id, sum(transfer.amount_minor)
      FROM transfer
      JOIN account debit ON debit.id = transfer.debit_id AND debit.code = 'bank'
      JOIN fund_stock ON fund_stock.account_id = transfer.credit_id
      WHERE transfer.entry_id = ANY (CAST(:entry_ids AS bigint[])) AND transfer.book_id = :book_id
      GROUP BY transfer.entry_id, transfer.credit_id, transfer.book_id
      ON CONFLICT DO NOTHING
      RETURNING account_id, amount_minor
    ), sums AS (
      SELECT account_id, sum(amount_minor) AS amount_minor FROM fresh GROUP BY account_id
    )
    UPDATE fund_stock SET available_minor = available_minor + sums.amount_minor
    FROM sums WHERE fund_stock.account_id = sums.account_id
    """
)

_TAKE_BACK = text(
    """
    WITH held AS (
      SELECT fund_release.account_id, fund_release.book_id,
             least(fund_stock.available_minor, fund_release.amount_minor) AS amount_minor
      FROM fund_release JOIN fund_stock ON fund_stock.account_id = fund_release.account_id
      WHERE fund_release.entry_id = :entry_id
      FOR UPDATE OF fund_stock
    ), taken AS (
      INSERT INTO fund_return (entry_id, account_id, book_id, amount_minor)
      SELECT :reversal_id, account_id, book_id, amount_minor FROM held WHERE amount_minor > 0
      RETURNING account_id, amount_minor
    )
    UPDATE fund_stock SET available_minor = available_minor - taken.amount_minor
    FROM taken WHERE fund_stock.account_id = taken.account_id
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
