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
from typing import Literal, cast

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from donate import clock
from donate.giving.reference_key import key_of
from donate.settling.bank_models import BankLine, BankLinePrivate, BankMatch

# A bank writes a day of its own on what the provider or we dated.
DAYS_APART = timedelta(days=5)
# A shorter reference may stand in another one by chance.
SHORTEST_KEY = 6
How = Literal["amount", "reference", "hand"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something in the books that the bank must show: `key` is its reference as compared, `subject` names it."""

    met: BankMatch
    subject: str
    amount_minor: int
    on: date
    key: str
    # How it may be matched: by itself by reference or amount; by itself by reference alone (what a platform mostly pays
    # out with others); by a person alone, as another sum of what stands in the list already.
    how: How = "amount"

    @property
    def is_other_sum(self) -> bool:
        return self.how == "hand"

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
        if not one.is_other_sum:
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
    return one.how == "amount" and not given.shown[0] and _is_near(given.line, one)


def _is_near(line: BankLine, one: Candidate) -> bool:
    return abs(line.booked_on - one.on) <= DAYS_APART


def _has_rival(given: _Waiting, one: Candidate, open_ones: Sequence[Candidate]) -> bool:
    """Whether the line could be another thing as well: then a person decides."""
    return any(other is not one and _is_near(given.line, other) for other in open_ones)


def candidates(session: Session, book_id: int) -> list[Candidate]:
    """What the bank must show and no line of a statement was matched with."""
    rows = cast(
        "Sequence[tuple[str, str, int, date, str | None, How]]",
        session.execute(_CANDIDATES, {"book_id": book_id}).all(),
    )
    return [
        Candidate(BankMatch(met), subject, int(amount_minor), on, key_of(reference or subject), how)
        for met, subject, amount_minor, on, reference, how in rows
    ]


# Held until the commit; the namespace 4123 is ours for bank statements.
_LOCK = text("SELECT pg_advisory_xact_lock(4123, CAST(:book_id % 2147483647 AS integer))")

# kind, subject, amount as the bank shows it, day, reference, how it may be matched
_CANDIDATES = text(
    """
    WITH part AS MATERIALIZED (
      SELECT * FROM platform_part WHERE book_id = :book_id
    ), whole AS (
      SELECT batch_id, sum(amount_minor) AS minor, max(received_on) AS day FROM part GROUP BY batch_id
    ), own AS (
      SELECT own_batch_id, sum(amount_minor) AS minor, max(received_on) AS day FROM part GROUP BY own_batch_id
    )
    SELECT * FROM (
      SELECT 'settlement' AS kind, settlement.payout_id AS subject, settlement.amount_minor AS amount,
             settlement.arrives_on AS day, settlement.bank_reference AS reference, 'amount' AS how
      FROM settlement JOIN merchant_account merchant ON merchant.id = settlement.merchant_account_id
      WHERE merchant.book_id = :book_id AND settlement.entry_id IS NOT NULL
      UNION ALL
      SELECT 'settlement_returned', settlement.payout_id, -settlement.amount_minor, entry.effective_on,
             settlement.bank_reference, 'amount'
      FROM settlement JOIN entry ON entry.id = settlement.returned_entry_id
      WHERE entry.book_id = :book_id
      UNION ALL
      SELECT 'recorded_donation', CAST(recorded.public_id AS text), recorded.amount_minor, recorded.received_on,
             recorded.reference, 'amount'
      FROM recorded_donation recorded
      WHERE recorded.book_id = :book_id AND recorded.state = 'confirmed' AND recorded.channel <> 'platform'
      UNION ALL
      -- One that a platform paid out alone, or after the payout of its file was matched without it.
      SELECT 'recorded_donation', CAST(recorded.public_id AS text), recorded.amount_minor, recorded.received_on,
             recorded.reference, 'reference'
      FROM part JOIN recorded_donation recorded ON recorded.id = part.recorded_id
      LEFT JOIN recorded_batch batch ON batch.id = part.batch_id
      WHERE part.own_batch_id IS NULL AND (part.batch_id IS NULL OR EXISTS (
        SELECT FROM bank_line line JOIN whole ON whole.batch_id = part.batch_id
        WHERE line.book_id = :book_id AND line.met = 'recorded_batch' AND line.subject = CAST(batch.public_id AS text)
          AND line.amount_minor <> whole.minor))
      UNION ALL
      -- A platform pays out what it gathered in one sum: what stands of it, with what was recorded anew of it.
      SELECT 'recorded_batch', CAST(batch.public_id AS text), whole.minor, whole.day, batch.source, 'amount'
      FROM whole JOIN recorded_batch batch ON batch.id = whole.batch_id
      WHERE batch.state = 'confirmed'
      UNION ALL
      -- Or without what was recorded anew, should the platform have paid that out later.
      SELECT 'recorded_batch', CAST(batch.public_id AS text), own.minor, own.day, batch.source, 'hand'
      FROM own JOIN recorded_batch batch ON batch.id = own.own_batch_id
      LEFT JOIN whole ON whole.batch_id = batch.id
      WHERE batch.state = 'confirmed' AND own.minor IS DISTINCT FROM whole.minor
      UNION ALL
      SELECT 'recorded_refund', CAST(refund.public_id AS text), -refund.amount_minor, refund.sent_on, refund.reference,
             'amount'
      FROM recorded_refund refund
      WHERE refund.book_id = :book_id AND refund.state IN ('booked', 'returned')
      UNION ALL
      SELECT 'recorded_refund_returned', CAST(refund.public_id AS text), refund.amount_minor, refund.undo_on,
             refund.reference, 'amount'
      FROM recorded_refund refund
      WHERE refund.book_id = :book_id AND refund.state = 'returned'
      UNION ALL
      SELECT 'cover_fill', entry.idempotency_key, transfer.amount_minor, entry.effective_on,
             private.fields->>'reference', 'amount'
      FROM entry
      JOIN transfer ON transfer.entry_id = entry.id
      JOIN account debit ON debit.id = transfer.debit_id AND debit.code = 'bank'
      JOIN account credit ON credit.id = transfer.credit_id AND credit.code = 'fee_cover'
      LEFT JOIN entry_private private ON private.entry_id = entry.id
      WHERE entry.book_id = :book_id AND entry.reason = 'recorded_donation' AND entry.campaign IS NULL
        AND NOT EXISTS (SELECT FROM entry AS reversal WHERE reversal.reverses = entry.id)
      UNION ALL
      SELECT CASE entry.reason WHEN 'disbursement_paid' THEN 'disbursement' ELSE 'disbursement_returned' END,
             entry.idempotency_key,
             CASE WHEN credit.code = 'bank' THEN -transfer.amount_minor ELSE transfer.amount_minor END,
             entry.effective_on, entry.reference, 'amount'
      FROM entry
      JOIN transfer ON transfer.entry_id = entry.id
      JOIN account debit ON debit.id = transfer.debit_id
      JOIN account credit ON credit.id = transfer.credit_id
      WHERE entry.book_id = :book_id AND entry.reason IN ('disbursement_paid', 'disbursement_returned')
        AND 'bank' IN (debit.code, credit.code)
        AND NOT EXISTS (SELECT FROM entry AS reversal WHERE reversal.reverses = entry.id)
    ) AS open_one
    WHERE NOT EXISTS (SELECT FROM bank_line WHERE bank_line.book_id = :book_id
                      AND bank_line.met = open_one.kind AND bank_line.subject = open_one.subject)
    ORDER BY day, subject
    """
)
