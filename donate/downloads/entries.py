"""What every writer is given: one book's month, and its entries as the public log spells them.

Writers are pure: the same head and the same entries give the same text, whoever runs them. Nothing that a file says
comes from anywhere but the leaves, so a file belongs to a log size and not to a moment or a machine.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from donate.money import EXPONENTS, UnknownCurrency

BLOCK_CHARACTERS = 64 * 1024
# A stored leaf is canonical JSON without white space: nothing has to be guessed of it, which takes as long as reading.
_read = json.JSONDecoder().raw_decode
Sums = Mapping[str, tuple[int, int]]  # account code -> debits, credits, in minor units


class LoggedEntry(NamedTuple):
    """An entry as its leaf has it. `why` is its reason, and of a reversal the reason of what it reverses."""

    seq: int
    day: str  # YYYY-MM-DD, of effect, in the book's time zone
    reason: str
    why: str
    campaign: str
    legs: tuple[tuple[str, str, int], ...]  # debit code, credit code, minor units
    rev: str
    doc: str
    note: str
    ref: str
    settle: str
    cm: str
    leaf_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a file is of: a book's month as of a log size, and where the book stood before it."""

    book: str
    currency: str
    month: date  # its first day
    size: int  # of the log
    accounts: Mapping[str, str]  # code -> class, of all that were opened so far
    opening: Sums  # before the month, of accounts that were moved by then

    @property
    def name(self) -> str:
        return f"{self.book} {self.month:%Y-%m}"


Writer = Callable[[Head, Iterable[LoggedEntry]], Iterator[str]]


def entry_of(leaf: bytes, leaf_hash: bytes, reversed_reason: str | None) -> LoggedEntry:
    """The entry that a leaf's bytes spell; `reversed_reason` is that of the line which its `rev` names."""
    said, _ = _read(leaf.decode("ascii"))
    get = said.get
    reason = said["reason"]
    return LoggedEntry(
        int(said["seq"]),
        said["day"],
        reason,
        reversed_reason or reason,
        get("campaign", ""),
        tuple((debit, credit, int(minor)) for debit, credit, minor in said["legs"]),
        get("rev", ""),
        get("doc", ""),
        get("note", ""),
        get("ref", ""),
        get("settle", ""),
        said["cm"],
        leaf_hash.hex(),
    )


def plain_of(currency: str) -> Callable[[int], str]:
    """How amounts of a currency are spelt, from minor units: `15.00`, `-0.05`, in yen `15`. Raises UnknownCurrency."""
    if currency not in EXPONENTS:
        raise UnknownCurrency(currency=currency)
    digits = EXPONENTS[currency]
    if digits == 0:
        return str
    unit = 10**digits

    def plain(minor: int) -> str:
        """As `Money.plain`, of which a journal would make four objects a row."""
        major, rest = divmod(abs(minor), unit)
        return f"{'-' if minor < 0 else ''}{major}.{rest:0{digits}d}"

    return plain


def blocks(texts: Iterable[str]) -> Iterator[bytes]:
    """The texts as UTF-8 in blocks of about 64 KiB."""
    held: list[str] = []
    length = 0
    for text in texts:
        held.append(text)
        length += len(text)
        if length >= BLOCK_CHARACTERS:
            yield "".join(held).encode()
            held.clear()
            length = 0
    if held:
        yield "".join(held).encode()


_NEEDS_QUOTES = re.compile('[,"\r\n]').search


def csv_line(values: Iterable[object], end: str = "\n") -> str:
    """One row as RFC 4180 has it: quotes only where a comma, a quote or a line's end asks for them."""
    return ",".join(_quoted(str(value)) for value in values) + end


def _quoted(value: str) -> str:
    if _NEEDS_QUOTES(value):
        return '"' + value.replace('"', '""') + '"'
    return value
