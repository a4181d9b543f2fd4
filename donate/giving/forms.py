"""What a donor typed, read into a frozen form, or every error at once by its field."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from donate import text
from donate.errors import N_, DonateError
from donate.giving import rules
from donate.giving.rhythm import (
    CARD,
    FIELD,
    MonthlyBelowCard,
    MonthlyByCardOnly,
    Rhythm,
    SeveralMonths,
    SeveralMonthsInstead,
    read_rhythm,
    several_months,
)
from donate.money import EXPONENTS, AmountBeyondBounds, AmountTooPrecise, Money, UnknownCurrency, parse_amount
from donate.payments import tariffs

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

NAME_LENGTH = 60
WORDS_LENGTH = 500
EMAIL_LENGTH = 254
MOST_LINES = 10
# Amounts offered, in units: a meal, a school week, a school month, a school term; more where the least is dear.
OFFERED = (1, 5, 20, 60, 180, 600)
MOST_OFFERED = 4
OWN = "own"
OWN_BEFORE = "own-before"  # what the page itself wrote into the open field

_EMAIL = re.compile(r"[^@\s,;<>\"()]+@[^@\s,;<>\"()]+\.[^@\s,;<>\"().]{2,}")


class AmountMissing(DonateError):
    sentence = N_("Choose an amount or write your own.")
    field = OWN


class AmountTooSmall(DonateError):
    sentence = N_("The smallest donation is %(minimum)s.")
    field = OWN


class AmountBelowCard(DonateError):
    """The card takes no sum as small as this, but a wallet does."""

    sentence = N_("The smallest card payment is %(minimum)s. Alipay and WeChat Pay take %(other)s and more.")
    field = OWN


class AmountTooLarge(DonateError):
    sentence = N_("The largest donation here is %(largest)s. For more, please write to the charity.")
    field = OWN


class LargeMonthly(DonateError):
    """Each month would be a large donation, and every one of them wants to be accepted."""

    sentence = N_(
        "From %(threshold)s on a donation is agreed on with the charity first, so it cannot be monthly. Give once, or less."
    )
    field = OWN


class LargeTogether(DonateError):
    sentence = N_(
        "From %(threshold)s on a donation is agreed on with the charity first, for one campaign at a time. "
        "Please give to them one by one."
    )
    field = OWN


class TooManyDecimals(DonateError):
    sentence = N_("Use at most two decimals, for example 12.50.")
    field = OWN


class CurrencyNotTaken(DonateError):
    sentence = N_("Donations here are in %(currency)s. Write the amount in figures, without another currency.")
    field = OWN


class MethodMissing(DonateError):
    sentence = N_("Choose how you want to pay.")
    field = "method"


class MethodNotTaken(DonateError):
    sentence = N_("This way of paying is not offered here. Choose another one.")
    field = "method"


class EmailNotAnAddress(DonateError):
    sentence = N_("An address looks like name@example.org.")
    field = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the host's merchant account takes on a day."""

    currency: str
    tariff: str
    on: date

    @property
    def methods(self) -> tuple[str, ...]:
        return tariffs.methods_of(self.currency, self.on, self.tariff)

    def rule(self, method: str) -> tariffs.Rule:
        return tariffs.rule_for(method, self.currency, self.on, self.tariff)

    @property
    def minimum_minor(self) -> int:
        """The smallest amount that any way of paying takes."""
        return min(self.rule(method).minimum_minor for method in self.methods)

    @property
    def large_from(self) -> Money:
        """From which amount on a donation is accepted by two people before it is paid."""
        return rules.large_from(self.currency)

    @property
    def largest_offered_minor(self) -> int:
        """The largest amount that is simply taken."""
        return min(self.rule(self.methods[0]).largest_minor, self.large_from.minor - 1)

    def several_months(self, month: Money) -> tuple[SeveralMonths, ...]:
        """How many months of this sum some way of paying takes at once."""
        return several_months(month, self.minimum_minor, self.largest_offered_minor)

    def offered(self, price_minor: int) -> tuple[int, ...]:
        """The amounts that a form offers beside its open field, in units of this price: only what can be paid."""
        largest = self.largest_offered_minor
        counts = tuple(count for count in OFFERED if self.minimum_minor <= count * price_minor <= largest)
        return counts[:MOST_OFFERED]


