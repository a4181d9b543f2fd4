"""Money: an integer count of minor units and its currency. Never a float."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from donate.errors import N_, DonateError

# Minor-unit exponents by ISO 4217 for the currencies an installation may use.
EXPONENTS = {"CNY": 2, "USD": 2, "EUR": 2, "GBP": 2, "HKD": 2, "SGD": 2, "JPY": 0}

# A bigint holds far more; what is typed in a form stays within twelve digits of major units.
_TYPED_AMOUNT = re.compile(r"(?P<major>[0-9]{1,12})(?:\.(?P<minor>[0-9]+))?", re.ASCII)


class AmountNotANumber(DonateError):
    sentence = N_("“%(typed)s” is not an amount. Write it in figures, such as 15 or 15.50.")


class AmountTooPrecise(DonateError):
    sentence = N_("%(currency)s has %(digits)s decimal places at most.")


class UnknownCurrency(DonateError):
    sentence = N_("%(currency)s is not a currency that we know.")


class CurrencyMismatch(DonateError):
    sentence = N_("%(left)s and %(right)s cannot be added.")


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`minor` in the currency's smallest unit (fen for CNY); may be negative in differences."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in EXPONENTS:
            raise UnknownCurrency(currency=self.currency)

    def __add__(self, other: "Money") -> "Money":
        if self.currency != other.currency:
            raise CurrencyMismatch(left=self.currency, right=other.currency)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return self + Money(-other.minor, other.currency)

    @property
    def plain(self) -> str:
        """Figures only, with the currency's decimal places: `15.00`."""
        digits = EXPONENTS[self.currency]
        sign, minor = ("-", -self.minor) if self.minor < 0 else ("", self.minor)
        if digits == 0:
            return f"{sign}{minor}"
        major, rest = divmod(minor, 10**digits)
        return f"{sign}{major}.{rest:0{digits}d}"

    def units(self, unit_price_minor: int) -> tuple[int, int]:
        """Whole units (meals) that this buys, and hundredths of a further one, rounded down."""
        hundredths = self.minor * 100 // unit_price_minor
        return divmod(hundredths, 100)


def parse_amount(typed: str, currency: str) -> Money:
    """Money from what a person typed. Full-width figures and a leading ¥ are understood.

    Raises AmountNotANumber, AmountTooPrecise, UnknownCurrency. Zero and every size are left to the caller's rule.
    """
    if currency not in EXPONENTS:
        raise UnknownCurrency(currency=currency)
    figures = typed.strip().translate(_FULL_WIDTH).lstrip("¥").removesuffix("元").strip()
    match = _TYPED_AMOUNT.fullmatch(figures)
    if match is None:
        raise AmountNotANumber(typed=typed.strip()[:20])
    digits = EXPONENTS[currency]
    minor = match["minor"] or ""
    if len(minor.rstrip("0")) > digits:
        raise AmountTooPrecise(currency=currency, digits=digits)
    return Money(int(match["major"] + minor[:digits].ljust(digits, "0")), currency)


_FULL_WIDTH = {ord("０") + i: str(i) for i in range(10)} | {ord("．"): ".", ord("￥"): "¥"}


def split_by_largest_remainder(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Parts of `total_minor` in proportion to `weights` that sum to it exactly.

    Each part is within one minor unit of its exact share. Ties go to the earlier weight, so the result is
    the same wherever it is recomputed. `weights` must hold a positive sum; `total_minor` is zero or more.
    """
    if total_minor < 0 or min(weights, default=0) < 0 or sum(weights) <= 0:
        raise ValueError("a split wants a total of zero or more and weights with a positive sum")
    whole = sum(weights)
    parts = [total_minor * weight // whole for weight in weights]
    remainders = [total_minor * weight % whole for weight in weights]
    missing = total_minor - sum(parts)
    by_remainder = sorted(range(len(weights)), key=lambda index: (-remainders[index], index))
    for index in by_remainder[:missing]:
        parts[index] += 1
    return parts
