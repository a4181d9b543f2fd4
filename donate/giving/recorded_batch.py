"""Another platform's file of donations: looked through, entered as one batch, confirmed as one by another person.

A row that stands in the books already is known by its reference, so that the same file sent again changes nothing.
"""

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError, NotFound
from donate.giving.other_money import numbers_known, twins_of_batch, why_other
from donate.giving.recorded import (
    DecidedAlready,
    NoFundYet,
    OwnEntry,
    entry_of,
    funded_campaigns,
    new_secret,
    reason_of,
)
from donate.giving.recorded_forms import BatchRow, read_batch
from donate.giving.recorded_models import Channel, RecordedBatch, RecordedDonation, RecordedFile, RecordedState
from donate.giving.reference_key import key_of
from donate.giving.shortfall import lower_cover
from donate.giving.sources import source_key_of
from donate.ledger import journal
from donate.ledger.models import Book
from donate.ledger.release import release_credits

# Entries that one statement books: large enough to be fast, small enough that its JSON stays a few hundred KB.
CHUNK = 1_000


class NothingToEnter(DonateError):
    sentence = N_("No row of this file is new, so there is nothing to enter.")
    status = 409


class OthersUpload(DonateError):
    sentence = N_("Somebody else looked this file through; they enter it, and you may confirm it.")
    status = 409


class FileErased(DonateError):
    sentence = N_("The file of this batch was erased. Its donations and its hash are still on record.")
    status = 409


class Verdict(StrEnum):
    """What becomes of a row of an uploaded file."""

    NEW = "new"
    SEEN = "seen"
    DIFFERS = "differs"
    BAD = "bad"
    ELSEWHERE = "elsewhere"

    @property
    def sentence(self) -> str:
        return _VERDICTS[self]


_VERDICTS = {
    Verdict.NEW: N_("New"),
    Verdict.SEEN: N_("Recorded before"),
    Verdict.DIFFERS: N_("Differs from what was recorded before"),
    Verdict.BAD: N_("Cannot be read"),
    Verdict.ELSEWHERE: N_("New, and its number stands in the books under another source"),
}


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A row of the file with its verdict; for one that differs, what stands in the books."""

    row: BatchRow
    verdict: Verdict
    error: DonateError | None = None
    before: tuple[int, date, str] | None = None  # amount in minor units, day, campaign


@dataclass(frozen=True, slots=True)
class JudgedFile:
    """Every row of a file with its verdict, as things stand now."""

    rows: tuple[JudgedRow, ...]

    @property
    def counts(self) -> Counter[Verdict]:
        return Counter(judged.verdict for judged in self.rows)

    @property
    def new(self) -> list[BatchRow]:
        return [judged.row for judged in self.rows if judged.verdict in (Verdict.NEW, Verdict.ELSEWHERE)]

    @property
    def new_minor(self) -> int:
        return sum(row.new.amount_minor for row in self.new if row.new is not None)

    @property
    def unclear(self) -> list[JudgedRow]:
        """Rows that somebody has to look at."""
        return [judged for judged in self.rows if judged.verdict not in (Verdict.NEW, Verdict.SEEN)]


def upload(session: Session, *, book: Book, source: str, content: bytes, by: int) -> RecordedBatch:
    """Keep a platform's file to be looked through; nothing is entered. Raises what read_batch raises of the file."""
    read_batch(content, source=source, currency=book.currency, today=clock.today(book.time_zone))
    batch = RecordedBatch(
        public_id=UUID(bytes=secrets.token_bytes(16), version=4),
        book_id=book.id,
        source=source,
        file_sha256=hashlib.sha256(content).digest(),
        uploaded_by=by,
    )
    session.add(batch)
    session.flush()
    session.add(RecordedFile(batch_id=batch.id, content=content))
    session.flush()
    return batch


def batch_by_public_id(session: Session, public_id: UUID) -> RecordedBatch:
    """Raises NotFound."""
    found = session.scalars(select(RecordedBatch).filter_by(public_id=public_id)).one_or_none()
    if found is None:
        raise NotFound
    return found


def file_of(session: Session, batch: RecordedBatch) -> bytes:
    """The bytes that were uploaded. Raises FileErased."""
    content = session.scalars(select(RecordedFile.content).filter_by(batch_id=batch.id)).one_or_none()
    if content is None:
        raise FileErased
    return content


