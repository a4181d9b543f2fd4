"""The bank statement meets settlements, recorded donations and disbursements.

Only what is beyond doubt is matched by itself: the same amount, and either the reference that both sides carry, or the
one candidate of those days that no other line could be. Everything else stays visible until a person says what it is.
A match books nothing, since both sides stand in the ledger already; a bank charge and interest do.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError
from donate.giving.reference_key import key_of
from donate.ledger import journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.models import Book
from donate.settling.bank_forms import StatementRow
from donate.settling.bank_models import BankLine, BankLinePrivate, BankMatch, BankStatement

# A bank writes a day of its own on what the provider or we dated.
DAYS_APART = timedelta(days=5)
# A shorter reference may stand in another one by chance.
SHORTEST_KEY = 6


class LineAlreadyMatched(DonateError):
    sentence = N_("Somebody said already what this line is.")
    status = 409


class NoteNeeded(DonateError):
    sentence = N_("Say in a few words what this is.")
    field = "note"


class NoSuchMatch(DonateError):
    sentence = N_("Nothing that fits is open under this choice: the amounts must be equal, and each counts once.")
    field = "subject"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something in the books that the bank must show: `key` is its reference as compared, `subject` names it."""

    met: BankMatch
    subject: str
    amount_minor: int
    on: date
    key: str


def upload(session: Session, book: Book, rows: Sequence[StatementRow], *, by: int, sha256: bytes) -> BankStatement:
    """Keep the lines that no earlier file had, and match what can be matched by itself."""
    statement = BankStatement(
        book_id=book.id,
        file_sha256=sha256,
        line_count=len(rows),
        new_count=len(_new(session, book.id, rows)),
        uploaded_by=by,
    )
    session.add(statement)
    session.flush()
    words = {(row.booked_on, row.amount_minor, row.reference, row.running_number): row.words for row in rows}
    for start in range(0, len(rows), 1000):
        _write(session, book.id, statement.id, rows[start : start + 1000], words)
    match_waiting(session, book.id)
    return statement


_Identity = tuple[date, int, str, str]


def _new(session: Session, book_id: int, rows: Iterable[StatementRow]) -> set[_Identity]:
    identities = {(row.booked_on, row.amount_minor, row.reference, row.running_number) for row in rows}
    known = session.execute(
        select(BankLine.booked_on, BankLine.amount_minor, BankLine.reference, BankLine.running_number).where(
            BankLine.book_id == book_id, BankLine.booked_on.in_({identity[0] for identity in identities})
        )
    )
    return identities - {(on, amount, reference, number) for on, amount, reference, number in known}


def _write(
    session: Session, book_id: int, statement_id: int, rows: Sequence[StatementRow], words: Mapping[_Identity, str]
) -> None:
    written = session.execute(
        insert(BankLine)
        .values(
            [
                {
                    "book_id": book_id,
                    "statement_id": statement_id,
                    "booked_on": row.booked_on,
                    "amount_minor": row.amount_minor,
                    "reference": row.reference,
                    "running_number": row.running_number,
                }
                for row in rows
            ]
        )
        .on_conflict_do_nothing(constraint="bank_line_once_key")
        .returning(BankLine.id, BankLine.booked_on, BankLine.amount_minor, BankLine.reference, BankLine.running_number)
    ).all()
    private = [
        {"line_id": line_id, "words": words[(on, amount, reference, number)], "note": ""}
        for line_id, on, amount, reference, number in written
    ]
    if private:
        session.execute(insert(BankLinePrivate), private)


def match_waiting(session: Session, book_id: int) -> int:
    """Match every waiting line that is beyond doubt; how many. Asked again, it matches what was booked meanwhile."""
    lines = session.execute(
        select(BankLine, BankLinePrivate.words)
        .outerjoin(BankLinePrivate, BankLinePrivate.line_id == BankLine.id)
        .where(BankLine.book_id == book_id, BankLine.met.is_(None))
        .order_by(BankLine.id)
        .with_for_update(of=BankLine)
    ).all()
    open_ones = candidates(session, book_id)
    matched = 0
    for by_reference in (True, False):
        for line, words in lines:
            if line.met is not None:
                continue
            fitting = [one for one in open_ones if _fits(line, words or "", one, by_reference=by_reference)]
            if len(fitting) != 1 or (not by_reference and _has_rival(lines, line, fitting[0])):
                continue
            open_ones.remove(fitting[0])
            line.met, line.subject, line.met_at = fitting[0].met.value, fitting[0].subject, clock.now()
            matched += 1
    session.flush()
    return matched


def _fits(line: BankLine, words: str, one: Candidate, *, by_reference: bool) -> bool:
    if line.amount_minor != one.amount_minor:
        return False
    if not by_reference:
        return abs(line.booked_on - one.on) <= DAYS_APART
    shown = (key_of(line.reference), key_of(words))
    return one.key == shown[0] != "" or (len(one.key) >= SHORTEST_KEY and any(one.key in key for key in shown))


