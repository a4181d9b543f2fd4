"""One book as the lines of the log tell it, and what its entries have in common."""

import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from donate.tlog import chart
from donate.tlog.counting import Counted

CSV_HEAD = (
    b"entry,line,day,book,reason,campaign,debit,credit,amount_minor,currency,reverses,document_sha256,note_sha256,"
    b"reference,settlement,commitment,leaf_hash\n"
)


@dataclass(slots=True)
class Book:
    """One book as far as it was read: [debits, credits] by account, sums, and what is hashed for its next close."""

    currency: bytes
    accounts: dict[bytes, list[int]] = field(default_factory=dict)
    campaigns: set[bytes] = field(default_factory=set)
    entry_count: int = 0
    turnover: int = 0
    csv: Any = field(default_factory=lambda: hashlib.sha256(CSV_HEAD))
    rows: list[bytes] = field(default_factory=list)  # not in `csv` yet
    closed_count: int = 0
    closed_on: date | None = None
    counted: Counted = field(default_factory=dict)

    def hash_rows(self) -> None:
        self.csv.update(b"".join(self.rows))
        self.rows.clear()

    def taken_back(self) -> dict[bytes, int]:
        """By account: what refunds, lost disputes and reversals took from it, less what came back."""
        taken: dict[bytes, int] = {}
        for (debit, credit, counted_as, is_back, _), (amount, _) in self.counted.items():
            for code, sign in zip((debit, credit), chart.taken_back(counted_as.decode(), is_back=is_back), strict=True):
                taken[code] = taken.get(code, 0) + sign * amount
        return taken

    def trial_balance(self) -> str:
        """`code,debits,credits` for every account that was moved, by ascending code."""
        moved = sorted((code, sums) for code, sums in self.accounts.items() if sums != [0, 0])
        return "".join(f"{code.decode()},{debits},{credits}\n" for code, (debits, credits) in moved)


@dataclass(frozen=True, slots=True)
class Way:
    """What all entries of one leg share that move money from one account to another for one reason: checked once, and
    where each of them is added up."""

    book: Book
    debit: list[int]
    credit: list[int]
    counted: list[int]
    reason_number: int
    turned_round: int  # a hash, see _mirrored
    csv: bytes  # the middle of their row


@dataclass(frozen=True, slots=True)
class Alike:
    """What the rows of entries share that differ in commitment, day, amount and number alone."""

    way: Way
    before_amount: bytes
    before_cm: bytes
