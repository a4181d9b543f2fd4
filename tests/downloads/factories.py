"""Books with one of everything that moves money, over days and months, and their files."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count

from donate import clock
from donate.db import Database
from donate.downloads import months
from donate.downloads.entries import Head, LoggedEntry
from donate.downloads.files import FILES, stream
from donate.downloads.months import BookMonth
from donate.ledger import books, journal
from donate.ledger.chart import STANDARD_CODES, Reason, kind_of
from donate.ledger.journal import Leg, NewEntry
from donate.publiclog.publishing import Publisher
from donate.publiclog.queries import position
from donate.sequencer import drain
from tests.ledger.factories import donation, open_book

NOON = datetime(2026, 9, 28, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SCHOOL = "payable:school-03"

# Reason and legs of one of everything: debit, credit.
EVERYTHING: tuple[tuple[Reason, tuple[tuple[str, str], ...]], ...] = (
    (Reason.OPENING, (("bank", "opening"),)),
    (Reason.DONATION, (("clearing", "fund:rice"),)),
    (Reason.DONATION, (("clearing", "fund:soup"),)),
    (Reason.RECORDED_DONATION, (("bank", "fund:rice"),)),
    (Reason.RECORDED_DONATION, (("bank", "fee_cover"),)),
    (Reason.JAR_FILLED, (("clearing", "jar"),)),
    (Reason.JAR_DIRECTED, (("jar", "fund:soup"),)),
    (Reason.PROCESSING_FEE, (("fund:rice", "clearing"), ("fee_cover", "fund:rice"))),
    (Reason.FEE_COVERED, (("fee_cover", "fund:soup"),)),
    (Reason.REFUND, (("fund:rice", "clearing"),)),
    (Reason.REFUND, (("fund:soup", "bank"),)),
    (Reason.REFUND_FAILED, (("clearing", "fund:rice"),)),
    (Reason.DISPUTE_OPENED, (("disputed", "clearing"),)),
    (Reason.DISPUTE_WON, (("clearing", "disputed"),)),
    (Reason.DISPUTE_LOST, (("fund:soup", "disputed"),)),
    (Reason.DISPUTE_FEE, (("general", "clearing"),)),
    (Reason.DISPUTE_FEE, (("dispute_fees", "clearing"),)),
    (Reason.SHORTFALL_COVERED, (("general", "fund:soup"),)),
    (Reason.SETTLEMENT, (("bank", "clearing"),)),
    (Reason.SETTLEMENT_FAILED, (("clearing", "bank"),)),
    (Reason.BANK_CHARGE, (("bank_charges", "bank"),)),
    (Reason.INTEREST, (("bank", "interest"),)),
    (Reason.MATCH, (("match", "fund:rice"),)),
    (Reason.DISBURSEMENT_APPROVED, (("fund:rice", SCHOOL),)),
    (Reason.DISBURSEMENT_PAID, ((SCHOOL, "bank"),)),
    (Reason.DISBURSEMENT_RETURNED, (("bank", "fund:rice"),)),
    (Reason.SURPLUS_MOVED, (("fund:rice", "fund:soup"),)),
    (Reason.PROVIDER_ADJUSTMENT, (("clearing", "suspense"),)),
    (Reason.SUSPENSE_CLEARED, (("suspense", "fund:rice"), ("suspense", "processing_fees"))),
)
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class TwoBooks:
    """A book in yuan and one in yen, numbered and closed from September into November."""

    database: Database
    size: int

    def month(self, book: str, month: date, size: int | None = None) -> BookMonth:
        with self.database.reading() as session:
            found = months.one(session, size or self.size, book, month)
        assert found is not None
        return found

    def months(self, book: str) -> list[BookMonth]:
        with self.database.reading() as session:
            return months.months(session, self.size, book)


def everything(book_id: int, chance: random.Random, on: date) -> list[NewEntry]:
    """One of everything with amounts by chance, in any order; the two of a campaign name it."""
    entries = [_entry(book_id, chance, on, reason, legs) for reason, legs in EVERYTHING]
    chance.shuffle(entries)
    return entries


def _entry(book_id: int, chance: random.Random, on: date, reason: Reason, legs: Sequence[tuple[str, str]]) -> NewEntry:
    amounts = [chance.choice([1, 99, 1500, chance.randrange(1, 10**9)]) for _ in legs]
    number = next(_numbers)
    return donation(
        book_id,
        reason=reason,
        idempotency_key=f"{reason}:{number}",
        effective_on=on,
        campaign="rice" if any("fund:rice" in leg for leg in legs) else None,
        legs=tuple(
            Leg(debit=debit, credit=credit, amount_minor=minor)
            for (debit, credit), minor in zip(legs, amounts, strict=True)
        ),
        reference={Reason.SETTLEMENT: f"po_{number}", Reason.INTEREST: f"2026/{number}"}.get(reason),
        document_sha256=b"d" * 32 if reason is Reason.DISBURSEMENT_PAID else None,
        private={"name": "=1+1, “A”"} if reason is Reason.DONATION else {},
        note='错的，"quoted", +1' if reason is Reason.SURPLUS_MOVED else "",
    )


def two_books(database: Database, publisher: Publisher | None) -> TwoBooks:
    """A day of everything in each book for six days around a month's end, one of them with late entries."""
    chance = random.Random(11)
    with clock.frozen_at(NOON), database.transaction() as session:
        yuan = open_book(session, ref="hearth-cny", currency="CNY")
        yen = open_book(session, ref="hearth.jpy", currency="JPY", time_zone="Asia/Tokyo")
        for book_id in (yuan, yen):
            books.open_account(session, book_id=book_id, code=SCHOOL)
    for days in (0, 1, 2, 4, 35, 36):
        moment = NOON + days * DAY
        late = 6 if days == 4 else 0  # of the month before, numbered after its end
        with clock.frozen_at(moment):
            _book_day(database, chance, yuan, moment.date() - late * DAY)
            if days != 2:
                _book_day(database, chance, yen, moment.date())
            drain(database, publisher)
    with database.reading() as session:
        return TwoBooks(database, log_size(session))


