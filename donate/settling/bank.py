"""The bank statement as a treasurer brings it: its lines are kept once, and a person says what the doubtful ones are.

A match books nothing, since both sides stand in the ledger already; a bank charge and interest do. What was said by
mistake is taken back with a note, and what it had booked is reversed.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sqlalchemy import func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError
from donate.ledger import journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.models import Book, Entry
from donate.settling.bank_forms import StatementRow
from donate.settling.bank_matching import candidates, match_waiting, take_turns
from donate.settling.bank_models import BankLine, BankLinePrivate, BankMatch, BankStatement
from donate.text import TextTooLong, clean_text

NOTE_LENGTH = 500


class LineAlreadyMatched(DonateError):
    sentence = N_("Somebody said already what this line is.")
    status = 409


class NoteNeeded(DonateError):
    sentence = N_("Say in a few words what this is.")
    field = "note"


class LineNotMatched(DonateError):
    sentence = N_("Nobody has said yet what this line is.")
    status = 409


class NoteTooLong(TextTooLong):
    field = "note"


class NoSuchMatch(DonateError):
    sentence = N_("Nothing that fits is open under this choice: the amounts must be equal, and each counts once.")
    field = "subject"


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
    _learn_balances(session, book.id, rows)
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
                    "balance_minor": row.balance_minor,
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


def _learn_balances(session: Session, book_id: int, rows: Iterable[StatementRow]) -> None:
    """Lines that an earlier file had without what the account held after them."""
    told = [row for row in rows if row.balance_minor is not None]
    if told:
        facts: dict[str, object] = {
            "days": [row.booked_on for row in told],
            "amounts": [row.amount_minor for row in told],
            "references": [row.reference for row in told],
            "numbers": [row.running_number for row in told],
            "balances": [row.balance_minor for row in told],
        }
        session.execute(_LEARN_BALANCES, facts | {"book_id": book_id})


_LEARN_BALANCES = text(
    """
    UPDATE bank_line SET balance_minor = given.balance
    FROM unnest(CAST(:days AS date[]), CAST(:amounts AS bigint[]), CAST(:references AS text[]),
                CAST(:numbers AS text[]), CAST(:balances AS bigint[])) AS given(day, amount, reference, number, balance)
    WHERE bank_line.book_id = :book_id AND bank_line.booked_on = given.day AND bank_line.amount_minor = given.amount
      AND bank_line.reference = given.reference AND bank_line.running_number = given.number
      AND bank_line.balance_minor IS NULL
    """
)


def match_by_hand(session: Session, line: BankLine, subject: str, *, by: int, note: str) -> None:
    """A person names what a waiting line is, out of what is open. `subject` is "<kind> <subject>".

    Raises LineAlreadyMatched, NoteNeeded, NoteTooLong, NoSuchMatch; that last for another amount, too.
    """
    words = _words(note)
    _lock_open(session, line)
    kind, _, named = subject.partition(" ")
    fitting = [
        one
        for one in candidates(session, line.book_id)
        if (one.met.value, one.subject, one.amount_minor) == (kind, named, line.amount_minor)
    ]
    if not fitting:
        raise NoSuchMatch
    line.met, line.subject = kind, named
    _sign(session, line, by, words)


def say(session: Session, line: BankLine, what: BankMatch, *, by: int, note: str) -> None:
    """A person says what a waiting line is: a bank charge or interest, which is booked, or something else.

    Raises LineAlreadyMatched, NoteNeeded, NoteTooLong.
    """
    words = _words(note, is_needed=what is BankMatch.EXPLAINED)
    _lock_open(session, line)
    line.entry_id = _post(session, line, *_BOOKED[what]) if what in _BOOKED else None
    line.met = what.value
    _sign(session, line, by, words)


def take_back(session: Session, line: BankLine, *, by: int, note: str) -> None:
    """What was said of a line was a mistake: it waits again, and what was booked is reversed.

    Raises LineNotMatched, NoteNeeded, NoteTooLong.
    """
    words = _words(note)
    _lock(session, line)
    if line.met is None:
        raise LineNotMatched
    if line.entry_id is not None:
        journal.reverse(
            session,
            book_id=line.book_id,
            entry_id=line.entry_id,
            idempotency_key=f"bank-line-reversed:{line.entry_id}",
            effective_on=clock.today(session.get_one(Book, line.book_id).time_zone),
            note="",
        )
    # Whoever takes it back stays named, so that the line is never matched by itself again: now a person decides.
    line.met = line.subject = line.entry_id = line.met_at = None
    line.met_by = by
    _keep_note(session, line, words)


_BOOKED = {
    BankMatch.BANK_CHARGE: (Reason.BANK_CHARGE, "bank_charges"),
    BankMatch.INTEREST: (Reason.INTEREST, "interest"),
}


def _post(session: Session, line: BankLine, reason: Reason, code: str) -> int:
    debit, credit = ("bank", code) if line.amount_minor > 0 else (code, "bank")
    first = f"bank-line:{line.id}"
    earlier = session.scalar(
        select(func.count()).where(
            Entry.book_id == line.book_id,
            or_(Entry.idempotency_key == first, Entry.idempotency_key.startswith(f"{first}:", autoescape=True)),
        )
    )
    (posted,) = journal.post(
        session,
        [
            NewEntry(
                book_id=line.book_id,
                reason=reason,
                idempotency_key=f"{first}:{earlier + 1}" if earlier else first,
                effective_on=line.booked_on,
                legs=(Leg(debit=debit, credit=credit, amount_minor=abs(line.amount_minor)),),
            )
        ],
    )
    return posted.entry_id


def _words(note: str, *, is_needed: bool = True) -> str:
    words = clean_text(note, NOTE_LENGTH, NoteTooLong)
    if is_needed and not words:
        raise NoteNeeded
    return words


def _lock(session: Session, line: BankLine) -> None:
    """The line as it stands once everybody before us is done."""
    take_turns(session, line.book_id)
    session.refresh(line, with_for_update=True)


def _lock_open(session: Session, line: BankLine) -> None:
    _lock(session, line)
    if line.met is not None:
        raise LineAlreadyMatched


def _sign(session: Session, line: BankLine, by: int, words: str) -> None:
    line.met_by, line.met_at = by, clock.now()
    _keep_note(session, line, words)


def _keep_note(session: Session, line: BankLine, words: str) -> None:
    private = session.get(BankLinePrivate, line.id)
    if private is None:
        session.add(BankLinePrivate(line_id=line.id, note=words))
    else:
        private.note = words
    session.flush()
