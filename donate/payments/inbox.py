"""The provider's messages: verified, stored once, then handled; what fails is kept and tried again by us.

A message is answered with success as soon as it is safely stored, whatever its handling does: from then on it is
ours, and the job below repeats it. Only a message that could not be stored is answered with an error, so that the
provider sends it again.

No transaction is held open while a handler runs: a handler may ask the provider, and opens its own. The exception
are kinds in `at_once`, whose handler needs nothing but the messages: they are stored, handled and marked in one
transaction, and those that arrive in the same moment share it, since the way to the disk and back costs the same for
all of them. Whatever goes wrong there is undone whole; then each of them is taken by itself, so that a bad one spoils
none but itself, and what fails alone as well takes the common way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import Connection, select, text, update
from sqlalchemy.sql.dml import ReturningUpdate

from donate import clock
from donate.db import Database, Statement, autocommit, bare_transaction, current
from donate.errors import N_
from donate.payments.events import read_event
from donate.payments.gateway import Event, Gateway, MerchantRef, WrongMode
from donate.payments.gathering import Gathering, NotDone
from donate.payments.models import ProviderEvent

Handlers = Mapping[str, Callable[[MerchantRef, Event], None]]
BookAll = Callable[[Connection, Sequence[tuple[MerchantRef, Event]]], None]
AtOnce = Mapping[str, BookAll]

# A message whose handler died with its process is taken up again after this long.
PATIENCE = timedelta(seconds=60)
LONGEST_PAUSE = timedelta(hours=6)
# Messages in one transaction. A process rarely has as many threads.
MOST_TOGETHER = 64

log = structlog.get_logger("donate.inbox")


class Outcome(StrEnum):
    """What became of a message; every member is answered with success."""

    SEEN = "seen"
    HANDLED = "handled"
    IGNORED = "ignored"
    FAILED = "failed"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    Outcome.SEEN: N_("This message had arrived before."),
    Outcome.HANDLED: N_("The message was handled."),
    Outcome.IGNORED: N_("Messages of this kind are kept, but nothing depends on them."),
    Outcome.FAILED: N_("The message is kept and will be tried again."),
}

_STORE = Statement(
    """
    INSERT INTO provider_event (merchant, event_id, kind, api_version, object_id, body, occurred_at,
                                received_at, next_attempt_at, outcome, attempts, was_pulled)
    VALUES (%(merchant)s, %(event_id)s, %(kind)s, %(api_version)s, %(object_id)s, %(body)s, %(occurred_at)s,
            %(received_at)s, %(next_attempt_at)s, %(outcome)s, %(attempts)s, %(was_pulled)s)
    ON CONFLICT (merchant, event_id) DO NOTHING
    RETURNING id
    """
)

# The same for many, handled when this is committed. Their keys come sorted, so that two processes with the same messages
# wait for each other in one direction only.
_STORE_ALL = Statement(
    """
    INSERT INTO provider_event (merchant, event_id, kind, api_version, object_id, body, occurred_at, was_pulled,
                                received_at, next_attempt_at, outcome, attempts)
    SELECT given.*, CAST(%(now)s AS timestamptz), CAST(%(now)s AS timestamptz), 'handled', 1
    FROM unnest(CAST(%(merchant)s AS text[]), CAST(%(event_id)s AS text[]), CAST(%(kind)s AS text[]),
                CAST(%(api_version)s AS text[]), CAST(%(object_id)s AS text[]), CAST(%(body)b AS bytea[]),
                CAST(%(occurred_at)s AS timestamptz[]), CAST(%(was_pulled)s AS boolean[])) AS given
    ON CONFLICT (merchant, event_id) DO NOTHING
    RETURNING merchant, event_id
    """
)

# Without waiting for the disk: should a crash lose this mark, the message is handled once more, which changes nothing.
_MARK = text(
    """
    WITH eased AS (SELECT set_config('synchronous_commit', 'off', true) AS setting)
    UPDATE provider_event SET outcome = :outcome, last_error = :last_error, next_attempt_at = :next_attempt_at
    FROM eased WHERE id = :id AND eased.setting = 'off' AND outcome <> 'handled'
    """
)


class MessageIsNotEnough(Exception):
    """Raised by a handler of `at_once` that has to ask the provider after all."""


def receive(
    merchant: MerchantRef,
    gateway: Gateway,
    body: bytes,
    signature: str,
    handlers: Handlers,
    at_once: AtOnce = MappingProxyType({}),
) -> Outcome:
    """Verify a raw message, store it once and handle it. Raises what Gateway.verify raises; nothing is stored then."""
    return _take(merchant, gateway.verify(body, signature), body, handlers, at_once)


def pull(
    merchant: MerchantRef,
    body: bytes,
    handlers: Handlers,
    at_once: AtOnce = MappingProxyType({}),
) -> Outcome:
    """Store and handle a message that we asked the provider for, as if it had been delivered; marked as pulled.

    Needs no signature, since it came as an answer to our own key. Raises UnreadableEvent, OtherAccountsEvent, WrongMode.
    """
    event = read_event(body)
    if event.livemode != merchant.livemode:
        raise WrongMode
    return _take(merchant, event, body, handlers, at_once, was_pulled=True)


def unknown(merchant: MerchantRef, bodies: Sequence[bytes]) -> list[bytes]:
    """Which of these messages never arrived here. One statement for all of them."""
    ids = {read_event(body).id: body for body in bodies}
    with autocommit() as connection:
        here = connection.scalars(
            select(ProviderEvent.event_id).where(
                ProviderEvent.merchant == merchant.ref, ProviderEvent.event_id.in_(ids)
            )
        ).all()
    return [body for event_id, body in ids.items() if event_id not in set(here)]


def _take(
    merchant: MerchantRef, event: Event, body: bytes, handlers: Handlers, at_once: AtOnce, *, was_pulled: bool = False
) -> Outcome:
    if event.kind in at_once:
        outcome = _together(_Arrival(merchant, event, body, was_pulled, at_once[event.kind]))
        if outcome is not None:
            return outcome
    handler = handlers.get(event.kind)
    stored = _store(merchant, event, body, ignored=handler is None, was_pulled=was_pulled)
    if stored is None:
        return Outcome.SEEN
    if handler is None:
        return Outcome.IGNORED
    return _handle(stored, 1, event, partial(handler, merchant))


def retry_waiting(merchant_of: Callable[[str], MerchantRef], handlers: Handlers, most: int = 100) -> int:
    """Handle messages that failed or were interrupted, oldest first; how many were tried. A job calls this."""
    for tried in range(most):
        with autocommit() as connection:
            claimed = connection.execute(_claim(clock.now())).one_or_none()
        if claimed is None:
            return tried
        stored, ref, body, attempts = claimed
        event = read_event(body)
        log.info("event_again", event_id=event.id, kind=event.kind, merchant=ref, attempts=attempts)
        _handle(stored, attempts, event, _found_again(merchant_of, ref, handlers))
    return most


def _claim(now: datetime) -> ReturningUpdate[int, str, bytes, int]:
    """One statement takes the oldest and puts it off for others, so that two jobs never hold the same one."""
    waiting = (
        select(ProviderEvent.id)
        .where(ProviderEvent.outcome.in_(("new", "failed")), ProviderEvent.next_attempt_at <= now)
        .order_by(ProviderEvent.next_attempt_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return (
        update(ProviderEvent)
        .where(ProviderEvent.id == waiting)
        .values(attempts=ProviderEvent.attempts + 1, next_attempt_at=now + PATIENCE)
        .returning(ProviderEvent.id, ProviderEvent.merchant, ProviderEvent.body, ProviderEvent.attempts)
    )


def _found_again(merchant_of: Callable[[str], MerchantRef], ref: str, handlers: Handlers) -> Callable[[Event], None]:
    """Looking up the account and the handler may fail as well, and is part of what is tried."""
    return lambda event: handlers[event.kind](merchant_of(ref), event)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A verified message that its handler can book without asking anybody."""

    merchant: MerchantRef
    event: Event
    body: bytes
    was_pulled: bool
    book_all: BookAll

    @property
    def key(self) -> tuple[str, str]:
        return self.merchant.ref, self.event.id


