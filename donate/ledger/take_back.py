"""Taking back what a fund may no longer spend, as far as it is still there."""

from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session


def take_back(
    executor: Session | Connection, *, book_id: int, entry_id: int, amounts: Mapping[str, int]
) -> dict[str, int]:
    """Lower the stock of funds, by account code, by at most `amounts`; what was taken from each.

    Never refused: it follows from a booked entry (`entry_id`) by which money left again. What was approved for
    disbursement meanwhile cannot be taken back. Asking again for the same entry takes nothing.
    """
    facts = {"book_id": book_id, "entry_id": entry_id, "codes": list(amounts), "amounts": list(amounts.values())}
    taken = cast("Sequence[tuple[str, int]]", executor.execute(_TAKE_BACK, facts).all())
    return dict(taken)


_TAKE_BACK = text(
    """
    WITH held AS (
      SELECT account.id AS account_id, account.book_id, account.code,
             least(stock.available_minor, given.amount) AS amount_minor
      FROM unnest(CAST(:codes AS text[]), CAST(:amounts AS bigint[])) AS given(code, amount)
      JOIN account ON account.book_id = :book_id AND account.code = given.code
      JOIN fund_stock stock ON stock.account_id = account.id
      WHERE NOT EXISTS (SELECT FROM fund_return WHERE entry_id = :entry_id AND fund_return.account_id = account.id)
      ORDER BY account.id
      FOR UPDATE OF stock
    ), taken AS (
      INSERT INTO fund_return (entry_id, account_id, book_id, amount_minor)
      SELECT :entry_id, account_id, book_id, amount_minor FROM held WHERE amount_minor > 0
      RETURNING account_id, amount_minor
    )
    UPDATE fund_stock SET available_minor = available_minor - taken.amount_minor
    FROM taken JOIN held ON held.account_id = taken.account_id
    WHERE fund_stock.account_id = taken.account_id
    RETURNING held.code, taken.amount_minor
    """
)
