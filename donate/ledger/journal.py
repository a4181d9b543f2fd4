"""The only writer of entries and transfers.

Entries of a call are booked by one statement: insert in key order, do nothing where the key is there already, and
only then compare content. Without the order, concurrent batches that share keys deadlock; without the second
look, a duplicate that was committed meanwhile would return nothing.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import cast

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from donate import clock
from donate.db import Statement
from donate.errors import N_, DonateError
from donate.ledger.chart import Reason
from donate.tlog.leaf import CAMPAIGN, MAX_LEGS, REFERENCE, commitment

MAX_KEY = 120
MAX_NOTE = 2000
MAX_PRIVATE_BYTES = 8000
MAX_AMOUNT_MINOR = 10**15


class ExistsWithDifferentContent(DonateError):
    """The same key was booked before with other content; nothing was written over it."""

    sentence = N_("An entry with the key %(key)s exists with different content.")
    status = 409


class UnknownAccount(DonateError):
    sentence = N_("The book has no account for every leg of the entry %(key)s.")


class EntryNotBookable(DonateError):
    """The entry breaks a bound: no legs or too many, an amount out of range, text too long."""

    sentence = N_("The entry %(key)s cannot be booked: %(problem)s.")


class AlreadyReversed(DonateError):
    sentence = N_("This entry has been reversed already.")
    status = 409


class ReversalOfReversal(DonateError):
    sentence = N_("A reversal is not reversed; post the right entry instead.")


class NoSuchEntry(DonateError):
    sentence = N_("The book has no such entry.")
    status = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One movement: `amount_minor` from the account `debit` to the account `credit` (codes of the chart)."""

    debit: str
    credit: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """A fact to book. `private` and `note` go to the erasable table; the entry carries only their commitment."""

    book_id: int
    reason: Reason
    idempotency_key: str
    effective_on: date
    legs: tuple[Leg, ...]
    campaign: str | None = None
    reference: str | None = None
    document_sha256: bytes | None = None
    private: Mapping[str, str] = field(default_factory=dict)
    note: str | None = None
    reverses: int | None = None


@dataclass(frozen=True, slots=True)
class PostedEntry:
    """The entry's id, and whether this call wrote it (False: an earlier one with the same content did)."""

    entry_id: int
    is_new: bool


def post(executor: Session | Connection, entries: Sequence[NewEntry]) -> list[PostedEntry]:
    """Book `entries` in one statement; answers in their order.

    Recording the same fact again answers with the first result. Raises ExistsWithDifferentContent,
    UnknownAccount, EntryNotBookable; the caller's transaction then writes nothing.
    """
    for entry in entries:
        if entry.reason is Reason.REVERSAL:
            raise EntryNotBookable(key=entry.idempotency_key, problem="a reversal is posted by reverse()")
    return _post(executor, entries)


def reverse(
    executor: Session | Connection,
    *,
    book_id: int,
    entry_id: int,
    idempotency_key: str,
    effective_on: date,
    note: str,
) -> PostedEntry:
    """Undo an entry by a new one with its legs turned round; `note` is the reason, kept erasable.

    Raises NoSuchEntry, ReversalOfReversal, AlreadyReversed (by another key), ExistsWithDifferentContent.
    """
    rows = cast(
        "Sequence[tuple[str, str | None, str, str, int]]",
        executor.execute(_READ_FOR_REVERSAL, {"book_id": book_id, "entry_id": entry_id}).all(),
    )
    if not rows:
        raise NoSuchEntry
    reason, campaign, *_ = rows[0]
    if reason == Reason.REVERSAL:
        raise ReversalOfReversal
    entry = NewEntry(
        book_id=book_id,
        reason=Reason.REVERSAL,
        idempotency_key=idempotency_key,
        effective_on=effective_on,
        legs=tuple(Leg(debit=credit, credit=debit, amount_minor=amount) for _, _, debit, credit, amount in rows),
        campaign=campaign,
        note=note,
        reverses=entry_id,
    )
    try:
        (posted,) = _post(executor, [entry])
    except IntegrityError as error:
        if "entry_reverses_key" in str(error.orig):
            raise AlreadyReversed from error
        raise
    return posted