def log_size(session) -> int:
    """How many leaves there are, signed or not."""
    newest = position(session).newest
    return 0 if newest is None else newest + 1


def _book_day(database: Database, chance: random.Random, book_id: int, on: date) -> None:
    with database.transaction() as session:
        posted = journal.post(session, everything(book_id, chance, on))
        journal.reverse(
            session,
            book_id=book_id,
            entry_id=posted[3].entry_id,
            idempotency_key=f"reversal:{next(_numbers)}",
            effective_on=on,
            note="booked twice",
        )


def file_of(database: Database, wanted: BookMonth, name: str) -> bytes:
    """One file's bytes."""
    with database.reading() as session:
        return b"".join(stream(session, wanted, FILES[name]))


def head(**overrides) -> Head:
    """A month of a book in yuan with the standard accounts and nothing before it."""
    accounts = {code: kind_of(code).account_class.value for code in (*STANDARD_CODES, "fund:rice", "fund:soup")}
    facts = {
        "book": "hearth",
        "currency": "CNY",
        "month": date(2026, 11, 1),
        "size": 100,
        "accounts": accounts,
        "opening": {},
    }
    return Head(**(facts | overrides))


def logged(**overrides) -> LoggedEntry:
    """A donation of 15.00 as a leaf has it."""
    seq = next(_numbers)
    facts = {
        "seq": seq,
        "day": "2026-11-23",
        "reason": "donation",
        "why": "donation",
        "campaign": "rice",
        "legs": (("clearing", "fund:rice", 1500),),
        "rev": "",
        "doc": "",
        "note": "",
        "ref": "",
        "settle": "",
        "cm": "c" * 64,
        "leaf_hash": "f" * 64,
    }
    return LoggedEntry(**(facts | overrides))


def text(pieces: Iterable[str]) -> str:
    return "".join(pieces)
