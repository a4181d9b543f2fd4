"""Trouble on demand: calls that fail in a chosen way, a post that is unreliable by a seed, an endpoint switched off.

    with transaction() as session:
        trouble.break_next(session, "lunch", Breakage.LOST, times=2, path="/v1/refunds")
        trouble.disturb_post(session, "lunch", seed=7)
        trouble.switch_endpoint(session, "lunch", is_on=False)

Kept per merchant account in one row that no route shows, so that it works over every process of an installation.
"""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.payments.models import SandboxObject
from donate.payments.sandbox.faults import Fault, NoAnswer

TROUBLE = "trouble"


class Breakage(StrEnum):
    """What happens to a call. Only LOST and HUNG are carried out; after the others nothing has happened."""

    CONFLICT = "conflict"  # 409 lock_timeout: the object is in use; the SDK tries again by itself
    RATE_LIMIT = "rate_limit"  # 429: too many calls
    SERVER_ERROR = "server_error"  # 500: broken on their side; the SDK tries again by itself
    UNREACHED = "unreached"  # no connection: told at once, and the call never began
    LOST = "lost"  # carried out, but the connection was cut before the answer
    HUNG = "hung"  # carried out, but the answer never comes, and whoever asked waits for as long as they want


_FAULTS = {
    Breakage.CONFLICT: Fault(
        409,
        "This object cannot be accessed right now because another API request is currently accessing it.",
        code="lock_timeout",
    ),
    Breakage.RATE_LIMIT: Fault(429, "Request rate limit exceeded.", code="rate_limit"),
    Breakage.SERVER_ERROR: Fault(500, "An unknown error occurred.", kind="api_error"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """How one event travels: never sent, or so many copies, so many first attempts lost, so late."""

    is_sent: bool = True
    duplicates: int = 0
    lost_first: int = 0
    late_seconds: int = 0


def break_next(session: Session, merchant: str, breakage: Breakage, *, times: int = 1, path: str = "/") -> None:
    """The next `times` calls under `path` fail in this way. Several are worked off in the order of their planning."""
    row = _row(session, merchant)
    planned = {"breakage": breakage.value, "times": times, "path": path}
    row.private = {**row.private, "calls": [*row.private.get("calls", []), planned]}


def disturb_post(
    session: Session,
    merchant: str,
    *,
    seed: int,
    duplicate_percent: int = 20,
    lost_percent: int = 20,
    late_percent: int = 30,
    late_seconds: int = 30,
) -> None:
    """From now on every event is copied, lost at first, or late (so that others overtake it), by these chances.

    The same seed and the same doings give the same trouble. With all chances at zero the post is reliable again.
    """
    row = _row(session, merchant)
    row.private = {
        **row.private,
        "post": {
            "seed": seed,
            "after": session.scalar(select(func.max(SandboxObject.number))),
            "duplicate_percent": duplicate_percent,
            "lost_percent": lost_percent,
            "late_percent": late_percent,
            "late_seconds": late_seconds,
        },
    }


def switch_endpoint(session: Session, merchant: str, *, is_on: bool) -> None:
    """Off: new events are not sent, now or later, and those in the post are given up at their next attempt.

    The first do not even count as undelivered; only the plain list of events tells of them.
    """
    row = _row(session, merchant)
    row.private = {**row.private, "endpoint_off": not is_on}


def next_breakage(session: Session, merchant: str, path: str) -> Breakage | None:
    """What is planned for this call; it counts as used up once the transaction is committed."""
    found = _found(session, merchant)
    if not any(path.startswith(planned["path"]) for planned in found.get("calls", [])):
        return None
    row = _row(session, merchant)
    calls = [dict(planned) for planned in row.private.get("calls", [])]
    planned = next((planned for planned in calls if path.startswith(planned["path"])), None)
    if planned is None:  # another call has just taken it
        return None
    planned["times"] -= 1
    row.private = {**row.private, "calls": [planned for planned in calls if planned["times"] > 0]}
    return Breakage(planned["breakage"])


def require_whole(breakage: Breakage | None) -> None:
    """Raises the Fault or the NoAnswer that a call ends with that is never carried out."""
    if breakage is Breakage.UNREACHED:
        raise NoAnswer
    if breakage in _FAULTS:
        raise _FAULTS[breakage]


def post_of(session: Session, merchant: str, number: int, disturbance: dict[str, Any]) -> Post:
    """How event `number` travels: as its session was told, and as the account's post is."""
    found = _found(session, merchant)
    told = Post(
        is_sent=not found.get("endpoint_off", False),
        duplicates=disturbance.get("duplicates", 0),
        lost_first=disturbance.get("lost_first", 0),
        late_seconds=disturbance.get("late_seconds", 0),
    )
    chances = found.get("post")
    if chances is None:
        return told
    dice = sha256(f"{chances['seed']}:{number - chances['after']}".encode()).digest()
    return Post(
        is_sent=told.is_sent,
        duplicates=told.duplicates + _thrown(dice, 0, chances["duplicate_percent"], 3),
        lost_first=told.lost_first + _thrown(dice, 2, chances["lost_percent"], 3),
        late_seconds=told.late_seconds + _thrown(dice, 4, chances["late_percent"], chances["late_seconds"]),
    )


def _thrown(dice: bytes, place: int, percent: int, most: int) -> int:
    """From 1 to `most` with the given chance, else 0."""
    if dice[place] * 100 >= percent * 256:
        return 0
    return 1 + int.from_bytes(dice[8 + place : 10 + place]) % most


def is_endpoint_on(session: Session, merchant: str) -> bool:
    return not _found(session, merchant).get("endpoint_off", False)


def _found(session: Session, merchant: str) -> dict[str, Any]:
    found: dict[str, Any] | None = session.scalar(
        select(SandboxObject.private).where(
            SandboxObject.merchant == merchant, SandboxObject.object_id == TROUBLE, SandboxObject.kind == TROUBLE
        )
    )
    return found or {}


def _row(session: Session, merchant: str) -> SandboxObject:
    """The account's row, locked; made at its first use. Two at once make one."""
    query = (
        select(SandboxObject)
        .where(SandboxObject.merchant == merchant, SandboxObject.object_id == TROUBLE)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    row = session.scalar(query)
    if row is not None:
        return row
    made = insert(SandboxObject).values(
        merchant=merchant, object_id=TROUBLE, kind=TROUBLE, body={}, private={}, created_at=clock.now()
    )
    session.execute(made.on_conflict_do_nothing(index_elements=("merchant", "object_id")))
    return session.scalars(query).one()