def _post(executor: Session | Connection, entries: Sequence[NewEntry]) -> list[PostedEntry]:
    unique: dict[tuple[int, str], NewEntry] = {}
    for entry in entries:
        _check_bounds(entry)
        if _content(unique.setdefault(_key(entry), entry)) != _content(entry):
            raise ExistsWithDifferentContent(key=entry.idempotency_key)
    if not unique:
        return []
    new = _insert(executor, list(unique.values()))
    known = {key: PostedEntry(entry_id, True) for key, entry_id in new.items()}
    missing = [entry for key, entry in unique.items() if key not in known]
    if missing:
        known |= _existing(executor, missing)
    return [known[_key(entry)] for entry in entries]


def _key(entry: NewEntry) -> tuple[int, str]:
    return entry.book_id, entry.idempotency_key


def _check_bounds(entry: NewEntry) -> None:
    problem = None
    if not 1 <= len(entry.legs) <= MAX_LEGS:
        problem = f"it has {len(entry.legs)} legs, not 1 to {MAX_LEGS}"
    elif any(not 0 < leg.amount_minor <= MAX_AMOUNT_MINOR for leg in entry.legs):
        problem = "an amount is out of range"
    elif not (entry.idempotency_key.isascii() and 0 < len(entry.idempotency_key) <= MAX_KEY):
        problem = f"its key is not 1 to {MAX_KEY} ASCII characters"
    elif entry.reference is not None and not re.fullmatch(REFERENCE, entry.reference):
        problem = "its reference is not 1 to 64 letters, digits and . _ : / -"
    elif entry.campaign is not None and not re.fullmatch(CAMPAIGN, entry.campaign):
        problem = "its campaign is not 1 to 40 lower-case letters, digits and hyphens"
    elif entry.note is not None and len(entry.note) > MAX_NOTE:
        problem = f"its note is longer than {MAX_NOTE} characters"
    elif len(json.dumps(dict(entry.private))) > MAX_PRIVATE_BYTES:
        problem = "its private fields are too long"
    if problem:
        raise EntryNotBookable(key=entry.idempotency_key[:MAX_KEY], problem=problem)


def _insert(executor: Session | Connection, entries: Sequence[NewEntry]) -> dict[tuple[int, str], int]:
    """Insert what is not there yet; ids of the new entries by key."""
    given = json.dumps([_row(entry) for entry in entries])
    try:
        new = _INSERT.rows(executor, {"entries": given, "recorded_at": clock.now()})
    except IntegrityError as error:
        # A code without an account leaves the leg's account null, which the column refuses.
        if '"debit_id"' in str(error.orig) or '"credit_id"' in str(error.orig):
            raise UnknownAccount(key=entries[0].idempotency_key) from error
        raise
    return {(book_id, key): entry_id for entry_id, book_id, key in new}


def _row(entry: NewEntry) -> dict[str, object]:
    """An entry as _INSERT reads it. One JSON text for all is cheaper on both sides than an array for each column."""
    salt = secrets.token_bytes(32)
    return {
        "book_id": entry.book_id,
        "reason": entry.reason.value,
        "campaign": entry.campaign,
        "key": entry.idempotency_key,
        "reference": entry.reference,
        "effective_on": entry.effective_on.isoformat(),
        "reverses": entry.reverses,
        "document": None if entry.document_sha256 is None else entry.document_sha256.hex(),
        "note_sha256": None if entry.note is None else hashlib.sha256(salt + entry.note.encode()).hexdigest(),
        "commitment": commitment(salt, entry.private).hex(),
        "salt": salt.hex(),
        "fields": dict(entry.private),
        "note": entry.note,
        "legs": [
            {"line": line, "debit": leg.debit, "credit": leg.credit, "amount": leg.amount_minor}
            for line, leg in enumerate(entry.legs)
        ],
    }


