"""What the bank must show by our books, and which lines of its statement are beyond doubt one of these.

The same amount, and either the reference that both sides carry, or, for a line that carries none, the one candidate of
those days that no other line could be. A line with another reference is other money until a person says that it is not:
it is never matched by its amount. Everything else stays visible until somebody says what it is. Nobody matches a book's
lines beside another.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from donate import clock
from donate.giving.reference_key import key_of
from donate.settling.bank_models import BankLine, BankLinePrivate, BankMatch

# A bank writes a day of its own on what the provider or we dated.
DAYS_APART = timedelta(days=5)
# A shorter reference may stand in another one by chance.
SHORTEST_KEY = 6


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something in the books that the bank must show: `key` is its reference as compared, `subject` names it."""

    met: BankMatch
    subject: str
    amount_minor: int
    on: date
    key: str

    @property
    def choice(self) -> str:
        """How a form names it."""
        return f"{self.met.value} {self.subject}"


@dataclass(slots=True)
class _Waiting:
    line: BankLine
    shown: tuple[str, str]  # the reference and the bank's words, as compared


def take_turns(session: Session, book_id: int) -> None:
    """Match the lines of this book alone, until the commit: no two lines are ever matched with one thing."""
    session.execute(_LOCK, {"book_id": book_id})


def match_waiting(session: Session, book_id: int) -> int:
    """Match every waiting line that is beyond doubt; how many. Asked again, it matches what was booked meanwhile."""
    take_turns(session, book_id)
    rows = session.execute(
        select(BankLine, BankLinePrivate.words)
        .outerjoin(BankLinePrivate, BankLinePrivate.line_id == BankLine.id)
        .where(BankLine.book_id == book_id, BankLine.met.is_(None), BankLine.met_by.is_(None))
        .order_by(BankLine.id)
    ).all()
    lines: dict[int, list[_Waiting]] = defaultdict(list)
    for line, words in rows:
        lines[line.amount_minor].append(_Waiting(line, (key_of(line.reference), key_of(words or ""))))
    open_ones: dict[int, list[Candidate]] = defaultdict(list)
    for one in candidates(session, book_id):
        open_ones[one.amount_minor].append(one)
    matched = sum(_match(waiting, open_ones[amount]) for amount, waiting in lines.items() if amount in open_ones)
    session.flush()
    return matched


def _match(waiting: list[_Waiting], open_ones: list[Candidate]) -> int:
    """Match lines and candidates of one amount."""
    matched = 0
    for by_reference in (True, False):
        for one in list(open_ones):
            fitting = [
                given for given in waiting if (carries(given.shown, one.key) if by_reference else _may_be(given, one))
            ]
            if len(fitting) != 1 or (not by_reference and _has_rival(fitting[0], one, open_ones)):
                continue
            open_ones.remove(one)
            waiting.remove(fitting[0])
            line = fitting[0].line
            line.met, line.subject, line.met_at = one.met.value, one.subject, clock.now()
            matched += 1
    return matched


def carries(shown: tuple[str, str], key: str) -> bool:
    """Whether a line, by its reference and the bank's words as compared, carries the reference of a candidate."""
    return key == shown[0] != "" or (len(key) >= SHORTEST_KEY and any(key in one for one in shown))


def _may_be(given: _Waiting, one: Candidate) -> bool:
    """Whether the amount and the days alone may say it: not where the line's own reference says something else."""
    return not given.shown[0] and _is_near(given.line, one)


def _is_near(line: BankLine, one: Candidate) -> bool:
    return abs(line.booked_on - one.on) <= DAYS_APART


def _has_rival(given: _Waiting, one: Candidate, open_ones: Sequence[Candidate]) -> bool:
    """Whether the line could be another thing as well: then a person decides."""
    return any(other is not one and _is_near(given.line, other) for other in open_ones)


def candidates(session: Session, book_id: int) -> list[Candidate]:
    """What the bank must show and no line of a statement was matched with."""
    rows = cast(
        "Sequence[tuple[str, str, int, date, str | None]]", session.execute(_CANDIDATES, {"book_id": book_id}).all()
    )
    return [
        Candidate(BankMatch(met), subject, int(amount_minor), on, key_of(reference or subject))
        for met, subject, amount_minor, on, reference in rows
    ]


# Held until the commit; the namespace 4123 is ours for bank statements.
_LOCK = text("SELECT pg_advisory_xact_lock(4123, CAST(:book_id % 2147483647 AS integer))")

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
      -- A platform pays out what it gathered in one sum.
      SELECT 'recorded_batch', CAST(batch.public_id AS text), sum(recorded.amount_minor), max(recorded.received_on),
             batch.source
      FROM recorded_batch batch JOIN recorded_donation recorded ON recorded.batch_id = batch.id
      WHERE batch.book_id = :book_id AND batch.state = 'confirmed' AND recorded.state = 'confirmed'
      GROUP BY batch.id, batch.public_id, batch.source
      UNION ALL
      SELECT 'disbursement', entry.idempotency_key, -transfer.amount_minor, entry.effective_on, entry.reference
      FROM entry
      JOIN transfer ON transfer.entry_id = entry.id
      JOIN account credit ON credit.id = transfer.credit_id AND credit.code = 'bank'
      WHERE entry.book_id = :book_id AND entry.reason = 'disbursement_paid'
        AND NOT EXISTS (SELECT FROM entry AS reversal WHERE reversal.reverses = entry.id)
    ) AS open_one
    WHERE NOT EXISTS (SELECT FROM bank_line WHERE bank_line.book_id = :book_id
                      AND bank_line.met = open_one.kind AND bank_line.subject = open_one.subject)
    ORDER BY day, subject
    """
)
