"""The invented past, planned before anything is written: who gave what on which day, and what became of it.

A plan depends on its day only: the same day makes the same amounts. Nothing here knows of the database.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cache
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

from donate.demo.content import CampaignText, donors, host_of, on
from donate.payments.tariffs import fee_of, minimum

ZONE = ZoneInfo("Asia/Shanghai")
CHECKOUTS = 6_000
SETTLED_AFTER = 3  # days until the provider's money reaches the bank, on Mondays
PAID_AFTER = 2  # days between a disbursement's approval and the bank's transfer

# Yuan and how often somebody gives just that; one, five and twenty meals are added for each campaign.
AMOUNTS = {
    1: 60, 2: 40, 3: 50, 5: 95, 6: 70, 8: 25, 10: 150, 12: 30, 15: 60, 18: 25, 20: 95, 25: 20, 30: 70, 36: 12, 50: 80,
    60: 35, 66: 14, 88: 16, 99: 8, 100: 70, 120: 12, 150: 12, 180: 10, 200: 22, 300: 10, 365: 4, 500: 7,
}  # fmt: skip
MEALS = {1: 130, 5: 90, 10: 45, 20: 40, 60: 8}
HOURS = {6: 2, 7: 5, 8: 6, 9: 5, 10: 5, 11: 7, 12: 12, 13: 7, 14: 4, 15: 4, 16: 4, 17: 5, 18: 6, 19: 8, 20: 11, 21: 11, 22: 7, 23: 3}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlannedDonation:
    """A line of a checkout; `day` counts from the day of the plan."""

    campaign: str
    amount_minor: int
    fee_minor: int
    is_refunded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCheckout:
    """A payment of the past, as its donor made it."""

    day: int
    paid_at: datetime
    host: str
    method: str
    locale: str
    name: str | None
    name_is_public: bool
    words: str | None
    lines: tuple[PlannedDonation, ...]

    @property
    def amount_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)

    @property
    def fee_minor(self) -> int:
        return sum(line.fee_minor for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTransfer:
    """A donation by bank transfer. One that was entered with a slip of the finger is reversed on the next day."""

    day: int
    campaign: str
    amount_minor: int
    typed_minor: int

    @property
    def is_wrong(self) -> bool:
        return self.typed_minor != self.amount_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSettlement:
    """What the provider sent to a host's bank on a day, with each fund's share."""

    day: int
    host: str
    shares: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDisbursement:
    """What a school is paid from a fund, approved on `day`."""

    day: int
    campaign: str
    amount_minor: int


@dataclass(slots=True)
class Past:
    """Everything that happened, each list in order of days."""

    today: date
    checkouts: list[PlannedCheckout] = field(default_factory=list)
    transfers: list[PlannedTransfer] = field(default_factory=list)
    settlements: list[PlannedSettlement] = field(default_factory=list)
    disbursements: list[PlannedDisbursement] = field(default_factory=list)

    def donation_count(self, campaign: str, until: int) -> int:
        online = sum(
            line.campaign == campaign for given in self.checkouts if given.day <= until for line in given.lines
        )
        return online + sum(given.campaign == campaign for given in self.transfers if given.day <= until)

    def paid_minor(self, campaign: str, until: int) -> int:
        return sum(
            given.amount_minor
            for given in self.disbursements
            if given.campaign == campaign and given.day + PAID_AFTER <= until
        )


def plan_past(campaigns: Sequence[CampaignText], now: datetime, checkouts: int = CHECKOUTS) -> Past:
    """The past up to `now` of the campaigns that have raised."""
    raised = [campaign for campaign in campaigns if campaign.weight]
    past = Past(now.astimezone(ZONE).date())
    random = Random(f"the sample world {past.today}")
    past.checkouts = _plan_checkouts(random, raised, now, checkouts)
    past.transfers = _plan_transfers(random, raised, past)
    past.settlements = _plan_settlements(raised, past)
    past.disbursements = _plan_disbursements(random, raised, past)
    return past


def morning(today: date, day: int) -> datetime:
    """When people at their desks do what is done on a day."""
    return datetime.combine(on(today, day), time(9, 30), tzinfo=ZONE).astimezone(UTC)


def last_donation_day(campaign: CampaignText) -> int:
    """The last day on which somebody could give: raising over, licence run out, or today."""
    return min(campaign.last_day, host_of(campaign).licence.last_day, 0)


def _plan_checkouts(
    random: Random, campaigns: Sequence[CampaignText], now: datetime, count: int
) -> list[PlannedCheckout]:
    days = [(campaign, day, weight) for campaign in campaigns for day, weight in _busyness(campaign)]
    drawn = random.choices(days, [weight for _, _, weight in days], k=count)
    today = now.astimezone(ZONE).date()
    moments = sorted(
        ((day, _moment(random, today, day), campaign) for campaign, day, _ in drawn), key=lambda one: one[1]
    )
    received: dict[str, int] = defaultdict(int)
    planned = []
    for day, paid_at, campaign in moments:
        is_full = campaign.has_ended and received[campaign.ref] >= campaign.goal_minor * 19 // 20
        if paid_at >= now or is_full:
            continue
        checkout = _checkout(random, campaigns, campaign, day, paid_at)
        for line in checkout.lines:
            received[line.campaign] += line.amount_minor
        planned.append(checkout)
    return planned


def _busyness(campaign: CampaignText) -> Iterator[tuple[int, int]]:
    """How likely each day is to be given on: much at the start and after an update, more at weekends."""
    after_update = {update.day + later for update in campaign.updates for later in (0, 1, 2)}
    days = range(campaign.first_day, last_donation_day(campaign) + 1)
    rough = {
        day: 10 * (3 if day < campaign.first_day + 5 else 1) * (3 if day in after_update else 1)
        + 3 * (day % 7 in (0, 1))
        for day in days
    }
    whole = sum(rough.values())
    for day, weight in rough.items():
        yield day, campaign.weight * weight * 1_000_000 // whole


def _moment(random: Random, today: date, day: int) -> datetime:
    hour = random.choices(list(HOURS), list(HOURS.values()))[0]
    clock = time(hour, random.randrange(60), random.randrange(60), tzinfo=ZONE)
    return datetime.combine(on(today, day), clock).astimezone(UTC)


def _checkout(
    random: Random, campaigns: Sequence[CampaignText], campaign: CampaignText, day: int, paid_at: datetime
) -> PlannedCheckout:
    host = host_of(campaign).ref
    given_to = [campaign]
    others = [
        other
        for other in campaigns
        if other is not campaign and host_of(other).ref == host and other.first_day <= day <= last_donation_day(other)
    ]
    if others and random.random() < 0.04:
        given_to.append(random.choice(others))
    amounts = [draw_amount(random, one.price_minor(day)) for one in given_to]
    method = draw_method(random, sum(amounts), paid_at.date())
    fees = [fee_of(method, "CNY", amount, paid_at.date()) for amount in amounts]
    if len(amounts) > 1:
        fees[0] += fee_of(method, "CNY", sum(amounts), paid_at.date()) - sum(fees)
    locale = draw_locale(random)
    name, name_is_public, words = draw_donor(random, locale)
    return PlannedCheckout(
        day=day,
        paid_at=paid_at,
        host=host,
        method=method,
        locale=locale,
        name=name,
        name_is_public=name_is_public,
        words=words,
        lines=tuple(
            PlannedDonation(one.ref, amount, fee, len(given_to) == 1 and day < -9 and random.random() < 0.002)
            for one, amount, fee in zip(given_to, amounts, fees, strict=True)
        ),
    )


def draw_amount(random: Random, price_minor: int) -> int:
    """What somebody gives where a meal costs `price_minor`: mostly little, often whole meals."""
    amounts, often = _choices(price_minor)
    return random.choices(amounts, cum_weights=often)[0]


@cache
def _choices(price_minor: int) -> tuple[list[int], list[int]]:
    choices = {yuan * 100: often for yuan, often in AMOUNTS.items()}
    for meals, often in MEALS.items():
        choices[meals * price_minor] = choices.get(meals * price_minor, 0) + often
    return list(choices), list(accumulate(choices.values()))


def draw_method(random: Random, amount_minor: int, on_day: date) -> str:
    """How somebody pays: mostly by wallet, by card only what cards take."""
    method = random.choices(["alipay", "wechat_pay", "card"], [44, 46, 10])[0]
    is_too_small = amount_minor < minimum(method, "CNY", on_day)
    return "wechat_pay" if is_too_small else method


def draw_locale(random: Random) -> str:
    return "en" if random.random() < 0.1 else "zh"


def draw_donor(random: Random, locale: str) -> tuple[str | None, bool, str | None]:
    """A nickname, whether it may be shown, and words to the organiser; most give none of them."""
    name = random.choice(donors().names[locale]) if random.random() < 0.42 else None
    words = random.choice(donors().words[locale]) if random.random() < 0.05 else None
    return name, name is not None and random.random() < 0.7, words


def _plan_transfers(random: Random, campaigns: Sequence[CampaignText], past: Past) -> list[PlannedTransfer]:
    """A transfer every week or two; the campaigns that ended get what was missing to their goal on the last day."""
    planned = []
    for campaign in campaigns:
        day = campaign.first_day + 9
        while day < last_donation_day(campaign) - 4:
            amount = random.choice([200, 300, 500, 600, 800, 1000, 1200, 2000]) * 100
            if not campaign.has_ended:
                slip = amount * 10 if random.random() < 0.06 else amount
                planned.append(PlannedTransfer(day=day, campaign=campaign.ref, amount_minor=amount, typed_minor=slip))
            day += random.randint(16, 40)
        if campaign.has_ended:
            missing = campaign.goal_minor - _received(campaign.ref, past.checkouts)
            if missing > 0:
                planned.append(
                    PlannedTransfer(
                        day=campaign.last_day, campaign=campaign.ref, amount_minor=missing, typed_minor=missing
                    )
                )
    return sorted(planned, key=lambda transfer: (transfer.day, transfer.campaign))


def _received(campaign: str, checkouts: Sequence[PlannedCheckout]) -> int:
    return sum(line.amount_minor for given in checkouts for line in given.lines if line.campaign == campaign)


def _plan_settlements(campaigns: Sequence[CampaignText], past: Past) -> list[PlannedSettlement]:
    """Every Monday the bank gets what was paid until three days before, less fees and refunds."""
    waiting: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    planned = []
    first = min(campaign.first_day for campaign in campaigns)
    checkouts = iter(past.checkouts)
    upcoming = next(checkouts, None)
    for day in range(first, 1):
        if on(past.today, day).weekday() != 0:
            continue
        while upcoming is not None and upcoming.day <= day - SETTLED_AFTER:
            for line in upcoming.lines:
                kept = 0 if line.is_refunded else line.amount_minor
                waiting[upcoming.host][line.campaign] += kept - line.fee_minor
            upcoming = next(checkouts, None)
        for host, shares in waiting.items():
            ready = {campaign: amount for campaign, amount in sorted(shares.items()) if amount > 0}
            if ready:
                planned.append(PlannedSettlement(day=day, host=host, shares=ready))
            for campaign in ready:
                del shares[campaign]
    return planned


def settled_until(past: Past, host: str) -> int:
    """The last day whose payments have reached the host's bank."""
    return max((one.day for one in past.settlements if one.host == host), default=-10_000) - SETTLED_AFTER