def _existing(executor: Session | Connection, entries: Sequence[NewEntry]) -> dict[tuple[int, str], PostedEntry]:
    """Entries that were there before, after comparing what they say.

    The effective day is not compared: a fact reported again after midnight is the same fact, and its first day
    stands. Private fields are not either: they may have been erased.
    """
    given = {
        "book_id": [entry.book_id for entry in entries],
        "key": [entry.idempotency_key for entry in entries],
    }
    rows = cast(
        "Sequence[tuple[int, int, str, list[str | None], list[list[object]]]]",
        executor.execute(_READ_EXISTING, given).all(),
    )
    found = {
        (book_id, key): (entry_id, tuple(content), [tuple(leg) for leg in legs])
        for entry_id, book_id, key, content, legs in rows
    }
    known = {}
    for entry in entries:
        entry_id, content, legs = found[_key(entry)]
        if (content, legs) != _content(entry):
            raise ExistsWithDifferentContent(key=entry.idempotency_key)
        known[_key(entry)] = PostedEntry(entry_id, False)
    return known


def _content(entry: NewEntry) -> tuple[tuple[object, ...], list[tuple[object, ...]]]:
    document = None if entry.document_sha256 is None else entry.document_sha256.hex()
    reverses = None if entry.reverses is None else str(entry.reverses)
    facts = (entry.reason.value, entry.campaign, entry.reference, reverses, document)
    return facts, [(leg.debit, leg.credit, leg.amount_minor) for leg in entry.legs]


_INSERT = Statement(
    """
    WITH given AS (
      SELECT *
      FROM json_to_recordset(CAST(%(entries)s AS json)) AS entry(
        book_id bigint, reason text, campaign text, key text, reference text, effective_on date, reverses bigint,
        document text, note_sha256 text, commitment text, salt text, fields jsonb, note text, legs json
      )
    ), fresh AS (
      INSERT INTO entry (book_id, reason, campaign, idempotency_key, reference, effective_on, recorded_at, reverses,
                         document_sha256, note_sha256, commitment)
      SELECT book_id, reason, campaign, key, reference, effective_on, CAST(%(recorded_at)s AS timestamptz), reverses,
             decode(document, 'hex'), decode(note_sha256, 'hex'), decode(commitment, 'hex')
      FROM given ORDER BY book_id, key
      ON CONFLICT (book_id, idempotency_key) DO NOTHING
      RETURNING id, book_id, idempotency_key AS key
    ), legs AS (
      INSERT INTO transfer (entry_id, line, book_id, debit_id, credit_id, amount_minor)
      SELECT fresh.id, leg.line, fresh.book_id, debit.id, credit.id, leg.amount
      FROM fresh
      JOIN given USING (book_id, key)
      CROSS JOIN json_to_recordset(given.legs) AS leg(line smallint, debit text, credit text, amount bigint)
      LEFT JOIN account debit ON debit.book_id = fresh.book_id AND debit.code = leg.debit
      LEFT JOIN account credit ON credit.book_id = fresh.book_id AND credit.code = leg.credit
    ), private AS (
      INSERT INTO entry_private (entry_id, salt, fields, note)
      SELECT fresh.id, decode(given.salt, 'hex'), given.fields, given.note
      FROM fresh JOIN given USING (book_id, key)
    ), queued AS (
      INSERT INTO entry_pending (entry_id) SELECT id FROM fresh
    )
    SELECT id, book_id, key FROM fresh
    """
)

_READ_EXISTING = text(
    """
    SELECT entry.id, entry.book_id, entry.idempotency_key,
           ARRAY[entry.reason, entry.campaign, entry.reference, CAST(entry.reverses AS text),
                 encode(entry.document_sha256, 'hex')] AS content,
           (SELECT json_agg(json_build_array(debit.code, credit.code, transfer.amount_minor) ORDER BY transfer.line)
            FROM transfer
            JOIN account debit ON debit.id = transfer.debit_id
            JOIN account credit ON credit.id = transfer.credit_id
            WHERE transfer.entry_id = entry.id) AS legs
    FROM unnest(CAST(:book_id AS bigint[]), CAST(:key AS text[])) AS given(book_id, key)
    JOIN entry ON entry.book_id = given.book_id AND entry.idempotency_key = given.key
    """
)

_READ_FOR_REVERSAL = text(
    """
    SELECT entry.reason, entry.campaign, debit.code AS debit, credit.code AS credit, transfer.amount_minor
    FROM entry
    JOIN transfer ON transfer.entry_id = entry.id
    JOIN account debit ON debit.id = transfer.debit_id
    JOIN account credit ON credit.id = transfer.credit_id
    WHERE entry.book_id = :book_id AND entry.id = :entry_id
    ORDER BY transfer.line
    """
)