def _together(arrival: _Arrival) -> Outcome | None:
    """What became of it; None when it was undone and must take the common way. Durable before this returns."""
    database = current()
    gathering = _gatherings.get(database)
    if gathering is None:
        gathering = _gatherings.setdefault(database, Gathering(_store_and_handle_all, most=MOST_TOGETHER))
    try:
        return gathering.do(arrival)
    except NotDone:
        return None


_gatherings: WeakKeyDictionary[Database, Gathering[_Arrival, Outcome | None]] = WeakKeyDictionary()


def _store_and_handle_all(arrivals: Sequence[_Arrival]) -> list[Outcome | None]:
    """One transaction for all of them; if anything is wrong with it, one for each."""
    try:
        fresh = _store_and_handle(arrivals)
    except Exception as error:  # undone whole; the common way stores a message before it is tried again
        if len(arrivals) > 1:
            return [outcome for arrival in arrivals for outcome in _store_and_handle_all([arrival])]
        event = arrivals[0].event
        log.info("event_not_at_once", event_id=event.id, kind=event.kind, error=type(error).__name__)
        return [None]
    outcomes: list[Outcome | None] = []
    for arrival in arrivals:
        outcomes.append(Outcome.HANDLED if arrival.key in fresh else Outcome.SEEN)
        fresh.discard(arrival.key)  # the same message twice among them was handled once
    return outcomes


