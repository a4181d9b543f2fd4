"""The sequencer's queue: entries that wait for their place in the log, read from a floor.

Below the floor only commits that came late can wait. (The index entries of everything numbered stay dead in place
while an old snapshot lives; reading across them made a poll 24 times slower.)
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import TextClause


@dataclass(slots=True)
class WaitingEntry:
    """An entry in the queue, with its transfers as (debit account, credit account, amount)."""

    id: int
    book_id: int
    reason: str
    campaign: str | None
    reference: str | None
    effective_on: date
    reverses: int | None
    reversed_reason: str | None
    document: bytes | None
    note: bytes | None
    commitment: bytes
    legs: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account with what its book says, as the leaves name them."""

    id: int
    code: str
    account_class: str
    opened_at: datetime
    book_ref: str
    host: str
    currency: str
    mode: str
    time_zone: str
    book_opened_at: datetime
    fund: str | None  # the campaign whose fund this is


@dataclass(frozen=True, slots=True)
class Gathered:
    """What waits: counted up to a bound, and since when."""

    donation_count: int
    entry_count: int
    oldest_at: datetime | None


class Standing(NamedTuple):
    """Where the last pass ended: the next log index, where reading the queue begins, when that pass ran."""

    next_index: int
    floor: int
    passed_at: datetime


def lock(session: Session) -> Standing:
    """Take the sequencer's row until the transaction ends."""
    row: Any = session.execute(_LOCK).one()
    return Standing(*row)


def passed_at(session: Session) -> datetime:
    """When the last pass ran."""
    moment: datetime = session.scalars(_PASSED_AT).one()
    return moment


def read(session: Session, *, floor: int, at_most: int) -> list[WaitingEntry]:
    """The oldest waiting entries from the floor on, by id."""
    return _entries(session, _READ, {"floor": floor, "at_most": at_most})


def read_late(session: Session, entry_ids: Sequence[int]) -> list[WaitingEntry]:
    """These entries, wherever in the queue they wait."""
    return _entries(session, _READ_LATE, {"ids": list(entry_ids)})


def accounts_of(entries: Iterable[WaitingEntry]) -> set[int]:
    """Ids of every account that these entries move."""
    return {account_id for entry in entries for debit, credit, _ in entry.legs for account_id in (debit, credit)}


def read_accounts(
    session: Session, entries: Iterable[WaitingEntry], known: Set[int] = frozenset()
) -> dict[int, AccountFacts]:
    """Every account that these entries move, by id, but those that are `known` already."""
    ids = accounts_of(entries) - known
    if not ids:
        return {}
    rows: Iterable[Any] = session.execute(_READ_ACCOUNTS, {"ids": list(ids)})
    accounts = [AccountFacts(*row) for row in rows]
    return {account.id: account for account in accounts}


def advance(session: Session, *, entry_ids: Sequence[int], next_index: int, floor: int, at: datetime) -> None:
    """Take numbered entries out of the queue and remember where the next pass begins."""
    session.execute(_DEQUEUE, {"ids": list(entry_ids)})
    session.execute(_ADVANCE, {"next_index": next_index, "floor": floor, "at": at})


def drop_numbered(session: Session) -> list[int]:
    """Take out what is in the log already and should not wait here; which entries those were."""
    return sorted(session.scalars(_DROP_NUMBERED))


def gathered(session: Session, *, donations: Iterable[str], at_most: int, sweep: bool) -> Gathered:
    """What waits from the floor on (from the very beginning with `sweep`), counted up to `at_most`."""
    facts = {"donations": list(donations), "at_most": at_most, "sweep": sweep}
    row: Any = session.execute(_GATHERED, facts).one()
    return Gathered(*row)


def _entries(session: Session, statement: TextClause, facts: dict[str, object]) -> list[WaitingEntry]:
    entries: list[WaitingEntry] = []
    rows: Iterable[Any] = session.execute(statement, facts)
    for *entry_columns, debit_id, credit_id, amount in rows:
        if not entries or entries[-1].id != entry_columns[0]:
            entries.append(WaitingEntry(*entry_columns))
        entries[-1].legs.append((debit_id, credit_id, amount))
    return entries


_LOCK = text("SELECT next_index, floor_entry_id, passed_at FROM sequencer WHERE id = 1 FOR UPDATE")

_PASSED_AT = text("SELECT passed_at FROM sequencer WHERE id = 1")

# OFFSET 0 keeps each look-up a look-up: left free, the planner joined a batch by reading all transfers ever made.
_READ_QUEUE = """
    SELECT entry.id, entry.book_id, entry.reason, entry.campaign, entry.reference, entry.effective_on, entry.reverses,
           (SELECT original.reason FROM entry original WHERE original.id = entry.reverses),
           entry.document_sha256, entry.note_sha256, entry.commitment,
           leg.debit_id, leg.credit_id, leg.amount_minor
    FROM ({waiting}) AS waiting
    CROSS JOIN LATERAL (SELECT * FROM entry WHERE id = waiting.entry_id OFFSET 0) AS entry
    CROSS JOIN LATERAL (SELECT * FROM transfer WHERE entry_id = waiting.entry_id OFFSET 0) AS leg
    ORDER BY entry.id, leg.line
"""
_READ = text(
    _READ_QUEUE.format(
        waiting="SELECT entry_id FROM entry_pending WHERE entry_id >= :floor ORDER BY entry_id LIMIT :at_most"
    )
)
_READ_LATE = text(_READ_QUEUE.format(waiting="SELECT entry_id FROM entry_pending WHERE entry_id = ANY(:ids)"))

_READ_ACCOUNTS = text(
    """
    SELECT account.id, account.code, account.account_class, account.opened_at,
           book.ref, book.host, book.currency, book.mode, book.time_zone, book.opened_at,
           CASE WHEN account.code LIKE 'fund:%' THEN split_part(account.code, ':', 2) END
    FROM account JOIN book ON book.id = account.book_id WHERE account.id = ANY(:ids)
    """
)

_DEQUEUE = text("DELETE FROM entry_pending WHERE entry_id = ANY(:ids)")
_DROP_NUMBERED = text(
    "DELETE FROM entry_pending USING log_leaf WHERE log_leaf.entry_id = entry_pending.entry_id "
    "RETURNING entry_pending.entry_id"
)
_ADVANCE = text("UPDATE sequencer SET next_index = :next_index, floor_entry_id = :floor, passed_at = :at WHERE id = 1")

_GATHERED = text(
    """
    SELECT count(*) FILTER (WHERE entry.reason = ANY(:donations)), count(*), min(entry.recorded_at)
    FROM (
      SELECT entry_id FROM entry_pending
      WHERE entry_id >= (SELECT CASE WHEN :sweep THEN 0 ELSE floor_entry_id END FROM sequencer WHERE id = 1)
      ORDER BY entry_id LIMIT :at_most
    ) AS waiting
    CROSS JOIN LATERAL (SELECT reason, recorded_at FROM entry WHERE id = waiting.entry_id OFFSET 0) AS entry
    """
)
