"""The books as the public log alone tells them: every leaf taken in order, every sum made anew.

Nothing of this knows the database. It is what a stranger's program does, and what `donate verify` and the tests run.
"""

import hashlib
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from donate.errors import N_, DonateError
from donate.tlog import chart
from donate.tlog import leaf as leaves
from donate.tlog.canonical import NotCanonical
from donate.tlog.counting import Counted, count_leg, count_legs, rows_of
from donate.tlog.spelling import MAX_INTEGER

CSV_HEAD = (
    b"entry,line,day,book,reason,campaign,debit,credit,amount_minor,currency,reverses,document_sha256,note_sha256,"
    b"reference,settlement,commitment,leaf_hash\n"
)
_LETTERS = {"entry": ord("e"), "open": ord("o"), "document": ord("d"), "day": ord("y"), "close": ord("c")}
_ENTRY_LETTER = _LETTERS["entry"]
_REPLACED = ord("r")  # evidence that a later line took the place of
# Accounts that end below zero only by what was taken back from them.
_NOT_BELOW_ZERO = (b"fund:", b"payable:")


class BooksWrong(DonateError):
    """A leaf says what the leaves before it do not allow."""

    sentence = N_("Line %(seq)s of the log: %(problem)s")


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


class Books:
    """Takes leaves in log order. The first that does not fit raises BooksWrong or NotCanonical."""

    def __init__(self) -> None:
        self.books: dict[bytes, Book] = {}
        self.entry_count = 0
        self._size = 0
        self._days: set[bytes] = set()
        self._ways: dict[tuple[bytes, ...], Way] = {}
        self._policies: set[tuple[bytes, str]] = set()
        # For each index what a reversal of it would have to say (0: nothing can reverse it). Python's own hash, which
        # is drawn anew for each process, so that nobody can prepare two entries that look alike.
        self._mirrored = array("q")
        self._kinds = bytearray()  # for each index a letter of its kind
        self._reasons: dict[bytes, int] = {}
        self._reason_of = array("H")  # for each index the number of its reason

    def take(self, data: Sequence[bytes], hashes: Sequence[bytes]) -> bytes:
        """The next leaves, with their leaf hashes; the rows of the canonical CSV that they make."""
        rows: list[bytes] = []
        hexed = b"".join(hashes).hex().encode()
        for place, leaf in enumerate(data):
            found = _ENTRY(leaf)
            if found is not None and len(leaf) <= leaves.MAX_LEAF_BYTES:
                row = self._take_entry(found.groups(), hexed[place * 64 : place * 64 + 64])
                rows.append(row)
            else:
                self._take_other(leaf)
            self._size += 1
        for book in self.books.values():
            book.hash_rows()
        return b"".join(rows)

    def totals(self) -> list[str]:
        """The rows of the totals file, as of the lines taken so far."""
        books = sorted(self.books.items())
        return [row for name, book in books for row in rows_of(self._size, name, book.currency, book.counted)]

    def is_reversed(self, seq: int) -> bool:
        """Whether the entry at `seq`, which reverses nothing itself, was turned round by a later one."""
        return self._kinds[seq] == _ENTRY_LETTER and self._mirrored[seq] == 0

    def finish(self) -> None:
        """What has to hold at the end: no fund and no payable is below zero by more than what was taken back from it.

        Raises BooksWrong.
        """
        for name, book in self.books.items():
            taken = book.taken_back()
            for code, (debits, credits) in book.accounts.items():
                if code.startswith(_NOT_BELOW_ZERO) and debits - credits > max(0, taken.get(code, 0)):
                    where = f"{name.decode()} {code.decode()}"
                    raise BooksWrong(seq=self._size - 1, problem=f"{where} is below zero and nothing says why")

    def _wrong(self, problem: str) -> BooksWrong:
        return BooksWrong(seq=self._size, problem=problem)

    def _take_entry(self, parts: tuple[bytes | Any, ...], leaf_hash: bytes) -> bytes:
        """An entry's row or rows. The common case, one leg and no reversal, is most of a verifier's time."""
        name, campaign, cm, currency, day, doc, debit, credit, amount, second, _, _, _, _, _, *rest = parts
        note, reason, ref, rev, seq, settle = rest
        if int(seq) != self._size:
            raise self._wrong(f"it says that it is line {seq.decode()}")
        if day not in self._days:
            self._take_day(day)
        if rev is None and second is None:
            way = self._ways.get((name, campaign or b"", currency, debit, credit, reason))
            if way is None:
                way = self._new_way(name, campaign, currency, debit, credit, reason)
            book, number = way.book, int(amount)
            if number > MAX_INTEGER:
                raise self._wrong("a leg moves too much")
            way.debit[0] += number
            way.credit[1] += number
            way.counted[0] += number
            way.counted[1] += 1
            book.turnover += number
            tail = (doc or b"", note or b"", ref or b"", settle or b"", cm, leaf_hash)
            row = b"%b,1,%b,%b,%b,%b,,%b,%b,%b,%b,%b,%b\n" % (seq, day, way.csv, amount, currency, *tail)
            self._mirrored.append(hash((way.turned_round, amount)))
            self._reason_of.append(way.reason_number)
        else:
            book = self._open_book_of(name, campaign, currency)
            legs = tuple(part for part in parts[6:15] if part is not None)
            self._take_legs(book, name, campaign, legs, reason, rev)
            head = (day, name, reason, campaign or b"")
            behind = (currency, rev or b"", doc or b"", note or b"", ref or b"", settle or b"", cm, leaf_hash)
            row = b"".join(
                b",".join((seq, b"%d" % line, *head, *leg, *behind)) + b"\n" for line, leg in enumerate(_each(legs), 1)
            )
        self._kinds.append(_ENTRY_LETTER)
        book.rows.append(row)
        book.entry_count += 1
        self.entry_count += 1
        return row

    def _open_book_of(self, name: bytes, campaign: bytes | None, currency: bytes) -> Book:
        """An entry's book, with everything that the entry names of it open."""
        book = self.books.get(name)
        if book is None:
            raise self._wrong("its book was not opened")
        if currency != book.currency:
            raise self._wrong(f"its currency is not that of its book, {book.currency.decode()}")
        if campaign is not None and campaign not in book.campaigns:
            raise self._wrong("its campaign was not opened")
        return book

    def _new_way(
        self, name: bytes, campaign: bytes | None, currency: bytes, debit: bytes, credit: bytes, reason: bytes
    ) -> Way:
        book = self._open_book_of(name, campaign, currency)
        if reason == b"reversal":
            raise self._wrong("a reversal names what it reverses, and nothing else does")
        self._refuse_leg(book, debit, credit)
        self._refuse_move(reason, debit, credit, campaign)
        way = Way(
            book=book,
            debit=book.accounts[debit],
            credit=book.accounts[credit],
            counted=book.counted.setdefault((debit, credit, reason, False, campaign), [0, 0]),
            reason_number=self._number_of(reason),
            turned_round=hash((name, campaign, credit, debit)),
            csv=b",".join((name, reason, campaign or b"", debit, credit)),
        )
        # Never dropped: they are as many as the pairs of accounts that money ever moved between.
        self._ways[name, campaign or b"", currency, debit, credit, reason] = way
        return way

    def _take_legs(
        self, book: Book, name: bytes, campaign: bytes | None, legs: tuple[bytes, ...], reason: bytes, rev: bytes | None
    ) -> None:
        """An entry of several legs, or one that reverses another."""
        is_reversal = reason == b"reversal"
        if (rev is not None) != is_reversal:
            raise self._wrong("a reversal names what it reverses, and nothing else does")
        moved = [(debit, credit, int(amount)) for debit, credit, amount in _each(legs)]
        for debit, credit, amount in moved:
            self._refuse_leg(book, debit, credit)
            if not is_reversal:
                self._refuse_move(reason, debit, credit, campaign)
            if amount > MAX_INTEGER:
                raise self._wrong("a leg moves too much")
            book.accounts[debit][0] += amount
            book.accounts[credit][1] += amount
            book.turnover += amount
        counted_as = self._counted_as(reason, rev)
        if len(moved) == 1:
            debit, credit, amount = moved[0]
            count_leg(book.counted, (debit, credit, counted_as, is_reversal, campaign), amount)
        else:
            count_legs(book.counted, moved, counted_as, is_reversal, campaign)
        if rev is not None:
            self._take_reversal(_hash_of(name, campaign, legs), int(rev))
            self._mirrored.append(0)
        else:
            self._mirrored.append(_hash_of(name, campaign, _turned_round(legs)))

    def _refuse_leg(self, book: Book, debit: bytes, credit: bytes) -> None:
        if debit not in book.accounts or credit not in book.accounts:
            raise self._wrong("an account of it was not opened")
        if debit == credit:
            raise self._wrong("a leg goes from an account to itself")

    def _refuse_move(self, reason: bytes, debit: bytes, credit: bytes, campaign: bytes | None) -> None:
        named = None if campaign is None else campaign.decode()
        fault = chart.fault_of(reason.decode(), debit.decode(), credit.decode(), named)
        if fault is not None:
            raise self._wrong(fault)

    def _number_of(self, reason: bytes) -> int:
        number = self._reasons.get(reason)
        if number is None:
            number = self._reasons[reason] = len(self._reasons)
            if number > 0xFFFF:
                raise self._wrong("there are more reasons than anybody could mean")
        return number

    def _counted_as(self, reason: bytes, rev: bytes | None) -> bytes:
        """Its reason or, of a reversal, that of what it reverses; remembered for the line."""
        self._reason_of.append(self._number_of(reason))
        if rev is None or int(rev) >= self._size:
            return reason
        return list(self._reasons)[self._reason_of[int(rev)]]

    def _take_reversal(self, said: int, rev: int) -> None:
        if rev >= self._size or self._kinds[rev] != _ENTRY_LETTER:
            raise self._wrong("what it reverses is no earlier entry")
        if self._mirrored[rev] != said:
            raise self._wrong("it does not turn round what it reverses, or that was reversed before")
        self._mirrored[rev] = 0

    def _take_day(self, day: bytes) -> None:
        try:
            date.fromisoformat(day.decode())
        except ValueError:
            raise self._wrong(f"{day.decode()} is no day") from None
        self._days.add(day)

    def _take_other(self, data: bytes) -> None:
        try:
            leaf = leaves.decode(data)
        except NotCanonical as error:
            raise self._wrong(str(error)) from error
        if isinstance(leaf, leaves.EntryLeaf):
            raise self._wrong("an entry that is spelt in another way")  # both readers say the same, or one is wrong
        if leaf.seq != self._size:
            raise self._wrong(f"it says that it is line {leaf.seq}")
        if isinstance(leaf, leaves.OpenBook):
            self._open_book(leaf)
        else:
            book = self.books.get(leaf.book.encode())
            if book is None:
                raise self._wrong("its book was not opened")
            self._take_in_book(book, leaf)
        self._mirrored.append(0)
        self._reason_of.append(0)
        self._kinds.append(_LETTERS[leaves.kind_of(leaf)])

    def _open_book(self, leaf: leaves.OpenBook) -> None:
        if leaf.book.encode() in self.books:
            raise self._wrong("its book was opened before")
        self.books[leaf.book.encode()] = Book(currency=leaf.cur.encode())

    def _take_in_book(self, book: Book, leaf: leaves.Leaf) -> None:
        match leaf:
            case leaves.OpenAccount(account=account, cls=cls):
                if account.encode() in book.accounts:
                    raise self._wrong("its account was opened before")
                if chart.CLASSES.get(chart.kind_of(account)) != cls:
                    raise self._wrong(f"{account} is no {cls}")
                book.accounts[account.encode()] = [0, 0]
            case leaves.OpenCampaign(campaign=campaign):
                if campaign.encode() in book.campaigns:
                    raise self._wrong("its campaign was opened before")
                book.campaigns.add(campaign.encode())
            case leaves.OpenPolicy(policy=policy):
                if (leaf.book.encode(), policy) in self._policies:
                    raise self._wrong("its policy was opened before")
                self._policies.add((leaf.book.encode(), policy))
            case leaves.DocumentLeaf() | leaves.DayLeaf():
                self._take_evidence(book, leaf)
            case leaves.CloseLeaf():
                self._take_close(book, leaf)

    def _take_evidence(self, book: Book, leaf: leaves.DocumentLeaf | leaves.DayLeaf) -> None:
        for seq in leaf.supports or ():
            if seq >= self._size or self._kinds[seq] != _ENTRY_LETTER:
                raise self._wrong(f"line {seq}, which it supports, is no earlier entry")
        kind = _LETTERS[leaves.kind_of(leaf)]
        if leaf.supersedes is not None:
            if leaf.supersedes >= self._size or self._kinds[leaf.supersedes] != kind:
                raise self._wrong("what it replaces is no earlier line of its kind, or was replaced before")
            self._kinds[leaf.supersedes] = _REPLACED
        if leaf.campaign is not None and leaf.campaign.encode() not in book.campaigns:
            raise self._wrong("its campaign was not opened")

    def _take_close(self, book: Book, leaf: leaves.CloseLeaf) -> None:
        if leaf.cur.encode() != book.currency:
            raise self._wrong("its currency is not that of its book")
        if book.closed_on is not None and leaf.day <= book.closed_on:
            raise self._wrong("a day is closed that was closed before")
        if book.entry_count == book.closed_count:
            raise self._wrong("nothing was booked since the last close")
        told = (leaf.entries, leaf.turnover, leaf.trial, leaf.csv)
        book.hash_rows()
        trial = hashlib.sha256(book.trial_balance().encode()).digest()
        if told != (book.entry_count, book.turnover, trial, book.csv.digest()):
            raise self._wrong("the figures of this close are not those of the lines before it")
        book.closed_on, book.closed_count = leaf.day, book.entry_count
        book.csv = hashlib.sha256(CSV_HEAD)


