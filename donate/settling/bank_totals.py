"""The bank's balance against the books', to the last cent: each line and each entry stands in one part of the difference.

What the books hold less what the bank holds = what is in the books and on no line yet - lines that wait - lines that a
note alone explains + balances brought in when the book was opened - what the bank held before its first line - lines
that are missing between. Where that is not the whole difference, the rest is named: something is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.ledger.models import Book
from donate.settling.bank_matching import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTotals:
    """Amounts as the bank signs them: what raises its balance is positive."""

    line_count: int
    lines_minor: int
    balance_minor: int | None  # by the newest line that prints one, and the lines after it
    before_minor: int  # what the account held before the first line; 0 where no line prints a balance
    books_minor: int
    open_count: int
    open_minor: int
    waiting_count: int
    waiting_minor: int
    explained_count: int
    explained_minor: int
    opening_minor: int
    sample_minor: int  # a sample world's past, of which no bank knows

    @property
    def bank_minor(self) -> int:
        """What the bank says; the sum of its lines, where its statement prints no balance."""
        return self.lines_minor if self.balance_minor is None else self.balance_minor

    @property
    def missing_minor(self) -> int:
        """What lines bring that were in no file: by how much the balances run ahead of the lines."""
        return self.bank_minor - self.before_minor - self.lines_minor

    @property
    def difference_minor(self) -> int:
        return self.books_minor - self.bank_minor

    @property
    def rest_minor(self) -> int:
        """What of the difference nothing accounts for."""
        accounted = self.open_minor - self.waiting_minor - self.explained_minor
        accounted += self.opening_minor + self.sample_minor - self.before_minor - self.missing_minor
        return self.difference_minor - accounted

    @property
    def is_accounted_for(self) -> bool:
        return self.rest_minor == 0 and self.missing_minor == 0


def totals_of(session: Session, book: Book, unseen: Sequence[Candidate]) -> BankTotals:
    """Of one book; `unseen` are its open candidates."""
    facts = {"book_id": book.id, "is_sandbox": book.mode == "sandbox"}
    row = cast("tuple[int, int, int, int, int, int]", session.execute(_LINES, facts).one())
    lines, waiting, explained = row[:2], row[2:4], row[4:]
    balance, before = cast("tuple[int | None, int]", session.execute(_BALANCES, facts).one())
    books, opening, sample = cast("tuple[int, int, int]", session.execute(_BOOKS, facts).one())
    return BankTotals(
        line_count=lines[0],
        lines_minor=int(lines[1]),
        balance_minor=None if balance is None else int(balance),
        before_minor=int(before),
        books_minor=int(books),
        open_count=len(unseen),
        open_minor=sum(one.amount_minor for one in unseen),
        waiting_count=waiting[0],
        waiting_minor=int(waiting[1]),
        explained_count=explained[0],
        explained_minor=int(explained[1]),
        opening_minor=int(opening),
        sample_minor=int(sample),
    )


_LINES = text(
    """
    SELECT count(*), coalesce(sum(amount_minor), 0),
           count(*) FILTER (WHERE met IS NULL), coalesce(sum(amount_minor) FILTER (WHERE met IS NULL), 0),
           count(*) FILTER (WHERE met = 'explained'), coalesce(sum(amount_minor) FILTER (WHERE met = 'explained'), 0)
    FROM bank_line WHERE book_id = :book_id
    """
)

_BALANCES = text(
    """
    WITH line AS (
      SELECT booked_on, id, amount_minor, balance_minor FROM bank_line WHERE book_id = :book_id
    ), newest AS (
      SELECT * FROM line WHERE balance_minor IS NOT NULL ORDER BY booked_on DESC, id DESC LIMIT 1
    ), first AS (
      SELECT * FROM line WHERE balance_minor IS NOT NULL ORDER BY booked_on, id LIMIT 1
    )
    SELECT (SELECT newest.balance_minor + coalesce((
              SELECT sum(line.amount_minor) FROM line
              WHERE (line.booked_on, line.id) > (newest.booked_on, newest.id)), 0) FROM newest),
           coalesce((SELECT first.balance_minor - coalesce((
              SELECT sum(line.amount_minor) FROM line
              WHERE (line.booked_on, line.id) <= (first.booked_on, first.id)), 0) FROM first), 0)
    """
)

# The bank account over all entries, those brought in when the book was opened, and a sample world's past: without its
# disbursements, which stand among what no line shows yet.
_BOOKS = text(
    """
    WITH bank AS (
      SELECT id FROM account WHERE book_id = :book_id AND code = 'bank'
    ), opening AS (
      SELECT CASE WHEN transfer.debit_id = bank.id THEN transfer.amount_minor ELSE -transfer.amount_minor END AS minor
      FROM bank CROSS JOIN entry
      JOIN transfer ON transfer.entry_id = entry.id AND bank.id IN (transfer.debit_id, transfer.credit_id)
      WHERE entry.book_id = :book_id AND entry.reason = 'opening'
        AND NOT EXISTS (SELECT FROM entry AS reversal WHERE reversal.reverses = entry.id)
    ), sample AS (
      SELECT CASE WHEN transfer.debit_id = bank.id THEN transfer.amount_minor ELSE -transfer.amount_minor END AS minor
      FROM bank CROSS JOIN entry
      JOIN transfer ON transfer.entry_id = entry.id AND bank.id IN (transfer.debit_id, transfer.credit_id)
      WHERE :is_sandbox AND entry.book_id = :book_id AND entry.idempotency_key LIKE '%:sample:%'
        AND entry.reason NOT IN ('disbursement_paid', 'disbursement_returned', 'opening')
    )
    SELECT coalesce((SELECT debits_minor - credits_minor FROM account_total WHERE account_id = bank.id), 0)
           + coalesce((
             SELECT sum(CASE WHEN leg.debit_id = bank.id THEN leg.amount_minor ELSE -leg.amount_minor END)
             FROM entry_pending pending
             CROSS JOIN LATERAL (SELECT * FROM transfer WHERE entry_id = pending.entry_id OFFSET 0) AS leg
             WHERE bank.id IN (leg.debit_id, leg.credit_id)), 0),
           coalesce((SELECT sum(minor) FROM opening), 0), coalesce((SELECT sum(minor) FROM sample), 0)
    FROM bank
    """
)