@dataclass(frozen=True, slots=True)
class ChosenDonation:
    """One donation that the form asks for."""

    campaign: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveForm:
    """A give form without errors."""

    lines: tuple[ChosenDonation, ...]
    method: str
    name: str | None
    name_is_public: bool
    email: str | None
    words: str | None
    rhythm: Rhythm = field(default_factory=Rhythm)

    @property
    def is_monthly(self) -> bool:
        """Whether the same is promised for every month to come."""
        return self.rhythm.is_monthly

    @property
    def amount_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)

    @property
    def content(self) -> list[object]:
        """Everything typed, for the hash that tells the same form from a changed one."""
        lines = [[line.campaign, line.amount_minor] for line in self.lines]
        rhythm = [self.rhythm.is_monthly, self.rhythm.months] if self.rhythm != Rhythm() else []
        return [lines, self.method, self.name, self.name_is_public, self.email, self.words, *rhythm]


@dataclass(slots=True)
class BadForm(Exception):
    """Everything that is wrong with a form: one error a field, in the order of the page."""

    errors: dict[str, DonateError] = field(default_factory=dict)


def amount_field(index: int, count: int) -> str:
    """The name of a campaign's open field: `own`, or `own-1`, `own-2` … where a form gives to several."""
    return OWN if count == 1 else f"{OWN}-{index + 1}"


def read_give_form(form: "MultiDict[str, str]", campaigns: tuple[str, ...], terms: Terms) -> GiveForm:
    """A posted form without errors. Raises BadForm with every error."""
    bad = BadForm()
    amounts = [
        _amount(form, amount_field(index, len(campaigns)), terms, bad, is_only=len(campaigns) == 1)
        for index in range(len(campaigns))
    ]
    lines = tuple(
        ChosenDonation(campaign, amount)
        for campaign, amount in zip(campaigns, amounts, strict=True)
        if amount is not None and amount > 0
    )
    rhythm = _rhythm(form, lines, campaigns, terms, bad)
    lines = tuple(ChosenDonation(line.campaign, line.amount_minor * rhythm.months) for line in lines)
    method = _method(form, terms, bad, rhythm, sum(line.amount_minor for line in lines))
    if not bad.errors.keys() - {"method"}:
        total, first = sum(line.amount_minor for line in lines), amount_field(0, len(campaigns))
        _check_size(total, method, terms, first, bad, rhythm)
    name = _clean(form, "name", text.clean_line, NAME_LENGTH, bad)
    email = _email(form, bad)
    words = _clean(form, "words", text.clean_text, WORDS_LENGTH, bad)
    if bad.errors or method is None:
        raise bad
    return GiveForm(
        lines=lines,
        method=method,
        name=name or None,
        name_is_public=bool(name) and form.get("show_name") is not None,
        email=email or None,
        words=words or None,
        rhythm=rhythm,
    )


def as_meant(form: "MultiDict[str, str]") -> dict[str, str]:
    """What was sent, for drawing the form again: without an open field that a radio has replaced."""
    return {**form.to_dict(), OWN: ""} if _is_chosen_since(form) else form.to_dict()


def _is_chosen_since(form: "MultiDict[str, str]") -> bool:
    """Whether a radio was chosen after the page itself had filled the open field, whose own radio was chosen then."""
    own = form.get(OWN, "").strip()
    return bool(own) and own == form.get(OWN_BEFORE, "").strip() and form.get("amount", "").strip() not in ("", OWN)


def _amount(form: "MultiDict[str, str]", name: str, terms: Terms, bad: BadForm, *, is_only: bool) -> int | None:
    """Minor units of one line. The open field wins over a radio; an empty line of several is left out."""
    typed = form.get(name, "").strip()
    if is_only and (not typed or _is_chosen_since(form)):
        chosen = form.get("amount", "").strip()
        typed = "" if chosen == OWN else chosen
    if not typed:
        return None
    try:
        return parse_amount(_without_currency(typed, terms.currency), terms.currency).minor
    except UnknownCurrency:
        bad.errors[name] = CurrencyNotTaken(currency=terms.currency)
    except AmountBeyondBounds:
        method = form.get("method", "")
        bad.errors[name] = _too_large(terms.rule(method if method in terms.methods else terms.methods[0]), terms)
    except AmountTooPrecise as error:
        bad.errors[name] = TooManyDecimals() if EXPONENTS[terms.currency] == 2 else error
    except DonateError as error:
        bad.errors[name] = error
    return None


