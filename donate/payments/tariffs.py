"""What a payment costs and which amounts a method takes: data with dates and sources.

Fees shown before paying come from here; the fee that is booked is always the provider's own figure. The sandbox
charges by this table, so that its fees have real sizes.

Rounding: `rate` is in hundredths of a percent of the amount, rounded half up to the minor unit, then the fixed
part is added; a fee is never above the amount.
"""

from dataclasses import dataclass
from datetime import date

from donate.errors import N_, DonateError

METHODS = ("alipay", "wechat_pay", "card")
TARIFFS = ("mainland", "overseas")


class NoTariff(DonateError):
    """The method does not take this currency at this merchant account on that day."""

    sentence = N_("%(currency)s cannot be paid with this method.")
    field = "method"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of a tariff, in force from `starts_on` until a later line for the same method and currency."""

    tariff: str
    method: str
    currency: str
    starts_on: date
    minimum_minor: int
    largest_minor: int
    rate: int
    fixed_minor: int
    source: str

    def fee(self, amount_minor: int) -> int:
        return min(amount_minor, (amount_minor * self.rate + 5_000) // 10_000 + self.fixed_minor)


# A payment has at most eight digits at the provider. From which amount on a donation wants an identified donor, an
# agreement and acceptance by two people is said by the rule pack (giving/rules.py), far below this.
LARGEST = 99_999_999

# What the provider keeps for each formal dispute, won or lost; taken beside the disputed amount.
DISPUTE_FEES = {"CNY": 10_500, "USD": 1_500, "EUR": 2_000, "GBP": 2_000, "HKD": 8_500, "SGD": 1_500, "JPY": 1_300}

_CARD_MINIMUMS = "Stripe, Supported currencies, “Minimum and maximum charge amounts”, as published in November 2026."
_CARD_FEE = "Stripe's list price for cards from abroad, 2.9 % and a fixed part (estimate; the charged fee is booked)."
_WALLET = "Alipay and WeChat Pay, standard merchant rate on the mainland, 0.6 %; 1.00 yuan is our smallest payment."

_STARTS = date(2020, 1, 1)

# currency: (smallest card payment, fixed part of the fee)
_OVERSEAS = {
    "CNY": (400, 30),
    "USD": (50, 30),
    "EUR": (50, 25),
    "GBP": (30, 20),
    "HKD": (400, 235),
    "SGD": (50, 50),
    "JPY": (50, 30),
}


def _overseas(tariff: str, method: str, currency: str) -> Rule:
    smallest, fixed = _OVERSEAS[currency]
    return Rule(
        tariff=tariff,
        method=method,
        currency=currency,
        starts_on=_STARTS,
        minimum_minor=smallest,
        largest_minor=LARGEST,
        rate=290,
        fixed_minor=fixed,
        source=f"{_CARD_MINIMUMS} {_CARD_FEE}",
    )


def _mainland_wallet(method: str) -> Rule:
    return Rule(
        tariff="mainland",
        method=method,
        currency="CNY",
        starts_on=_STARTS,
        minimum_minor=100,
        largest_minor=LARGEST,
        rate=60,
        fixed_minor=0,
        source=_WALLET,
    )


RULES: tuple[Rule, ...] = (
    _mainland_wallet("alipay"),
    _mainland_wallet("wechat_pay"),
    *(_overseas("mainland", "card", currency) for currency in _OVERSEAS),
    *(_overseas("overseas", method, currency) for method in METHODS for currency in _OVERSEAS),
)


def rule_for(method: str, currency: str, on: date, tariff: str = "mainland", rules: tuple[Rule, ...] = RULES) -> Rule:
    """The line in force on that day. Raises NoTariff."""
    wanted = (tariff, method, currency)
    found = [rule for rule in rules if (rule.tariff, rule.method, rule.currency) == wanted and rule.starts_on <= on]
    if not found:
        raise NoTariff(method=method, currency=currency)
    return max(found, key=lambda rule: rule.starts_on)


def minimum(method: str, currency: str, on: date, tariff: str = "mainland") -> int:
    """The smallest payment in minor units. Raises NoTariff."""
    return rule_for(method, currency, on, tariff).minimum_minor


def fee_of(method: str, currency: str, amount_minor: int, on: date, tariff: str = "mainland") -> int:
    """What the provider keeps of a payment, in minor units. Raises NoTariff."""
    return rule_for(method, currency, on, tariff).fee(amount_minor)


def methods_of(currency: str, on: date, tariff: str = "mainland") -> tuple[str, ...]:
    """The methods that take this currency, whatever the amount; cheapest first."""
    return tuple(method for method in METHODS if _has(method, currency, on, tariff))


def _has(method: str, currency: str, on: date, tariff: str) -> bool:
    return any(
        (rule.tariff, rule.method, rule.currency) == (tariff, method, currency) and rule.starts_on <= on
        for rule in RULES
    )
