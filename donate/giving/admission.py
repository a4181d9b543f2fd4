"""Whether a checkout may be started now: the asker's limits, the brakes of its campaigns, the brake on everything."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.db import transaction
from donate.errors import N_, DonateError
from donate.giving import brakes, tries
from donate.giving.challenge import Challenge, Question
from donate.giving.models import Checkout
from donate.giving.service import NewCheckout
from donate.giving.tries import Asker, Level


class TooMuchUnpaid(DonateError):
    """Far more is started than paid, from here or for this campaign."""

    sentence = N_(
        "Far more payments are being started here than paid at the moment, which is how stolen cards are tried out. "
        "Please try again in %(minutes)s minutes; nothing was charged."
    )
    status = 429


class MethodPaused(DonateError):
    """One way of paying rests for one campaign."""

    sentence = N_(
        "This way of paying rests for this campaign for about %(minutes)s minutes: many payments were tried and refused "
        "in a short time. Nothing was charged. Other ways of paying and other campaigns go on."
    )
    status = 409
    field = "method"


class ChallengeNeeded(Exception):
    """The form must be drawn again with this question."""

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question


def require_admitted(new: NewCheckout, *, challenge: Challenge, typed: Mapping[str, str]) -> None:
    """Say whether this checkout may be started. One that was started already may always go on.

    Opens a transaction of its own: what a brake finds must stand when the donor is refused.
    Raises TooMuchUnpaid, MethodPaused, ChallengeNeeded.
    """
    if new.asker is None:
        return
    campaigns = sorted(line.campaign for line in new.form.lines)  # so that no two donors wait for each other's brake
    with transaction() as session:
        refusal, level = _found(session, new.public_id, new.asker, campaigns, new.form.method)
    if refusal is not None:
        raise refusal
    if level is Level.ASK and not challenge.is_met(new.public_id, typed):
        raise ChallengeNeeded(challenge.ask(new.public_id))


def _found(
    session: Session, reference: UUID, who: Asker, campaigns: Sequence[str], method: str
) -> tuple[DonateError | None, Level]:
    if session.scalar(select(Checkout.id).where(Checkout.public_id == reference)) is not None:
        return None, Level.FREE
    now = clock.now()
    level = tries.level_of(session, who, method)
    for campaign in campaigns:
        brake = brakes.brake_on(session, campaign, method)
        if brake.paused_until is not None and brake.is_paused(now):
            return MethodPaused(minutes=_minutes((brake.paused_until - now).total_seconds())), Level.REFUSE
        level = max(level, brake.level)
    level = max(level, brakes.brake_on(session).level)
    if level is Level.REFUSE:
        return TooMuchUnpaid(minutes=_minutes(tries.WITHIN.total_seconds())), level
    return None, level


def _minutes(seconds: float) -> int:
    return max(1, -(-int(seconds) // 60))