# Signs and codes that people write beside an amount. Another currency than ours is refused, never converted.
_SIGN = r"cny|rmb|usd|eur|gbp|hkd|sgd|jpy|us\$|hk\$|s\$|\$|€|£|円|人民币|元|¥|￥|块钱|块"
_WRITTEN = re.compile(rf"(?i){_SIGN}")
# Taken away at the ends only: inside, `3块5` means 3.50 and would become 35.
_AROUND = re.compile(rf"(?i)^\s*(?:{_SIGN})|(?:{_SIGN})\s*$")
_OURS = {
    "CNY": {"cny", "rmb", "人民币", "元", "¥", "￥", "块", "块钱"},
    "USD": {"usd", "us$", "$"},
    "EUR": {"eur", "€"},
    "GBP": {"gbp", "£"},
    "HKD": {"hkd", "hk$", "$"},
    "SGD": {"sgd", "s$", "$"},
    "JPY": {"jpy", "¥", "￥", "円"},
}


def _without_currency(typed: str, currency: str) -> str:
    written = {sign.lower() for sign in _WRITTEN.findall(typed)}
    if written - _OURS[currency]:
        raise UnknownCurrency(currency=currency)
    return _AROUND.sub("", typed)


def _rhythm(
    form: "MultiDict[str, str]",
    lines: tuple[ChosenDonation, ...],
    campaigns: tuple[str, ...],
    terms: Terms,
    bad: BadForm,
) -> Rhythm:
    """How often; only a form for one campaign offers anything but once."""
    if bad.errors or not lines:
        return Rhythm()  # the amount is missing or unreadable, which is said already
    amount = Money(lines[0].amount_minor, terms.currency) if len(campaigns) == 1 else None
    try:
        return read_rhythm(form, amount)
    except DonateError as error:
        bad.errors[FIELD] = error
        return Rhythm()


def _method(form: "MultiDict[str, str]", terms: Terms, bad: BadForm, rhythm: Rhythm, total: int) -> str | None:
    """The way of paying; where there is only one, nobody is asked."""
    methods = terms.methods
    chosen = form.get("method", "")
    if rhythm.is_monthly:
        if CARD in methods and chosen in ("", CARD):
            return CARD
        can_several = terms.several_months(Money(total, terms.currency))
        bad.errors["method"] = SeveralMonthsInstead() if can_several else MonthlyByCardOnly()
        return None
    if not chosen and len(methods) == 1:
        return methods[0]
    if chosen not in methods:
        bad.errors["method"] = MethodNotTaken() if chosen else MethodMissing()
        return None
    return chosen


def _check_size(total: int, method: str | None, terms: Terms, name: str, bad: BadForm, rhythm: Rhythm) -> None:
    """The whole sum against the smallest and largest payment of the chosen way, or of any way."""
    if total == 0:
        bad.errors[name] = AmountMissing()
        return
    least = terms.minimum_minor
    rule = terms.rule(CARD if rhythm.is_monthly and CARD in terms.methods else method or terms.methods[0])
    error: DonateError | None = None
    if rhythm.is_monthly and total < rule.minimum_minor:
        error = MonthlyBelowCard(minimum=Money(rule.minimum_minor, terms.currency))
    elif total < least:
        error = AmountTooSmall(minimum=Money(least, terms.currency))
    elif method and total < rule.minimum_minor:
        error = AmountBelowCard(minimum=Money(rule.minimum_minor, terms.currency), other=Money(least, terms.currency))
    elif total > rule.largest_minor:
        error = _too_large(rule, terms)
    elif rules.is_large(total, terms.currency) and rhythm.is_monthly:
        error = LargeMonthly(threshold=terms.large_from)
    elif rules.is_large(total, terms.currency) and name != OWN:
        error = LargeTogether(threshold=terms.large_from)
    if error is not None:
        bad.errors[name] = error


def _too_large(rule: tariffs.Rule, terms: Terms) -> AmountTooLarge:
    return AmountTooLarge(largest=Money(rule.largest_minor, terms.currency))


def _email(form: "MultiDict[str, str]", bad: BadForm) -> str | None:
    email = _clean(form, "email", text.clean_line, EMAIL_LENGTH, bad)
    if email and not is_email(email):
        bad.errors["email"] = EmailNotAnAddress()
    return email


def is_email(text: str) -> bool:
    """Whether this looks like an address; whether it is one, only a letter tells."""
    return _EMAIL.fullmatch(text) is not None


def _clean(
    form: "MultiDict[str, str]", name: str, clean: Callable[[str, int], str], most: int, bad: BadForm
) -> str | None:
    try:
        return clean(form.get(name, ""), most)
    except text.TextTooLong as error:
        bad.errors[name] = error
        return None
