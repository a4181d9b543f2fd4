"""How often a give form gives: once, every month by card, or several months in one payment."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from donate.errors import N_, DonateError
from donate.money import Money

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

FIELD = "rhythm"
SHOWN_FOR = "months-for"  # the amount whose sums of several months the page showed
ONCE, MONTHLY, SEVERAL = "once", "monthly", "months-"
MONTHS = (3, 6, 12)
CARD = "card"


class RhythmNotTaken(DonateError):
    sentence = N_("Choose how often you want to give.")
    field = FIELD


class MonthlyByCardOnly(DonateError):
    """A wallet cannot be charged while its owner is away, and several months of this sum are too much at once."""

    sentence = N_("A monthly donation can be paid by card only. Choose the card, or give once.")
    field = "method"


class SeveralMonthsInstead(DonateError):
    """A wallet cannot be charged while its owner is away, but takes several months in one payment."""

    sentence = N_(
        "Only a card can be charged every month by itself. Choose the card, or pay several months at once this way: see "
        "“How often”."
    )
    field = "method"


class MonthlyBelowCard(DonateError):
    sentence = N_(
        "The smallest monthly donation is %(minimum)s. You can pay several months at once instead, see below."
    )
    field = "own"


class OtherAmountThanShown(DonateError):
    """Who agreed to six months of 3 yuan did not agree to six months of 30."""

    sentence = N_("The amount has changed, and with it the sums of several months. Please choose again.")
    field = FIELD


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`months` is how many are paid at once: 1 but for several months in one payment."""

    is_monthly: bool = False
    months: int = 1


@dataclass(frozen=True, slots=True)
class SeveralMonths:
    """One way that the form offers: so many months in one payment."""

    months: int
    amount_minor: int

    @property
    def value(self) -> str:
        return f"{SEVERAL}{self.months}"


def read_rhythm(form: "MultiDict[str, str]", amount: Money | None) -> Rhythm:
    """What was chosen; once where nothing was. Raises RhythmNotTaken, OtherAmountThanShown.

    `amount` is that of one month, None where it could not be read or several campaigns share the payment.
    """
    chosen = form.get(FIELD, ONCE) or ONCE
    if chosen == ONCE:
        return Rhythm()
    if amount is None:
        raise RhythmNotTaken
    if chosen == MONTHLY:
        return Rhythm(is_monthly=True)
    months = next((months for months in MONTHS if chosen == f"{SEVERAL}{months}"), None)
    if months is None:
        raise RhythmNotTaken
    if form.get(SHOWN_FOR, "") != amount.plain:
        raise OtherAmountThanShown
    return Rhythm(months=months)


def several_months(amount: Money, least_minor: int, largest_minor: int) -> tuple[SeveralMonths, ...]:
    """The sums of several months that some way of paying takes."""
    offered = (SeveralMonths(months, months * amount.minor) for months in MONTHS)
    return tuple(way for way in offered if least_minor <= way.amount_minor <= largest_minor)
