"""The entries as journals of hledger (https://hledger.org/hledger.html#journal) and beancount
(https://beancount.github.io/docs/beancount_language_syntax.html).

Both want entries by date, so these files are ordered by day and, within a day, by number. A month's journal stands on
its own: it begins with a transaction of the opening balances and ends with an assertion for every account, so that
`hledger check` and `bean-check` recompute our figures and refuse a file in which one is wrong by the smallest unit.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import chain

from donate.downloads.accounts import HLEDGER_TYPES, beancount_name, hledger_name
from donate.downloads.entries import Head, LoggedEntry, plain_of
from donate.downloads.sums import net
from donate.errors import N_
from donate.money import EXPONENTS

# What stands beside an entry's postings; hledger calls them tags, beancount metadata.
TAGS = {
    "campaign": N_("The campaign’s reference, where there is one."),
    "reverses": N_("The number of the entry that this one reverses."),
    "reference": N_("The reference of the charity’s own dealings with its bank."),
    "settlement": N_("The provider’s reference of a settlement."),
    "document": N_("SHA-256 of the document that the entry rests on."),
    "leaf": N_("The hash of the entry’s line in the public log."),
}


class _Watched:
    """Entries as they pass by: balances by account and the last day, without holding any of them."""

    def __init__(self, head: Head) -> None:
        self.nets = {code: net(head.opening, code) for code in head.accounts}
        self.last_day = _last_of(head.month).isoformat()

    def over(self, entries: Iterable[LoggedEntry]) -> Iterator[LoggedEntry]:
        for entry in entries:
            for debit, credit, minor in entry.legs:
                self.nets[debit] += minor
                self.nets[credit] -= minor
            self.last_day = max(self.last_day, entry.day)
            yield entry


def write_hledger(head: Head, entries: Iterable[LoggedEntry]) -> Iterator[str]:
    """A journal for hledger 1.25 and later: passes `check --strict` and `check ordereddates`."""
    plain, currency = plain_of(head.currency), head.currency
    first, entries = _first_day(head, entries)
    watched = _Watched(head)
    yield f"; {head.name}, as of log size {head.size}\n"
    yield f"commodity {currency} 1000.{'0' * EXPONENTS[head.currency]}\n"
    for code, account_class in sorted(head.accounts.items()):
        yield f"account {hledger_name(code)}  ; type: {HLEDGER_TYPES[account_class]}\n"
    names = {code: hledger_name(code) for code in head.accounts}
    opening = [(names[code], net(head.opening, code)) for code in sorted(head.opening) if net(head.opening, code)]
    if opening:
        yield f"\n{first} * opening balances\n"
        yield from (f"    {name}  {currency} {plain(minor)}\n" for name, minor in opening)
    for entry in watched.over(entries):
        lines = [f"\n{entry.day} * ({entry.seq}) {entry.reason}\n"]
        lines += [f"    ; {tag}: {value}\n" for tag, value in _tags(entry)]
        for debit, credit, minor in entry.legs:
            figures = plain(minor)
            lines.append(f"    {names[debit]}  {currency} {figures}\n    {names[credit]}  {currency} -{figures}\n")
        yield "".join(lines)
    yield f"\n{watched.last_day} * closing balances\n"
    for code in sorted(head.accounts):
        yield f"    {names[code]}  {currency} 0 = {currency} {plain(watched.nets[code])}\n"


def write_beancount(head: Head, entries: Iterable[LoggedEntry]) -> Iterator[str]:
    """A ledger for beancount 2 and 3: passes `bean-check`. Its balances allow no tolerance."""
    plain, currency = plain_of(head.currency), head.currency
    first, entries = _first_day(head, entries)
    watched = _Watched(head)
    yield f'option "title" "{head.name}, as of log size {head.size}"\n'
    yield f'option "operating_currency" "{currency}"\n'
    names = {code: beancount_name(code) for code in head.accounts}
    for code in sorted(names):
        yield f"{first} open {names[code]} {currency}\n"
    opening = [(names[code], net(head.opening, code)) for code in sorted(head.opening) if net(head.opening, code)]
    if opening:
        yield f'\n{first} * "opening balances"\n'
        yield from (f"  {name}  {plain(minor)} {currency}\n" for name, minor in opening)
    for entry in watched.over(entries):
        lines = [f'\n{entry.day} * "{entry.reason}" ^entry-{entry.seq}\n']
        lines += [f'  {tag}: "{value}"\n' for tag, value in _tags(entry)]
        for debit, credit, minor in entry.legs:
            figures = plain(minor)
            lines.append(f"  {names[debit]}  {figures} {currency}\n  {names[credit]}  -{figures} {currency}\n")
        yield "".join(lines)
    # A balance is that of the day's beginning.
    after = date.fromisoformat(watched.last_day) + timedelta(days=1)
    yield "\n"
    for code in sorted(names):
        yield f"{after} balance {names[code]}  {plain(watched.nets[code])} ~ 0 {currency}\n"


def _tags(entry: LoggedEntry) -> list[tuple[str, str]]:
    values = (entry.campaign, entry.rev, entry.ref, entry.settle, entry.doc, entry.leaf_hash)
    return [(tag, value) for tag, value in zip(TAGS, values, strict=True) if value]


def _first_day(head: Head, entries: Iterable[LoggedEntry]) -> tuple[str, Iterable[LoggedEntry]]:
    """The month's first day, or that of an entry which is dated before it because it was numbered later."""
    remaining = iter(entries)
    begun = next(remaining, None)
    if begun is None:
        return head.month.isoformat(), ()
    return min(head.month.isoformat(), begun.day), chain([begun], remaining)


def _last_of(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
