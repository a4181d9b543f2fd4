"""What comes to a fund's stock and what is taken from it again, by what happened; never refused.

All of these only add and subtract (`donate.ledger.stock` says what a stock row is), and each entry counts once.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import cast

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from donate.ledger import journal
from donate.ledger.journal import PostedEntry


def lock_stock(executor: Session | Connection, book_id: int) -> None:
    """Lock the stock of all funds of a book, in one order, until the commit: for whoever changes several in turn."""
    executor.execute(_LOCK_STOCK, {"book_id": book_id})


def release(executor: Session | Connection, *, book_id: int, entry_id: int, amounts: Mapping[str, int]) -> None:
    """Add to the stock of funds, by account code, what a booked entry brought them; what is negative, it took.

    Asking again for the same entry changes nothing.
    """
    facts = {"book_id": book_id, "entry_id": entry_id, "codes": list(amounts), "amounts": list(amounts.values())}
    executor.execute(_RELEASE, facts)


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

    Never refused, since it corrects what was said to have happened: what was approved for disbursement meanwhile, the
    fund owes to what it gets next.
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
        released = cast("Sequence[tuple[str, int]]", executor.execute(_RELEASED, {"entry_id": entry_id}).all())
        taken = {code: -amount_minor for code, amount_minor in released}
        release(executor, book_id=book_id, entry_id=posted.entry_id, amounts=taken)
    return posted


def keep_back(executor: Session | Connection, *, book_id: int, payment: str, amounts: Mapping[str, int]) -> None:
    """Keep so much of each fund's stock, by account code, for money of one payment that left before any settlement.

    What was kept for it before is given free. The payment's own row is locked by whoever asks.
    """
    facts = {"book_id": book_id, "payment": payment, "codes": list(amounts), "amounts": list(amounts.values())}
    executor.execute(_KEEP_BACK, facts)


_LOCK_STOCK = text("SELECT account_id FROM fund_stock WHERE book_id = :book_id ORDER BY account_id FOR UPDATE")

# The rows are locked in one order before they are changed, so that no two of these wait for each other in a circle.
_RELEASE = text(
    """
    WITH given AS (
      SELECT account.id AS account_id, account.book_id, given.amount
      FROM unnest(CAST(:codes AS text[]), CAST(:amounts AS bigint[])) AS given(code, amount)
      JOIN account ON account.book_id = :book_id AND account.code = given.code
      WHERE given.amount <> 0
    ), locked AS (
      SELECT stock.account_id FROM fund_stock stock JOIN given USING (account_id)
      ORDER BY stock.account_id FOR UPDATE OF stock
    ), brought AS (
      INSERT INTO fund_release (entry_id, account_id, book_id, amount_minor)
      SELECT :entry_id, account_id, book_id, amount FROM given JOIN locked USING (account_id) WHERE amount > 0
      ON CONFLICT DO NOTHING
      RETURNING account_id, amount_minor
    ), taken AS (
      INSERT INTO fund_return (entry_id, account_id, book_id, amount_minor)
      SELECT :entry_id, account_id, book_id, -amount FROM given JOIN locked USING (account_id) WHERE amount < 0
      ON CONFLICT DO NOTHING
      RETURNING account_id, -amount_minor AS amount_minor
    ), moved AS (
      SELECT * FROM brought UNION ALL SELECT * FROM taken
    )
    UPDATE fund_stock SET available_minor = available_minor + moved.amount_minor
    FROM moved WHERE fund_stock.account_id = moved.account_id
    """
)

_RELEASE_CREDITS = text(
    """
    WITH given AS (
      SELECT transfer.entry_id, transfer.credit_id AS account_id, transfer.book_id, sum(transfer.amount_minor) AS amount
      FROM transfer
      JOIN account debit ON debit.id = transfer.debit_id AND debit.code = 'bank'
      JOIN fund_stock ON fund_stock.account_id = transfer.credit_id
      WHERE transfer.entry_id = ANY (CAST(:entry_ids AS bigint[])) AND transfer.book_id = :book_id
      GROUP BY transfer.entry_id, transfer.credit_id, transfer.book_id
    ), locked AS (
      SELECT account_id FROM fund_stock WHERE account_id IN (SELECT account_id FROM given)
      ORDER BY account_id FOR UPDATE
    ), fresh AS (
      INSERT INTO fund_release (entry_id, account_id, book_id, amount_minor)
      SELECT entry_id, account_id, book_id, amount FROM given JOIN locked USING (account_id)
      ON CONFLICT DO NOTHING
      RETURNING account_id, amount_minor
    ), sums AS (
      SELECT account_id, sum(amount_minor) AS amount_minor FROM fresh GROUP BY account_id
    )
    UPDATE fund_stock SET available_minor = available_minor + sums.amount_minor
    FROM sums WHERE fund_stock.account_id = sums.account_id
    """
)

_RELEASED = text(
    """
    SELECT account.code, fund_release.amount_minor
    FROM fund_release JOIN account ON account.id = fund_release.account_id
    WHERE fund_release.entry_id = :entry_id
    """
)

_KEEP_BACK = text(
    """
    WITH given AS (
      SELECT account.id AS account_id, account.book_id, given.amount, coalesce(hold.amount_minor, 0) AS before
      FROM unnest(CAST(:codes AS text[]), CAST(:amounts AS bigint[])) AS given(code, amount)
      JOIN account ON account.book_id = :book_id AND account.code = given.code
      LEFT JOIN fund_hold hold ON hold.account_id = account.id AND hold.payment = :payment
      WHERE given.amount <> coalesce(hold.amount_minor, 0)
    ), locked AS (
      SELECT stock.account_id FROM fund_stock stock JOIN given USING (account_id)
      ORDER BY stock.account_id FOR UPDATE OF stock
    ), kept AS (
      INSERT INTO fund_hold (account_id, payment, book_id, amount_minor)
      SELECT account_id, :payment, book_id, amount FROM given JOIN locked USING (account_id)
      ON CONFLICT (account_id, payment) DO UPDATE SET amount_minor = excluded.amount_minor
      RETURNING account_id
    )
    UPDATE fund_stock SET available_minor = available_minor + given.before - given.amount
    FROM given JOIN kept USING (account_id) WHERE fund_stock.account_id = given.account_id
    """
)
