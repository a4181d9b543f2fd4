"""Rule packs: the limits of a jurisdiction as data. A book in yuan is a mainland charity's (`cn`), all others `intl`.

What is said here of large donations: from `large_from_minor` on, a donor identifies themselves, agrees in writing and is
accepted by two people of the host before they pay; a recorded donation of that size names its agreement.

Where the figures come from. The law names none: the Charity Law (in force since 5 September 2024) asks for a written agreement
when the donor wants one, art. 39, and for the donor's name, the kind, amount and day on every receipt, art. 38. From
which amount an installation asks for it without being asked is its own choice, made here: 50,000 yuan, above what households
give for school lunches and about what mainland banks ask questions for in cash, and round sums of about that worth elsewhere.
An installation that chooses otherwise changes the figure in this file; nothing else knows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from donate.errors import N_, DonateError
from donate.money import Money


class LargeNotAccepted(DonateError):
    """A payment of this size begins with an accepted request, nowhere else."""

    sentence = N_("From %(threshold)s on, two people of the charity accept a donation before it can be paid.")
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """The limits of one jurisdiction; amounts in minor units by currency."""

    name: str
    large_from_minor: Mapping[str, int]
    # Payments below the threshold by one person count together for so long; their keyed hashes are kept no longer.
    split_within: timedelta = timedelta(days=30)
    # Payments below this part of the threshold are not looked at: splitting it that finely takes over a hundred of them,
    # and nothing is kept of those who give a few meals.
    watched_part: int = 100


CN = Pack(name="cn", large_from_minor={"CNY": 5_000_000})
INTL = Pack(
    name="intl",
    large_from_minor={
        "USD": 700_000,
        "EUR": 600_000,
        "GBP": 500_000,
        "HKD": 5_000_000,
        "SGD": 900_000,
        "JPY": 1_000_000,
    },
)
PACKS = (CN, INTL)


def pack_of(currency: str) -> Pack:
    """The pack of a book in this currency."""
    return CN if currency in CN.large_from_minor else INTL


def large_from(currency: str) -> Money:
    """From which amount on a donation is a large one."""
    return Money(pack_of(currency).large_from_minor[currency], currency)


def is_large(amount_minor: int, currency: str) -> bool:
    return amount_minor >= large_from(currency).minor


def watched_from_minor(currency: str) -> int:
    """From which amount on payments are added up, to see splitting around the threshold."""
    pack = pack_of(currency)
    return pack.large_from_minor[currency] // pack.watched_part
