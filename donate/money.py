"""Money: an integer count of minor units and its currency. Never a float."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from donate.errors import N_, DonateError

# Minor-unit exponents by ISO 4217 for the currencies an installation may use.
EXPONENTS = {"CNY": 2, "USD": 2, "EUR": 2, "GBP": 2, "HKD": 2, "SGD": 2, "JPY": 0}

# Figures alone, or thousands in groups of three throughout; any other comma could as well be a decimal one.
_TYPED_AMOUNT = re.compile(r"(?P<major>[0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:\.(?P<minor>[0-9]+))?", re.ASCII)
_WITH_COMMA = re.compile(r"[0-9.]*(?:,[0-9.]*)+", re.ASCII)
# A bigint holds far more; what is typed in a form stays within twelve digits of major units.
MOST_DIGITS = 12


class AmountNotANumber(DonateError):
    sentence = N_("“%(typed)s” is not an amount. Write it in figures, such as 15 or 15.50.")


class AmountAmbiguous(DonateError):
    """A comma that is no thousands separator: `1,5` and `1,00` mean one thing here and another there."""

    sentence = N_(
        "“%(typed)s” can be read in two ways. Write a thousand as 1000 or 1,000, and one and a half with a point, as 1.50."
    )


class AmountBeyondBounds(DonateError):
    """More than any form takes, whatever its own rule is."""

    sentence = N_("“%(typed)s” is too large. The most is %(most)s.")


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
    """Money from what a person typed. Full-width figures, a leading ¥ and grouped thousands are understood.

    Raises AmountNotANumber, AmountAmbiguous, AmountBeyondBounds, AmountTooPrecise, UnknownCurrency. Zero and every size
    below twelve digits are left to the caller's rule.
    """
    if currency not in EXPONENTS:
        raise UnknownCurrency(currency=currency)
    figures = typed.strip().translate(_FULL_WIDTH).lstrip("¥").removesuffix("元").strip()
    match = _TYPED_AMOUNT.fullmatch(figures)
    if match is None:
        raise (AmountAmbiguous if _has_stray_comma(figures) else AmountNotANumber)(typed=_shown(typed))
    digits = EXPONENTS[currency]
    major = match["major"].replace(",", "").lstrip("0")
    if len(major) > MOST_DIGITS:
        raise AmountBeyondBounds(typed=_shown(typed), most=Money(10 ** (MOST_DIGITS + digits) - 1, currency))
    minor = match["minor"] or ""
    if len(minor.rstrip("0")) > digits:
        raise AmountTooPrecise(currency=currency, digits=digits)
    return Money(int((major + minor[:digits].ljust(digits, "0")) or "0"), currency)


def _has_stray_comma(figures: str) -> bool:
    return _WITH_COMMA.fullmatch(figures) is not None and any(sign.isdigit() for sign in figures)


def _shown(typed: str) -> str:
    """What was typed, short enough to be said again."""
    typed = typed.strip()
    return typed if len(typed) <= _SHOWN_LENGTH else typed[: _SHOWN_LENGTH - 1] + "…"


_SHOWN_LENGTH = 20
_FULL_WIDTH = {ord("０") + i: str(i) for i in range(10)} | {ord("．"): ".", ord("，"): ",", ord("￥"): "¥"}


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