def judge(session: Session, batch: RecordedBatch) -> JudgedFile:
    """The file's rows against what is recorded now. Raises FileErased."""
    book = session.get_one(Book, batch.book_id)
    today = clock.day_of(batch.uploaded_at, book.time_zone)
    rows = read_batch(file_of(session, batch), source=batch.source, currency=book.currency, today=today)
    funds = funded_campaigns(session, book.id)
    keys = [key_of(row.new.reference) for row in rows if row.new is not None]
    known = _recorded_before(session, batch, keys)
    elsewhere = numbers_known(session, book.host, keys) - known.keys()
    judged = []
    for row in rows:
        if row.new is None or row.new.campaign_ref not in funds:
            missing = NoFundYet(campaign=row.cells.get("campaign", "")[:40])
            judged.append(JudgedRow(row, Verdict.BAD, row.error or missing))
            continue
        facts = (row.new.amount_minor, row.new.received_on, row.new.campaign_ref)
        before = known.setdefault(key_of(row.new.reference), (facts, row.line))
        if before == (facts, row.line):
            is_known = key_of(row.new.reference) in elsewhere
            judged.append(JudgedRow(row, Verdict.ELSEWHERE if is_known else Verdict.NEW))
        elif before[0] == facts:
            judged.append(JudgedRow(row, Verdict.SEEN))
        else:
            judged.append(JudgedRow(row, Verdict.DIFFERS, before=before[0]))
    return JudgedFile(tuple(judged))


_Known = dict[str, tuple[tuple[int, date, str], int]]


def _recorded_before(session: Session, batch: RecordedBatch, keys: list[str]) -> _Known:
    """What stands under these references already, as if it had stood on line 0 of the file."""
    rows = session.execute(
        select(
            RecordedDonation.reference_key,
            RecordedDonation.amount_minor,
            RecordedDonation.received_on,
            RecordedDonation.campaign_ref,
        ).where(
            RecordedDonation.book_id == batch.book_id,
            RecordedDonation.channel == Channel.PLATFORM,
            RecordedDonation.source_key == source_key_of(batch.source),
            RecordedDonation.reference_key.in_(keys),
            RecordedDonation.state.in_((RecordedState.ENTERED, RecordedState.CONFIRMED)),
        )
    )
    return {key: ((amount, on, campaign), 0) for key, amount, on, campaign in rows}


def enter_batch(session: Session, batch: RecordedBatch, *, by: int) -> None:
    """Enter the file's new rows as one batch; entered twice, it is entered once.

    Raises OthersUpload, DecidedAlready, NothingToEnter, FileErased.
    """
    session.refresh(batch, with_for_update=True)
    if batch.uploaded_by != by:
        raise OthersUpload
    if batch.state == RecordedState.ENTERED:
        return
    if batch.state != RecordedState.CHECKED:
        raise DecidedAlready
    judged = judge(session, batch)
    now = clock.now()
    given = json.dumps([_row(row) for row in judged.new])
    facts = {"batch_id": batch.id, "by": by, "now": now, "rows": given}
    written: Sequence[Any] = session.execute(_ENTER, facts).all()
    if not written:
        raise NothingToEnter
    batch.state, batch.entered_at = RecordedState.ENTERED.value, now
    batch.donation_count = len(written)
    batch.amount_minor = sum(amount for (amount,) in written)
    session.flush()


def _row(row: BatchRow) -> dict[str, object]:
    new = row.new
    assert new is not None
    return {
        "public_id": str(UUID(bytes=secrets.token_bytes(16), version=4)),
        "source_key": source_key_of(new.source),
        "reference": new.reference,
        "reference_key": key_of(new.reference),
        "amount_minor": new.amount_minor,
        "received_on": new.received_on.isoformat(),
        "campaign_ref": new.campaign_ref,
        "name": new.name,
        "name_is_public": new.name_is_public,
        "agreement": new.agreement,
        "secret": new_secret(),
    }


