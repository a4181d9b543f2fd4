"""The entries for Excel and LibreOffice Calc: a CSV that opens by a double click and does nothing else.

UTF-8 with a byte order mark, without which Excel guesses the encoding; CRLF ends a row (RFC 4180). A text that a
spreadsheet would take for a formula (https://owasp.org/www-community/attacks/CSV_Injection), a number or a date has
an apostrophe before it: it stays the text it is, to its last digit.
"""

import re
from collections.abc import Iterable, Iterator

from donate.downloads.entries import Head, LoggedEntry, csv_line, plain_of
from donate.errors import N_

BYTE_ORDER_MARK = "\ufeff"
COLUMNS = {
    "entry": N_("The entry’s number: its place in the public log."),
    "line": N_("The transfer’s place within the entry, from 1."),
    "day": N_("The day on which it takes effect, in the book’s time zone."),
    "book": N_("The book: one charity, one currency."),
    "reason": N_("Why the entry exists."),
    "campaign": N_("The campaign’s reference, where there is one."),
    "debit": N_("The account that is debited."),
    "credit": N_("The account that is credited."),
    "amount": N_("The amount as a decimal number with the currency’s own decimal places."),
    "currency": N_("The currency by its ISO 4217 code."),
    "reverses": N_("The number of the entry that this one reverses."),
    "reference": N_("The reference of the charity’s own dealings with its bank."),
    "settlement": N_("The provider’s reference of a settlement."),
    "document_sha256": N_("SHA-256 of the document that the entry rests on."),
    "note_sha256": N_("SHA-256 of the entry’s salt and of a note that stays private."),
    "commitment": N_("What the entry commits to without showing it, such as a donor’s name."),
    "leaf_hash": N_("The hash of the entry’s line in the public log."),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# Figures with what stands in numbers (1e9, 1.5) and dates (2026-11-23, 1/2) of any language that needs no letters.
_READ_AS_NUMBER = re.compile(r"\s*[0-9][0-9.,:/ eE+-]*").fullmatch
_FIRST_SIGNS = frozenset("".join(_FORMULA) + "0123456789 \v\f\u00a0\u3000")


def as_text(value: str) -> str:
    """`value` so that a spreadsheet shows it as the text it is: an apostrophe before a formula, a number or a date."""
    if not value or value[0] not in _FIRST_SIGNS:
        return value
    return f"'{value}" if value.startswith(_FORMULA) or _READ_AS_NUMBER(value) else value


def write_spreadsheet(head: Head, entries: Iterable[LoggedEntry]) -> Iterator[str]:
    """A row for every transfer, in log order."""
    plain = plain_of(head.currency)
    yield BYTE_ORDER_MARK + csv_line(COLUMNS, "\r\n")
    book, currency = as_text(head.book), head.currency
    for entry in entries:
        hashes = [
            as_text(value) for value in (entry.ref, entry.settle, entry.doc, entry.note, entry.cm, entry.leaf_hash)
        ]
        named = (entry.day, book, as_text(entry.reason), as_text(entry.campaign))
        for line, (debit, credit, minor) in enumerate(entry.legs, 1):
            accounts = (as_text(debit), as_text(credit))
            yield csv_line([entry.seq, line, *named, *accounts, plain(minor), currency, entry.rev, *hashes], "\r\n")