def _store_and_handle(arrivals: Sequence[_Arrival]) -> set[tuple[str, str]]:
    """Keys of those that were new. Raises whatever a handler raises; nothing is stored then."""
    unique = {arrival.key: arrival for arrival in arrivals}
    rows = [unique[key] for key in sorted(unique)]
    with bare_transaction() as connection:
        stored = _STORE_ALL.rows(
            connection,
            {
                "now": clock.now(),
                "merchant": [row.merchant.ref for row in rows],
                "event_id": [row.event.id for row in rows],
                "kind": [row.event.kind for row in rows],
                "api_version": [row.event.api_version for row in rows],
                "object_id": [row.event.object_id for row in rows],
                "body": [row.body for row in rows],
                "occurred_at": [row.event.created_at for row in rows],
                "was_pulled": [row.was_pulled for row in rows],
            },
        )
        fresh = {(merchant, event_id) for merchant, event_id in stored}
        work: dict[BookAll, list[tuple[MerchantRef, Event]]] = {}
        for row in rows:
            if row.key in fresh:
                work.setdefault(row.book_all, []).append((row.merchant, row.event))
        for book_all, messages in work.items():
            book_all(connection, messages)
    return fresh


def _store(merchant: MerchantRef, event: Event, body: bytes, *, ignored: bool, was_pulled: bool) -> int | None:
    """The new row's id; None when the event is here already. Durable before this returns."""
    with autocommit() as connection:
        rows = _STORE.rows(connection, _row(merchant, event, body, ignored=ignored, was_pulled=was_pulled))
    return rows[0][0] if rows else None


def _row(merchant: MerchantRef, event: Event, body: bytes, *, ignored: bool, was_pulled: bool) -> dict[str, object]:
    now = clock.now()
    return {
        "merchant": merchant.ref,
        "event_id": event.id,
        "kind": event.kind,
        "api_version": event.api_version,
        "object_id": event.object_id,
        "body": body,
        "occurred_at": event.created_at,
        "received_at": now,
        "next_attempt_at": now + PATIENCE,
        "outcome": "ignored" if ignored else "new",
        "attempts": 0 if ignored else 1,
        "was_pulled": was_pulled,
    }


def _handle(stored: int, attempts: int, event: Event, handler: Callable[[Event], None]) -> Outcome:
    try:
        handler(event)
    except Exception as error:  # whatever it is, the message stays ours: kept, shown to staff, tried again
        kind = type(error).__name__
        _mark(stored, Outcome.FAILED, kind, clock.now() + pause_after(attempts))
        log.warning("event_failed", event_id=event.id, kind=event.kind, error=kind, attempts=attempts)
        return Outcome.FAILED
    _mark(stored, Outcome.HANDLED, None, clock.now())
    return Outcome.HANDLED


def _mark(stored: int, outcome: Outcome, last_error: str | None, next_attempt_at: datetime) -> None:
    row = {"id": stored, "outcome": outcome.value, "last_error": last_error, "next_attempt_at": next_attempt_at}
    with autocommit() as connection:
        connection.execute(_MARK, row)


def pause_after(attempts: int) -> timedelta:
    """Twenty seconds, then twice as long each time, up to six hours."""
    return min(timedelta(seconds=10 << min(attempts, 20)), LONGEST_PAUSE)
