"""The bank reconciliation: what the log says of the bank account against the bank's own statement, in totals alone.

The statement is what the charity uploaded, so no size of the log fixes these bytes: its rows say which log size their
figures of the books belong to, and the file is never kept by caches. Nobody's name, reference or single line is in it.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import cast

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.downloads import reading
from donate.downloads.entries import csv_line, plain_of
from donate.downloads.months import BookMonth
from donate.downloads.sums import add_up, net
from donate.errors import N_
from donate.ledger.models import Book
from donate.settling.bank_matching import candidates
from donate.settling.bank_totals import BankTotals, totals_of

NAME = "bank-reconciliation.csv"
BANK = "bank"
COLUMNS = {
    "part": N_("What the row is of: log, statement, difference, or today (what stands open now)."),
    "item": N_("The row’s figure; its meaning is listed below."),
    "count": N_("How many lines make up the figure, where lines are counted."),
    "amount_minor": N_(
        "The figure in the smallest unit; what raises the bank’s balance is positive. Empty: not known."
    ),
    "amount": N_("The same as a decimal number."),
    "currency": N_("The currency by its ISO 4217 code."),
}
ITEMS = {
    "log_size": N_("The log size that the rows of the log belong to, as a count."),
    "opening": N_("The bank account in the books before the month."),
    "debits": N_("What the month brought to the bank account by the books."),
    "credits": N_("What the month took from the bank account by the books."),
    "closing": N_("The bank account in the books at the month’s end."),
    "lines": N_("Lines of the bank’s statement that the bank dated in the month."),
    "waiting": N_("Those of them that nobody matched with the books yet."),
    "explained": N_("Those of them that a note alone explains."),
    "balance": N_("The bank’s balance at the month’s end: the last that its statement prints, and the lines after it."),
    "books_less_bank": N_("The closing balance of the books less the bank’s balance."),
    "in_books_only": N_("In the books and on no line of a statement yet."),
    "on_statement_only": N_("On the statement and not matched with the books yet."),
    "explained_by_note": N_("On the statement and explained by a note alone."),
    "opening_entries": N_("Balances that were brought in when the book was opened."),
    "sample": N_("A sample world’s past, of which no bank knows."),
    "before_first_line": N_("What the bank held before the first line of its statement."),
    "missing_lines": N_("By how much the printed balances run ahead of the lines: lines that are missing."),
    "unaccounted": N_("What of today’s difference nothing accounts for. It should be zero."),
}
Item = tuple[str, str, int | None, int | None]  # part, item, count, minor units


def write(session: Session, wanted: BookMonth) -> Iterator[str]:
    """The reconciliation of a month as CSV, over the session's one snapshot."""
    plain = plain_of(wanted.currency)
    yield csv_line(COLUMNS)
    for part, item, count, minor in _items(session, wanted):
        figures = ["" if minor is None else minor, "" if minor is None else plain(minor)]
        yield csv_line([part, item, "" if count is None else count, *figures, wanted.currency])


def _items(session: Session, wanted: BookMonth) -> Iterator[Item]:
    opening = net(reading.head(session, wanted).opening, BANK)
    debits, credits = add_up(reading.entries(session, wanted)).get(BANK, (0, 0))
    closing = opening + debits - credits
    yield "log", "log_size", wanted.size, None
    yield from (
        ("log", item, None, minor)
        for item, minor in (("opening", opening), ("debits", debits), ("credits", credits), ("closing", closing))
    )
    facts = {"book_id": wanted.book_id, "first": wanted.month, "next": _next(wanted.month)}
    lines = cast("tuple[int, int, int, int, int, int]", session.execute(_LINES, facts).one())
    for item, place in (("lines", 0), ("waiting", 2), ("explained", 4)):
        yield "statement", item, lines[place], int(lines[place + 1])
    balance = session.scalar(_BALANCE, facts)
    yield "statement", "balance", None, None if balance is None else int(balance)
    yield "difference", "books_less_bank", None, None if balance is None else closing - int(balance)
    if not wanted.is_finished:
        yield from _today(session, wanted.book_id)


def _today(session: Session, book_id: int) -> Iterator[Item]:
    """The whole difference of this moment, over all entries, numbered or not, and what accounts for it."""
    unseen = [one for one in candidates(session, book_id) if not one.is_other_sum]
    totals: BankTotals = totals_of(session, session.get_one(Book, book_id), unseen)
    yield "today", "closing", None, totals.books_minor
    yield "today", "balance", totals.line_count, totals.bank_minor
    yield "today", "books_less_bank", None, totals.difference_minor
    yield "today", "in_books_only", totals.open_count, totals.open_minor
    yield "today", "on_statement_only", totals.waiting_count, totals.waiting_minor
    yield "today", "explained_by_note", totals.explained_count, totals.explained_minor
    yield "today", "opening_entries", None, totals.opening_minor
    yield "today", "sample", None, totals.sample_minor
    yield "today", "before_first_line", None, totals.before_minor
    yield "today", "missing_lines", None, totals.missing_minor
    yield "today", "unaccounted", None, totals.rest_minor


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


_LINES = text(
    """
    SELECT count(*), coalesce(sum(amount_minor), 0),
           count(*) FILTER (WHERE met IS NULL), coalesce(sum(amount_minor) FILTER (WHERE met IS NULL), 0),
           count(*) FILTER (WHERE met = 'explained'), coalesce(sum(amount_minor) FILTER (WHERE met = 'explained'), 0)
    FROM bank_line WHERE book_id = :book_id AND booked_on >= :first AND booked_on < :next
    """
)
# The lines alone where the statement prints no balance; null where there are no lines.
_BALANCE = text(
    """
    WITH line AS (
      SELECT booked_on, id, amount_minor, balance_minor FROM bank_line WHERE book_id = :book_id AND booked_on < :next
    ), newest AS (
      SELECT * FROM line WHERE balance_minor IS NOT NULL ORDER BY booked_on DESC, id DESC LIMIT 1
    )
    SELECT CASE WHEN EXISTS (SELECT FROM newest) THEN (
        SELECT newest.balance_minor + coalesce((
          SELECT sum(line.amount_minor) FROM line WHERE (line.booked_on, line.id) > (newest.booked_on, newest.id)), 0)
        FROM newest)
      ELSE (SELECT sum(amount_minor) FROM line) END
    """
)
