"""Limits on every door that guesses, counted in the database so that they hold over all web machines.

What is counted by (an e-mail address, a network) is kept only as a hash keyed by the installation's secret.
"""

import hashlib
import hmac
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError
from donate.people.models import LimitCount

_key: ContextVar[bytes | None] = ContextVar("limit_key", default=None)


class TooManyAttempts(DonateError):
    """The door is closed to this key for a while."""

    sentence = N_("There were too many attempts. Please wait %(minutes)s minutes and try again.")
    status = 429


def bind_key(secret_key: str) -> None:
    """Set the secret for this thread's (or request's) hashes. The web binds it for every request."""
    _key.set(secret_key.encode())


def allow(session: Session, *, scope: str, key: str, most: int, within: timedelta) -> bool:
    """Count one attempt and say whether `key` stays at or under `most` of them in the last `within`.

    Call it in a transaction of its own: the count must stand even when what it guards is undone, and the row is
    locked until the commit. The last stretch of time counts in proportion to how much of it is still in reach, so
    that nobody gets twice the limit at the turn of a stretch.
    """
    key_hash = hash_of(scope, key)
    now, length = clock.now(), int(within.total_seconds())
    passed = int(now.timestamp()) % length
    begins_at = datetime.fromtimestamp(int(now.timestamp()) - passed, UTC)
    counted = session.scalar(
        insert(LimitCount)
        .values(scope=scope, key_hash=key_hash, begins_at=begins_at, ends_at=begins_at + within, count=1)
        .on_conflict_do_update(index_elements=["scope", "key_hash", "begins_at"], set_={"count": LimitCount.count + 1})
        .returning(LimitCount.count)
    )
    before = session.scalar(
        select(LimitCount.count).where(
            LimitCount.scope == scope, LimitCount.key_hash == key_hash, LimitCount.begins_at == begins_at - within
        )
    )
    return (counted or 0) * length + (before or 0) * (length - passed) <= most * length


def forget(session: Session, *, scope: str, key: str) -> None:
    """Drop the counts of a key, such as after the right password."""
    session.execute(delete(LimitCount).where(LimitCount.scope == scope, LimitCount.key_hash == hash_of(scope, key)))


def purge(session: Session) -> int:
    """Drop counts that no longer limit anything (two stretches ago, at most a day). Returns how many rows went."""
    gone = session.scalars(
        delete(LimitCount)
        .where(LimitCount.ends_at + (LimitCount.ends_at - LimitCount.begins_at) < clock.now())
        .returning(LimitCount.scope)
    )
    return len(gone.all())


def network_of(address: str) -> str:
    """The network that an address is counted by: /24 of IPv4, /48 of IPv6. Anything else is one network, `unknown`."""
    return _within(address, 24, 48)


def line_of(address: str) -> str:
    """The one line behind an address: the address itself of IPv4, its /64 of IPv6 (a household has all of that)."""
    return _within(address, 32, 64)


def _within(address: str, of_ipv4: int, of_ipv6: int) -> str:
    try:
        ip = ip_address(address)
    except ValueError:
        return "unknown"
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    return str(ip_network((ip, of_ipv4 if ip.version == 4 else of_ipv6), strict=False))


def hash_of(scope: str, key: str) -> bytes:
    """The keyed hash that stands for `key` in `scope`."""
    secret = _key.get()
    if secret is None:
        raise RuntimeError("no key for limits: the web binds one for every request, anything else calls bind_key")
    return hmac.digest(secret, f"limit\n{scope}\n{key}".encode(), hashlib.sha256)
