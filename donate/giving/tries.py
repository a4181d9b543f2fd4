"""From where checkouts are started, and how many of those may stand unpaid: the limits against card testing.

What is limited is not paying but starting and not paying. Carriers put thousands of donors behind one address, so a
limit on checkouts would stop them on the very day when many give. Hence:

- Only what is unpaid counts, in the last ten minutes; a refused card, which says more, like four more. Whoever
  pays, counts no longer from that moment.
- Each paid checkout earns room for three more unpaid ones beside it: where at least one donor in four pays in the end, nobody is
  ever asked anything, however many there are. Testers of stolen cards see far fewer than one in four accepted.
- Each way of paying is counted by itself: cards tried out from a network leave its wallets alone.
- Too many ask for the challenge first; only far more are refused. A browser (its name within its network) may leave
  10 unpaid before it is asked and 60 before it is refused: families and offices share a browser's name, and phones of one model in
  one carrier's network do. An address (of IPv6 a /64) may leave 50 and 300, a network (/24, /48) 100 and 600.
- An address is refused long before its network is: whoever tries out cards from one of them, under whatever names of browsers,
  gets its neighbours asked and not refused. Only on the very address of a tester are ordinary donors' cards refused for ten
  minutes, since nothing tells them from the tester; their wallets go on.

Nothing of this is written when a donation is booked, and nothing here is a counter that all must lock: a try is one
row in the transaction of its checkout, and whether it was paid is asked of the checkout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Any

from sqlalchemy import delete, insert, text
from sqlalchemy.orm import Session

from donate import clock
from donate.giving.limit_models import CheckoutTry, DeclinedTry
from donate.people import limits

WITHIN = timedelta(minutes=10)
KEPT = timedelta(hours=24)
DECLINE_WEIGHS = 4  # unpaid checkouts; somebody who mistypes a card twice is not asked anything yet
EARNED = 3  # unpaid checkouts beside one that was paid
LOOKED_AT = 2_000  # tries of one network, newest first: what an answer may cost at most


class Level(IntEnum):
    """What a donor meets: nothing, the challenge, or a refusal for some minutes."""

    FREE = 0
    ASK = 1
    REFUSE = 2


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may stand unpaid before a donor is asked, and before they are refused."""

    ask: int
    refuse: int

    def level(self, burden: int, paid: int) -> Level:
        earned = EARNED * paid
        if burden >= self.refuse + earned:
            return Level.REFUSE
        return Level.ASK if burden >= self.ask + earned else Level.FREE


BROWSER = Bounds(ask=10, refuse=60)
ADDRESS = Bounds(ask=50, refuse=300)
NETWORK = Bounds(ask=100, refuse=600)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who starts a checkout, as keyed hashes: neither address nor browser's name is kept."""

    network: bytes
    address: bytes
    browser: bytes


def asker(address: str, user_agent: str) -> Asker:
    """The hashes of a request's address and browser. No cookie is needed, and none is set."""
    network = limits.network_of(address)
    return Asker(
        network=limits.hash_of("checkout by network", network),
        address=limits.hash_of("checkout by address", limits.line_of(address)),
        browser=limits.hash_of("checkout by browser", f"{network} {user_agent[:400]}"),
    )


def level_of(session: Session, who: Asker, method: str) -> Level:
    """What this asker meets when starting another checkout by this way of paying."""
    level = Level.FREE
    for bounds, query, key in (
        (BROWSER, _BY_BROWSER, who.browser),
        (ADDRESS, _BY_ADDRESS, who.address),
        (NETWORK, _BY_NETWORK, who.network),
    ):
        level = max(level, bounds.level(*_burden(session, query, key, method)))
        if level is Level.REFUSE:
            break
    return level


def remember(session: Session, checkout_id: int, who: Asker, campaigns: Sequence[str], method: str) -> None:
    """Write down from where a checkout was started, in its own transaction."""
    session.execute(
        insert(CheckoutTry),
        [
            {
                "checkout_id": checkout_id,
                "line": line,
                "campaign_ref": campaign,
                "method": method,
                "network_hash": who.network,
                "address_hash": who.address,
                "browser_hash": who.browser,
                "tried_at": clock.now(),
            }
            for line, campaign in enumerate(campaigns)
        ],
    )


def forget(session: Session) -> int:
    """Drop what is older than a day; how many rows went."""
    before = clock.now() - KEPT
    tries = session.scalars(delete(CheckoutTry).where(CheckoutTry.tried_at < before).returning(CheckoutTry.line))
    gone = len(tries.all())
    declined = delete(DeclinedTry).where(DeclinedTry.declined_at < before).returning(DeclinedTry.checkout_id)
    return gone + len(session.scalars(declined).all())


def _burden(session: Session, query: str, key: bytes, method: str) -> tuple[int, int]:
    """How much stands unpaid or was declined, and how many were paid."""
    facts = {"key": key, "method": method, "since": clock.now() - WITHIN, "most": LOOKED_AT}
    row: Sequence[Any] = session.execute(text(query), facts).one()
    unpaid, paid, declined = row
    return unpaid + DECLINE_WEIGHS * declined, paid


_BURDEN = """
    WITH tries AS MATERIALIZED (
      SELECT checkout_id FROM checkout_try
      WHERE {column} = :key AND method = :method AND line = 0 AND tried_at > :since
      ORDER BY tried_at DESC LIMIT :most
    )
    SELECT count(*) FILTER (WHERE checkout.booked_as IS NULL),
           count(*) FILTER (WHERE checkout.booked_as IS NOT NULL),
           (SELECT count(*) FROM tries JOIN declined_try USING (checkout_id))
    FROM tries JOIN checkout ON checkout.id = tries.checkout_id
"""
_BY_BROWSER = _BURDEN.format(column="browser_hash")
_BY_ADDRESS = _BURDEN.format(column="address_hash")
_BY_NETWORK = _BURDEN.format(column="network_hash")