def _has_rival(lines: Sequence[object], line: BankLine, one: Candidate) -> bool:
    """Whether another waiting line could be the same thing: then a person decides."""
    others = [other for other, _ in cast("Sequence[tuple[BankLine, str | None]]", lines)]
    return any(
        other is not line and other.met is None and _fits(other, "", one, by_reference=False) for other in others
    )


def candidates(session: Session, book_id: int) -> list[Candidate]:
    """What the bank must show and no line of a statement was matched with."""
    rows = cast(
        "Sequence[tuple[str, str, int, date, str | None]]", session.execute(_CANDIDATES, {"book_id": book_id}).all()
    )
    return [
        Candidate(BankMatch(met), subject, int(amount_minor), on, key_of(reference or subject))
        for met, subject, amount_minor, on, reference in rows
    ]


def match_by_hand(session: Session, line: BankLine, subject: str, *, by: int, note: str) -> None:
    """A person names what a waiting line is, out of what is open. `subject` is "<kind> <subject>"."""
    _require_open(line)
    kind, _, named = subject.partition(" ")
    fitting = [
        one
        for one in candidates(session, line.book_id)
        if (one.met.value, one.subject, one.amount_minor) == (kind, named, line.amount_minor)
    ]
    if not fitting:
        raise NoSuchMatch
    line.met, line.subject = kind, named
    _sign(session, line, by, note)


def say(session: Session, line: BankLine, what: BankMatch, *, by: int, note: str) -> None:
    """A person says what a waiting line is: a bank charge or interest, which is booked, or something else."""
    _require_open(line)
    if what is BankMatch.EXPLAINED and not note.strip():
        raise NoteNeeded
    line.met = what.value
    if what in _BOOKED:
        line.entry_id = _post(session, line, *_BOOKED[what])
    _sign(session, line, by, note)


_BOOKED = {
    BankMatch.BANK_CHARGE: (Reason.BANK_CHARGE, "bank_charges"),
    BankMatch.INTEREST: (Reason.INTEREST, "interest"),
}


def _post(session: Session, line: BankLine, reason: Reason, code: str) -> int:
    debit, credit = ("bank", code) if line.amount_minor > 0 else (code, "bank")
    (posted,) = journal.post(
        session,
        [
            NewEntry(
                book_id=line.book_id,
                reason=reason,
                idempotency_key=f"bank-line:{line.id}",
                effective_on=line.booked_on,
                legs=(Leg(debit=debit, credit=credit, amount_minor=abs(line.amount_minor)),),
            )
        ],
    )
    return posted.entry_id


def _require_open(line: BankLine) -> None:
    if line.met is not None:
        raise LineAlreadyMatched


def _sign(session: Session, line: BankLine, by: int, note: str) -> None:
    line.met_by, line.met_at = by, clock.now()
    private = session.get(BankLinePrivate, line.id)
    if private is None:
        session.add(BankLinePrivate(line_id=line.id, note=note.strip()))
    else:
        private.note = note.strip()
    session.flush()


# kind, subject, amount as the bank shows it, day, reference
_CANDIDATES = text(
    """
    SELECT * FROM (
      SELECT 'settlement' AS kind, settlement.payout_id AS subject, settlement.amount_minor AS amount,
             settlement.arrives_on AS day, settlement.bank_reference AS reference
      FROM settlement JOIN merchant_account merchant ON merchant.id = settlement.merchant_account_id
      WHERE merchant.book_id = :book_id AND settlement.entry_id IS NOT NULL
      UNION ALL
      SELECT 'settlement_returned', settlement.payout_id, -settlement.amount_minor, entry.effective_on,
             settlement.bank_reference
      FROM settlement JOIN entry ON entry.id = settlement.returned_entry_id
      WHERE entry.book_id = :book_id
      UNION ALL
      SELECT 'recorded_donation', CAST(recorded.public_id AS text), recorded.amount_minor, recorded.received_on,
             recorded.reference
      FROM recorded_donation recorded
      WHERE recorded.book_id = :book_id AND recorded.state = 'confirmed' AND recorded.channel <> 'platform'
      UNION ALL
      SELECT 'disbursement', entry.idempotency_key, -transfer.amount_minor, entry.effective_on, entry.reference
      FROM entry
      JOIN transfer ON transfer.entry_id = entry.id
      JOIN account credit ON credit.id = transfer.credit_id AND credit.code = 'bank'
      WHERE entry.book_id = :book_id AND entry.reason = 'disbursement_paid'
    ) AS open_one
    WHERE NOT EXISTS (SELECT FROM bank_line WHERE bank_line.book_id = :book_id
                      AND bank_line.met = open_one.kind AND bank_line.subject = open_one.subject)
    ORDER BY day, subject
    """
)
