"""What staff do in a storm, each thing as their door does it: they explain money and balance lines, well or badly."""

import random
from collections.abc import Callable

from sqlalchemy import select

from donate.db import reading, transaction
from donate.giving import unexplained
from donate.giving.models import UnbookedMoney
from donate.giving.refunding import send_now
from donate.giving.unexplained import Way
from donate.payments.models import SandboxObject
from donate.payments.sandbox import disputes
from donate.settings import Settings
from donate.settling import explaining
from donate.settling.models import Met, ProviderLine

NOTE = "as the donor said on the phone"

_WAYS: dict[Way, Callable[..., object]] = {
    Way.CLEAR: unexplained.clear_to_donations,
    Way.GENERAL: unexplained.keep_in_general,
    Way.NOTE: unexplained.note_unbooked,
}


def explain_money(settings: Settings, chance: random.Random) -> None:
    """One sum, by whatever button: what is not open to it is refused."""
    standing = standing_money()
    if standing:
        _explain(settings, chance.choice(standing), chance.choice(list(Way)))


def explain_line(chance: random.Random) -> None:
    standing = standing_lines()
    if standing:
        _explain_line(chance.choice(standing), chance)


def explain_all(settings: Settings, chance: random.Random) -> int:
    """Every sum and line by one of the ways that its page offers; how many could not be explained now."""
    stuck = 0
    for money in standing_money():
        with reading() as session:
            ways = sorted(unexplained.ways_out(session, money))
        if ways:
            _explain(settings, money, chance.choice(ways))
        stuck += not ways
    for line in standing_lines():
        _explain_line(line, chance)
    return stuck


def let_banks_decide(merchant: str, chance: random.Random) -> None:
    """Every dispute that still runs comes to its end."""
    with transaction() as session:
        running = session.scalars(
            select(SandboxObject.object_id).where(
                SandboxObject.merchant == merchant,
                SandboxObject.kind == "dispute",
                SandboxObject.body["status"].as_string().not_in(("won", "lost", "warning_closed")),
            )
        ).all()
        for dispute in running:
            disputes.close_dispute(session, merchant, dispute, won=chance.random() < 0.5)


def standing_money() -> list[int]:
    with reading() as session:
        return list(session.scalars(select(UnbookedMoney.id).where(UnbookedMoney.explained_at.is_(None))))


def standing_lines() -> list[int]:
    with reading() as session:
        stands = ProviderLine.met.in_((Met.SUSPENSE.value, Met.UNBOOKED.value))
        return list(session.scalars(select(ProviderLine.id).where(stands, ProviderLine.explained_at.is_(None))))


def _explain(settings: Settings, money: int, way: Way) -> None:
    if way is Way.REFUND:
        with transaction() as session:
            public_id = unexplained.refund_unexplained(session, money, by=1, note=NOTE).public_id
        send_now(public_id, settings)
        return
    with transaction() as session:
        _WAYS[way](session, money, by=1, note=NOTE)


def _explain_line(line_id: int, chance: random.Random) -> None:
    with transaction() as session:
        outcomes = explaining.outcomes_of(session, session.get_one(ProviderLine, line_id))
        if outcomes:
            explaining.explain(session, line_id, chance.choice(outcomes), by=1, note=NOTE)
