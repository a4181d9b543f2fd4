"""The books as the public log alone tells them: every leaf taken in order, every sum made anew.

Nothing of this knows the database. It is what a stranger's program does, and what `donate verify` and the tests run.
"""

import hashlib
import re
from array import array
from collections.abc import Sequence
from datetime import date
from typing import Any

from donate.errors import N_, DonateError
from donate.tlog import chart
from donate.tlog import leaf as leaves
from donate.tlog.book import CSV_HEAD, Alike, Book, Way
from donate.tlog.canonical import NotCanonical
from donate.tlog.counting import count_leg, count_legs, rows_of
from donate.tlog.entry_text import ENTRY, each, hash_of, turned_round
from donate.tlog.spelling import MAX_INTEGER

_LETTERS = {"entry": ord("e"), "open": ord("o"), "document": ord("d"), "day": ord("y"), "close": ord("c")}
_ENTRY_LETTER = _LETTERS["entry"]
_FROM_CM_TO_DAY = 64 + len('","cur":"CNY","day":"')
_REPLACED = ord("r")  # evidence that a later line took the place of
# Accounts that end below zero only by what was taken back from them.
_NOT_BELOW_ZERO = (b"fund:", b"payable:")


class BooksWrong(DonateError):
    """A leaf says what the leaves before it do not allow."""

    sentence = N_("Line %(seq)s of the log: %(problem)s")


class Books:
    """Takes leaves in log order. The first that does not fit raises BooksWrong or NotCanonical."""

    def __init__(self) -> None:
        self.books: dict[bytes, Book] = {}
        self.entry_count = 0
        self._size = 0
        self._days: set[bytes] = set()
        self._ways: dict[tuple[bytes, ...], Way] = {}
        self._alike: dict[tuple[bytes, bytes, bytes, bytes], Alike] = {}  # by the bytes around what differs
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
            leaf_hash = hexed[place * 64 : place * 64 + 64]
            row = self._take_alike(leaf, leaf_hash)
            if row is not None:
                rows.append(row)
            elif (found := ENTRY(leaf)) is not None and len(leaf) <= leaves.MAX_LEAF_BYTES:
                rows.append(self._take_entry(found.groups(), leaf_hash))
                self._remember_shape(leaf, found)
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

    def _take_alike(self, leaf: bytes, leaf_hash: bytes) -> bytes | None:
        """The row of an entry that is an earlier one but for commitment, day, amount and number, as most are; else None.

        What stands between them was read as a whole entry when it came first, and the four are read here.
        """
        end_of_leaf = b'"seq":"%d","v":"1"}' % self._size
        cm_at = leaf.find(b'"cm":"') + 6
        amount_end = leaf.find(b'"]],"reason":"', cm_at)
        amount_at = leaf.rfind(b'"', cm_at, amount_end) + 1
        day_at = cm_at + _FROM_CM_TO_DAY
        alike = self._alike.get(
            (
                leaf[:cm_at],
                leaf[cm_at + 64 : day_at],
                leaf[day_at + 10 : amount_at],
                leaf[amount_end : -len(end_of_leaf)],
            )
        )
        cm, day, amount = leaf[cm_at : cm_at + 64], leaf[day_at : day_at + 10], leaf[amount_at:amount_end]
        if (
            alike is None
            or day not in self._days
            or not leaf.endswith(end_of_leaf)
            or cm.translate(None, b"0123456789abcdef")
            or not amount.isdigit()
            or amount.startswith(b"0")
            or len(amount) > 18
        ):
            return None
        row = b"%d,1,%b,%b%b%b%b,%b\n" % (
            self._size, day, alike.before_amount, amount, alike.before_cm, cm, leaf_hash,
        )  # fmt: skip
        self._book_leg(alike.way, amount, row)
        return row

    def _remember_shape(self, leaf: bytes, found: "re.Match[bytes]") -> None:
        name, campaign, _, currency, _, doc, debit, credit, _, second, _, _, _, _, _, *rest = found.groups()
        note, reason, ref, rev, _, settle = rest
        if any(part is not None for part in (doc, second, note, ref, rev, settle)):
            return
        way = self._ways[name, campaign or b"", currency, debit, credit, reason]
        (cm_at, cm_end), (day_at, day_end), (amount_at, amount_end) = found.span(3), found.span(5), found.span(9)
        end_of_leaf = b'"seq":"%d","v":"1"}' % self._size
        shape = (leaf[:cm_at], leaf[cm_end:day_at], leaf[day_end:amount_at], leaf[amount_end : -len(end_of_leaf)])
        self._alike[shape] = Alike(way=way, before_amount=way.csv + b",", before_cm=b",%b,,,,,," % currency)

    def _book_leg(self, way: Way, amount: bytes, row: bytes) -> None:
        """An entry of one leg that reverses nothing."""
        number = int(amount)
        if number > MAX_INTEGER:
            raise self._wrong("a leg moves too much")
        way.debit[0] += number
        way.credit[1] += number
        way.counted[0] += number
        way.counted[1] += 1
        book = way.book
        book.turnover += number
        self._mirrored.append(hash((way.turned_round, amount)))
        self._reason_of.append(way.reason_number)
        self._keep(book, row)

    def _keep(self, book: Book, row: bytes) -> None:
        self._kinds.append(_ENTRY_LETTER)
        book.rows.append(row)
        book.entry_count += 1
        self.entry_count += 1

    def _take_entry(self, parts: tuple[bytes | Any, ...], leaf_hash: bytes) -> bytes:
        """An entry's row or rows."""
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
            tail = (doc or b"", note or b"", ref or b"", settle or b"", cm, leaf_hash)
            row = b"%b,1,%b,%b,%b,%b,,%b,%b,%b,%b,%b,%b\n" % (seq, day, way.csv, amount, currency, *tail)
            self._book_leg(way, amount, row)
            return row
        book = self._open_book_of(name, campaign, currency)
        legs = tuple(part for part in parts[6:15] if part is not None)
        self._take_legs(book, name, campaign, legs, reason, rev)
        head = (day, name, reason, campaign or b"")
        behind = (currency, rev or b"", doc or b"", note or b"", ref or b"", settle or b"", cm, leaf_hash)
        row = b"".join(
            b",".join((seq, b"%d" % line, *head, *leg, *behind)) + b"\n" for line, leg in enumerate(each(legs), 1)
        )
        self._keep(book, row)
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
        moved = [(debit, credit, int(amount)) for debit, credit, amount in each(legs)]
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
            self._take_reversal(hash_of(name, campaign, legs), int(rev))
            self._mirrored.append(0)
        else:
            self._mirrored.append(hash_of(name, campaign, turned_round(legs)))

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