def _each(legs: tuple[bytes, ...]) -> list[tuple[bytes, bytes, bytes]]:
    """(debit, credit, amount) of each leg."""
    return [(legs[place], legs[place + 1], legs[place + 2]) for place in range(0, len(legs), 3)]


def _turned_round(legs: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """(debit, credit, amount, …) with each leg's accounts in each other's place."""
    return tuple(part for debit, credit, amount in _each(legs) for part in (credit, debit, amount))


def _hash_of(name: bytes, campaign: bytes | None, legs: tuple[bytes, ...]) -> int:
    """Of one leg the same that is put together from its way and its amount."""
    if len(legs) == 3:
        debit, credit, amount = legs
        return hash((hash((name, campaign, debit, credit)), amount))
    return hash((name, campaign, legs))


def _pattern() -> "re.Pattern[bytes]":
    """An entry's canonical spelling as one expression: keys in their order, each alphabet as the leaf has it."""
    number, hexed = "(?:0|[1-9][0-9]{0,18})", "[0-9a-f]{64}"
    code = leaves.CODE.replace("(:", "(?::")
    leg = rf'\["({code})","({code})","([1-9][0-9]{{0,18}})"\]'
    parts = [
        rf'\{{"book":"({leaves.BOOK})"',
        rf'(?:,"campaign":"({leaves.CAMPAIGN})")?',
        rf',"cm":"({hexed})","cur":"([A-Z]{{3}})","day":"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})"',
        rf'(?:,"doc":"({hexed})")?',
        rf',"kind":"entry","legs":\[{leg}(?:,{leg}(?:,{leg})?)?\]',
        rf'(?:,"note":"({hexed})")?',
        rf',"reason":"({leaves.REASON})"',
        rf'(?:,"ref":"({leaves.REFERENCE})")?(?:,"rev":"({number})")?,"seq":"({number})"',
        rf'(?:,"settle":"({leaves.REFERENCE})")?,"v":"1"\}}',
    ]
    return re.compile("".join(parts).encode("ascii"))


_ENTRY = _pattern().fullmatch
