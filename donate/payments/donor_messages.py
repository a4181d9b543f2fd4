"""The provider's messages about one donor: found by what they name, so that their bodies can be emptied before their time.

A message hardly ever names all that it is about. One about a customer names neither checkout nor charge, but the page's own
message names that customer: what is found by our references is read for the provider's ids of the same donor, and the search
goes on with these.
"""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.errors import DonateError
from donate.payments.events import read_event

# Of one donor alone: their customer, payments, pages and standing promises. Not balances, payouts or ways of paying.
_THEIRS = re.compile(rb'"((?:cus|pi|ch|py|sub|in|cs)_[A-Za-z0-9_]{12,})"')
# A chain from a page over its customer to a month's charge has three links.
_MOST_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class DonorMessage:
    """A message that still has its body. `is_waiting`: it is not handled yet, and its body is needed for that."""

    id: int
    is_waiting: bool


def messages_about(session: Session, names: Collection[str], *, since: datetime) -> list[DonorMessage]:
    """Messages received at `since` or later that name one of these (our references, the provider's ids, addresses).

    Reads the bodies of all messages since then, which are kept for ninety days: seconds for a hundred thousand.
    """
    found: dict[int, bool] = {}
    known: set[str] = set()
    new = set(names)
    for _ in range(_MOST_ROUNDS):
        if not new:
            break
        known |= new
        rows = _matching(session, new, since)
        found |= {row_id: outcome in ("new", "failed") for row_id, outcome, _ in rows}
        new = {match.decode() for _, _, body in rows for match in _THEIRS.findall(body)} - known
    return [DonorMessage(row_id, is_waiting) for row_id, is_waiting in sorted(found.items())]


def checkouts_of_address(session: Session, email: str) -> set[UUID]:
    """Public ids of checkouts whose donor gave this address on the provider's page, as far as bodies are still kept."""
    spellings = {email, email.lower()}
    return {
        reference
        for _, _, body in _matching(session, spellings, None)
        if (reference := _reference_in(body)) is not None
    }


def empty_bodies(session: Session, ids: Sequence[int]) -> int:
    """Empty the bodies of handled messages; that they came, and what about, stays. How many. Wants the eraser."""
    return len(session.scalars(_EMPTY, {"ids": list(ids)}).all())


def _matching(session: Session, names: Collection[str], since: datetime | None) -> list[tuple[int, str, bytes]]:
    # Whole strings in quotes: an address is often the end of a longer one.
    needles = {json.dumps(name, ensure_ascii=ascii_only).encode() for name in names for ascii_only in (True, False)}
    given = {"names": list(names), "needles": sorted(needles), "since": since}
    rows = cast("Sequence[tuple[int, str, bytes]]", session.execute(_MATCHING, given).all())
    return [(row_id, outcome, bytes(body)) for row_id, outcome, body in rows]


def _reference_in(body: bytes) -> UUID | None:
    try:
        return read_event(body).reference
    except DonateError:
        return None


_MATCHING = text(
    """
    SELECT id, outcome, body FROM provider_event
    WHERE body <> '' AND received_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
      AND (object_id = ANY(:names)
           OR EXISTS (SELECT FROM unnest(CAST(:needles AS bytea[])) AS named (needle) WHERE position(needle IN body) > 0))
    ORDER BY id
    """
)

_EMPTY = text(
    """
    UPDATE provider_event SET body = ''
    WHERE id = ANY(:ids) AND outcome IN ('handled', 'ignored') AND body <> ''
    RETURNING id
    """
)
