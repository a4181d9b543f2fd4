"""The brake on one way of paying for one campaign, and the one on everything: they come on and off by themselves.

A network's own limits stop one tester; many networks at once are seen by the campaign that they try their cards on.

- Many unpaid checkouts ask for the challenge, and far more are refused for the moment. They alone never pause
  a campaign: opening pages costs an attacker nothing, and nobody should be able to close a campaign that way.
- Many refused payments against few accepted ones pause that way of paying for that campaign, since every one of them harms the
  charity's standing with the card companies. One network counts for 10 of them at most, so that it cannot do this
  alone. All other ways and campaigns go on.
- After the pause it is on trial: the challenge is asked, and few may stand open at once. Three that pay end the
  trial; five that are refused pause it again, twice as long, up to two hours. A trial in which nobody comes ends after an hour.

A brake is judged once a second at most, by whoever starts a checkout then: no job has to run for it to come off.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.giving.limit_models import CheckoutBrake
from donate.giving.tries import EARNED, WITHIN, Bounds, Level

JUDGED_EVERY = timedelta(seconds=1)
CAMPAIGN = Bounds(ask=300, refuse=3_000)
TOTAL = Bounds(ask=3_000, refuse=30_000)

PAUSES_AT = 30  # refused payments in ten minutes, and twice as many as were paid
ASKS_AT = 15
MOST_OF_A_NETWORK = 10  # fewer than ask or pause: it takes several networks
PAUSE, LONGEST_PAUSE = timedelta(minutes=10), timedelta(hours=2)
TRIAL_OPEN, TRIAL_PAID, TRIAL_DECLINED = 20, 3, 5
LONGEST_TRIAL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pulse:
    """What happened in the time that is judged."""

    unpaid: int
    paid: int
    declined: int


@dataclass(frozen=True, slots=True)
class Brake:
    """How a brake stands. `paused_until` lies behind us while the way of paying is on trial."""

    asks: bool = False
    refuses: bool = False
    paused_until: datetime | None = None
    pause_count: int = 0

    def is_paused(self, now: datetime) -> bool:
        return self.paused_until is not None and now < self.paused_until

    def is_on_trial(self, now: datetime) -> bool:
        return self.paused_until is not None and now >= self.paused_until

    @property
    def level(self) -> Level:
        if self.refuses:
            return Level.REFUSE
        return Level.ASK if self.asks else Level.FREE


def judged(brake: Brake, pulse: Pulse, now: datetime, bounds: Bounds = CAMPAIGN) -> Brake:
    """How a brake stands after what happened since the window (or the trial) began."""
    if brake.is_paused(now):
        return brake
    if brake.is_on_trial(now):
        return _tried(brake, pulse, now)
    if pulse.declined >= PAUSES_AT and pulse.declined >= 2 * pulse.paid:
        return _paused(brake, now)
    level = bounds.level(pulse.unpaid, pulse.paid)
    return Brake(
        asks=level >= Level.ASK or (pulse.declined >= ASKS_AT and pulse.declined >= pulse.paid),
        refuses=level is Level.REFUSE,
    )


def _tried(brake: Brake, pulse: Pulse, now: datetime) -> Brake:
    if pulse.declined >= TRIAL_DECLINED and pulse.declined >= 2 * pulse.paid:
        return _paused(brake, now)
    is_over = brake.paused_until is not None and now >= brake.paused_until + LONGEST_TRIAL
    if pulse.paid >= TRIAL_PAID or (is_over and pulse.declined < TRIAL_DECLINED):
        return Brake()
    return replace(brake, asks=True, refuses=pulse.unpaid >= TRIAL_OPEN + EARNED * pulse.paid)


def _paused(brake: Brake, now: datetime) -> Brake:
    pause = min(PAUSE * 2 ** min(brake.pause_count, 10), LONGEST_PAUSE)
    return Brake(asks=True, paused_until=now + pause, pause_count=brake.pause_count + 1)


def brake_on(session: Session, campaign: str = "", method: str = "") -> Brake:
    """The brake on one way of paying for a campaign, or on everything, judged afresh where that is due.

    Writes to a row that donors of the campaign share: call it in a short transaction of its own.
    """
    now = clock.now()
    row = _row(session, campaign, method)
    if row is not None and row.judged_at > now - JUDGED_EVERY:
        return _brake(row)
    locked = _locked(session, campaign, method, now)
    if locked is None:  # somebody else judges it at this moment
        return _brake(row) if row is not None else Brake()
    before = _brake(locked)
    after = judged(before, _pulse(session, before, campaign, method, now), now, CAMPAIGN if campaign else TOTAL)
    session.execute(
        update(CheckoutBrake)
        .where(CheckoutBrake.campaign_ref == campaign, CheckoutBrake.method == method)
        .values(
            judged_at=now,
            asks=after.asks,
            refuses=after.refuses,
            paused_until=after.paused_until,
            pause_count=after.pause_count,
        )
    )
    return after


def _row(session: Session, campaign: str, method: str) -> CheckoutBrake | None:
    return session.scalar(select(CheckoutBrake).filter_by(campaign_ref=campaign, method=method))


def _locked(session: Session, campaign: str, method: str, now: datetime) -> CheckoutBrake | None:
    first = {"asks": False, "refuses": False, "pause_count": 0, "judged_at": now - 2 * JUDGED_EVERY}
    session.execute(
        insert(CheckoutBrake).values(campaign_ref=campaign, method=method, **first).on_conflict_do_nothing()
    )
    return session.scalar(
        select(CheckoutBrake)
        .filter_by(campaign_ref=campaign, method=method)
        .where(CheckoutBrake.judged_at <= now - JUDGED_EVERY)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _brake(row: CheckoutBrake) -> Brake:
    return Brake(row.asks, row.refuses, row.paused_until, row.pause_count)


def _pulse(session: Session, brake: Brake, campaign: str, method: str, now: datetime) -> Pulse:
    since = now - WITHIN
    if brake.is_on_trial(now) and brake.paused_until is not None:
        since = brake.paused_until
    facts = {"campaign": campaign, "method": method, "since": since, "of_one": MOST_OF_A_NETWORK}
    row: Sequence[Any] = session.execute(_CAMPAIGN_PULSE if campaign else _TOTAL_PULSE, facts).one()
    return Pulse(*row)


_CAMPAIGN_PULSE = text(
    """
    SELECT count(*) FILTER (WHERE checkout.booked_as IS NULL), count(*) FILTER (WHERE checkout.booked_as IS NOT NULL),
           (SELECT coalesce(sum(least(of_network.declined, :of_one)), 0)::bigint FROM (
              SELECT count(*) AS declined
              FROM declined_try JOIN checkout_try USING (checkout_id)
              WHERE declined_at > :since AND campaign_ref = :campaign AND method = :method
              GROUP BY network_hash) AS of_network)
    FROM checkout_try JOIN checkout ON checkout.id = checkout_try.checkout_id
    WHERE campaign_ref = :campaign AND checkout_try.method = :method AND tried_at > :since
    """
)

# Refused payments pause a campaign, never everything.
_TOTAL_PULSE = text(
    """
    SELECT count(*) FILTER (WHERE checkout.booked_as IS NULL), count(*) FILTER (WHERE checkout.booked_as IS NOT NULL), 0
    FROM checkout_try JOIN checkout ON checkout.id = checkout_try.checkout_id
    WHERE line = 0 AND tried_at > :since
    """
)