def _plan_disbursements(random: Random, campaigns: Sequence[CampaignText], past: Past) -> list[PlannedDisbursement]:
    """Once a month, from settled money only, in whole meals; a closed campaign pays out what is left, to the fen."""
    planned = []
    for campaign in campaigns:
        last = last_donation_day(campaign) + 25 if campaign.state == "closed" else -3
        spent = 0
        for day in range(campaign.first_day + 40, last + 1, 30):
            available = _settled(campaign.ref, past, day) - spent
            meals = available * random.randint(80, 95) // 100 // campaign.price_minor(day)
            amount = meals * campaign.price_minor(day)
            if meals > 50:
                planned.append(PlannedDisbursement(day=day, campaign=campaign.ref, amount_minor=amount))
                spent += amount
        rest = _settled(campaign.ref, past, last) - spent
        if campaign.state == "closed" and rest > 0:
            planned.append(PlannedDisbursement(day=last, campaign=campaign.ref, amount_minor=rest))
    return sorted(planned, key=lambda one: (one.day, one.campaign))


def _settled(campaign: str, past: Past, until: int) -> int:
    """What reached the bank for a campaign before a day. A transfer entered wrongly counts when it was put right."""
    online = sum(one.shares.get(campaign, 0) for one in past.settlements if one.day < until)
    by_bank = sum(
        one.amount_minor for one in past.transfers if one.campaign == campaign and one.day + one.is_wrong < until
    )
    return online + by_bank