def confirm_batch(session: Session, batch: RecordedBatch, *, by: int, other_money: str = "") -> None:
    """Book a batch that another person entered, all of it or nothing; confirmed twice, it is booked once.

    `other_money`: why the rows whose numbers stand elsewhere in the host's books are other money, where some are.
    Raises OwnEntry, DecidedAlready, OtherMoneyUnsaid, OtherMoneyTooLong.
    """
    session.refresh(batch, with_for_update=True)
    if batch.uploaded_by == by:
        raise OwnEntry
    if batch.state == RecordedState.CONFIRMED:
        return
    if batch.state != RecordedState.ENTERED:
        raise DecidedAlready
    twins = twins_of_batch(session, batch)
    words = why_other(other_money, twins)
    if twins:
        session.execute(_SAY_WHY, {"ids": sorted({twin.of for twin in twins}), "words": words})
    now = clock.now()
    after = 0
    while chunk := _chunk(session, batch, after):
        posted = journal.post(session, [entry_of(recorded, batch.file_sha256) for recorded in chunk])
        entry_ids = [entry.entry_id for entry in posted]
        ids = [recorded.id for recorded in chunk]
        session.execute(_CONFIRM, {"ids": ids, "entry_ids": entry_ids, "by": by, "now": now})
        release_credits(session, book_id=batch.book_id, entry_ids=entry_ids)
        after = ids[-1]
        for recorded in chunk:  # booked, and not to be looked through again at every flush
            session.expunge(recorded)
    batch.state, batch.decided_by, batch.decided_at = RecordedState.CONFIRMED.value, by, now
    session.flush()
    lower_cover(session, batch.book_id, session.get_one(Book, batch.book_id).time_zone)


def _chunk(session: Session, batch: RecordedBatch, after: int) -> Sequence[RecordedDonation]:
    return session.scalars(
        select(RecordedDonation)
        .where(RecordedDonation.batch_id == batch.id, RecordedDonation.id > after)
        .order_by(RecordedDonation.id)
        .limit(CHUNK)
    ).all()


def decline_batch(session: Session, batch: RecordedBatch, *, by: int, reason: str) -> None:
    """Put an entered batch aside, also by who entered it. Its rows may then be entered anew.

    Raises DecisionReasonMissing, DecidedAlready.
    """
    session.refresh(batch, with_for_update=True)
    words = reason_of(reason)
    if batch.state != RecordedState.ENTERED:
        raise DecidedAlready
    now = clock.now()
    batch.state, batch.decline_reason = RecordedState.DECLINED.value, words
    batch.decided_by, batch.decided_at = by, now
    session.flush()
    session.execute(_DECLINE, {"batch_id": batch.id, "by": by, "now": now, "reason": words})


def discard(session: Session, batch: RecordedBatch, *, by: int) -> None:
    """Give up a file that was looked through and not entered. Raises DecidedAlready."""
    session.refresh(batch, with_for_update=True)
    if batch.state != RecordedState.CHECKED:
        raise DecidedAlready
    batch.state = RecordedState.DECLINED.value
    batch.decided_by, batch.decided_at = by, clock.now()
    session.flush()


def forget_file(session: Session, batch_id: int) -> None:
    """Erase the file of a batch; wants a session of the eraser."""
    session.execute(text("DELETE FROM recorded_file WHERE batch_id = :id"), {"id": batch_id})


_ENTER = text(
    """
    WITH given AS (
      SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS new(
        public_id uuid, source_key text, reference text, reference_key text, amount_minor bigint, received_on date,
        campaign_ref text, name text, name_is_public boolean, agreement text, secret text)
    ), written AS (
      INSERT INTO recorded_donation (
        public_id, book_id, batch_id, channel, source, source_key, reference, reference_key, amount_minor,
        received_on, campaign_ref, name_is_public, agreement, secret, state, entered_by, entered_at, decline_reason,
        other_money)
      SELECT given.public_id, batch.book_id, batch.id, 'platform', batch.source, given.source_key, given.reference,
             given.reference_key, given.amount_minor, given.received_on, given.campaign_ref, given.name_is_public,
             given.agreement, given.secret, 'entered', :by, :now, '', ''
      FROM given CROSS JOIN recorded_batch batch
      WHERE batch.id = :batch_id
      ORDER BY given.reference_key
      ON CONFLICT DO NOTHING
      RETURNING id, public_id, amount_minor
    ), named AS (
      INSERT INTO recorded_private (recorded_id, name)
      SELECT written.id, given.name FROM written JOIN given USING (public_id) WHERE given.name IS NOT NULL
    )
    SELECT amount_minor FROM written
    """
)

_CONFIRM = text(
    """
    UPDATE recorded_donation SET state = 'confirmed', entry_id = given.entry_id, decided_by = :by, decided_at = :now
    FROM unnest(CAST(:ids AS bigint[]), CAST(:entry_ids AS bigint[])) AS given(id, entry_id)
    WHERE recorded_donation.id = given.id AND recorded_donation.state = 'entered'
    """
)

_SAY_WHY = text("UPDATE recorded_donation SET other_money = :words WHERE id = ANY(CAST(:ids AS bigint[]))")

_DECLINE = text(
    """
    UPDATE recorded_donation SET state = 'declined', decided_by = :by, decided_at = :now, decline_reason = :reason
    WHERE batch_id = :batch_id AND state = 'entered'
    """
)
