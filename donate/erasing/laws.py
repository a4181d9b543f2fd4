"""Which laws keep what of a donor, and for how long: a clock for each rule and rule pack (donate/giving/rules.py).

Where the figures come from. `cn`: accounting vouchers thirty years and bank statements ten, both from the end of their
year (Measures for Accounting Archives, in force since 2016); the stub of an official receipt five years (Measures for Fiscal
Bills); who a donor of a large amount was ten years (Anti-Money-Laundering Law, in force since January 2025); records of public
fundraising two years (Charity Law and the ministry's measures). `intl`: no country's law but what a cautious charity keeps: vouchers,
statements and receipts ten years, identities five (FATF recommendation 11). An installation whose law says otherwise
changes the figure in this file; a date that was stored already stays.

No law keeps a name that a donor of a small amount gave freely: the record of that donation is its entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from donate.campaigns.complaints import KEEP_CONTACTS
from donate.giving.rules import CN, INTL, pack_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """How long: whole years, of the end of the fact's year where `from_year_end`, or days."""

    years: int = 0
    days: int = 0
    from_year_end: bool = False

    def end_of(self, since: date) -> date:
        """The first day on which it is kept no longer."""
        if self.from_year_end:
            return date(since.year + 1 + self.years, 1, 1)
        try:
            later = since.replace(year=since.year + self.years)
        except ValueError:  # a 29 February
            later = date(since.year + self.years, 3, 1)
        return later + timedelta(days=self.days)


class Rule(StrEnum):
    """Why something of a donor is kept. `sentence` is what staff read, and may tell the donor."""

    VOUCHER = "voucher"
    STATEMENT = "statement"
    OFFICIAL = "official"
    IDENTITY = "identity"
    FUNDRAISING = "fundraising"
    COMPLAINT = "complaint"
    SPLITTING = "splitting"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    Rule.VOUCHER: "accounting vouchers are kept",
    Rule.STATEMENT: "bank statements are kept",
    Rule.OFFICIAL: "stubs of official receipts are kept",
    Rule.IDENTITY: "who gave a large amount is kept, against money laundering",
    Rule.FUNDRAISING: "records of public fundraising are kept",
    Rule.COMPLAINT: "complaints are kept with the records of public fundraising",
    Rule.SPLITTING: "keyed hashes are kept for a while, to see a large donation that was split",
}

_CLOCKS: Mapping[Rule, Mapping[str, Period]] = {
    Rule.VOUCHER: {
        CN.name: Period(years=30, from_year_end=True),
        INTL.name: Period(years=10, from_year_end=True),
    },
    Rule.STATEMENT: {
        CN.name: Period(years=10, from_year_end=True),
        INTL.name: Period(years=10, from_year_end=True),
    },
    Rule.OFFICIAL: {CN.name: Period(years=5), INTL.name: Period(years=10, from_year_end=True)},
    Rule.IDENTITY: {CN.name: Period(years=10), INTL.name: Period(years=5)},
    Rule.FUNDRAISING: {CN.name: Period(years=2), INTL.name: Period(years=2)},
    Rule.COMPLAINT: dict.fromkeys((CN.name, INTL.name), Period(days=KEEP_CONTACTS.days)),
    Rule.SPLITTING: {
        CN.name: Period(days=CN.split_within.days),
        INTL.name: Period(days=INTL.split_within.days),
    },
}


def erase_on(rule: Rule, since: date, currency: str) -> date:
    """The day on which what happened on `since` in a book of this currency is erased."""
    return _CLOCKS[rule][pack_of(currency).name].end_of(since)
