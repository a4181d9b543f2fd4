"""Messages are stored once, handled, kept when that fails, and never lost."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import sqlalchemy as sa

from donate import clock
from donate.db import Database, Role, bind, reading
from donate.payments import inbox, queries
from donate.payments.gateway import BadSignature, Event, Gateway, MerchantRef
from donate.payments.inbox import Outcome
from donate.payments.merchants import gateway_for
from donate.payments.models import ProviderEvent, SandboxReply
from donate.payments.sandbox import keys
from donate.payments.signature import sign
from donate.settings import Settings
from tests.payments import factories as make
from tests.payments.test_signature import message

KIND = "charge.updated"
REPLY = {
    "merchant": "lunch",
    "key": "half",
    "request_sha256": b"",
    "status": 200,
    "body": "{}",
    "request_id": "req_1",
    "created_at": clock.now(),
}


def delivered(
    settings: Settings,
    handler: Callable[[MerchantRef, Event], None] | None = None,
    body: bytes | None = None,
    of: MerchantRef | None = None,
) -> Outcome:
    of, body = of or make.merchant(), body or message()
    handlers = {} if handler is None else {KIND: handler}
    signature = sign(body, keys.webhook_secret(settings.secret_key, of.ref), clock.now())
    return inbox.receive(of, gateway_for(of, settings), body, signature, handlers)


def stored() -> list[tuple[str, str, str, int, str | None]]:
    with reading() as session:
        found = session.execute(
            sa.select(
                ProviderEvent.merchant,
                ProviderEvent.event_id,
                ProviderEvent.outcome,
                ProviderEvent.attempts,
                ProviderEvent.last_error,
            ).order_by(ProviderEvent.id)
        )
        return [tuple(row) for row in found]


def test_a_message_is_handled_once_however_often_it_comes(database: Database, settings: Settings) -> None:
    handled: list[str] = []
    outcomes = [delivered(settings, lambda merchant, event: handled.append(event.id)) for _ in range(3)]
    assert outcomes == [Outcome.HANDLED, Outcome.SEEN, Outcome.SEEN]
    assert handled == ["evt_1"]
    assert stored() == [("lunch", "evt_1", "handled", 1, None)]


def test_the_same_id_at_another_account_is_another_message(database: Database, settings: Settings) -> None:
    handled: list[str] = []
    for ref in ("lunch", "noise"):
        delivered(settings, lambda merchant, event: handled.append(merchant.ref), of=make.merchant(ref))
    assert handled == ["lunch", "noise"]


def test_an_unknown_kind_is_kept_and_ignored(database: Database, settings: Settings) -> None:
    assert delivered(settings) is Outcome.IGNORED
    assert stored() == [("lunch", "evt_1", "ignored", 0, None)]


def test_what_is_not_believed_is_not_stored(database: Database, settings: Settings) -> None:
    of = make.merchant()
    other = sign(message(), keys.webhook_secret(settings.secret_key, "noise"), clock.now())
    with pytest.raises(BadSignature):
        inbox.receive(of, gateway_for(of, settings), message(), other, {})
    assert stored() == []


def test_a_failed_message_is_kept_and_repeated_by_the_job(database: Database, settings: Settings) -> None:
    def fail(merchant: MerchantRef, event: Event) -> None:
        raise LookupError("a name and an address")

    assert delivered(settings, fail) is Outcome.FAILED
    assert stored() == [("lunch", "evt_1", "failed", 1, "LookupError")]
    handled: list[str] = []
    handlers = {KIND: lambda merchant, event: handled.append(event.id)}
    assert inbox.retry_waiting(lambda ref: make.merchant(ref), handlers) == 0  # not yet due
    with make.later(seconds=21):
        assert inbox.retry_waiting(lambda ref: make.merchant(ref), handlers) == 1
    assert handled == ["evt_1"]
    assert stored() == [("lunch", "evt_1", "handled", 2, None)]


def test_a_message_whose_handler_died_is_taken_up_again(database: Database, settings: Settings) -> None:
    def die(merchant: MerchantRef, event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        delivered(settings, die)
    assert stored()[0][2] == "new"
    handled: list[str] = []
    with make.later(seconds=61):
        inbox.retry_waiting(make.merchant, {KIND: lambda merchant, event: handled.append(event.id)})
    assert handled == ["evt_1"]


def test_pauses_grow_to_six_hours() -> None:
    assert [inbox.pause_after(attempts).total_seconds() for attempts in (1, 2, 3, 11, 60)] == [
        20,
        40,
        80,
        20_480,
        21_600,
    ]


def test_failed_messages_are_shown_without_their_content(database: Database, settings: Settings) -> None:
    def fail(merchant: MerchantRef, event: Event) -> None:
        raise LookupError("canary@example.org")

    delivered(settings, fail)
    with reading() as session:
        [event] = queries.failed_events(session)
        health = queries.inbox_health(session)
    assert (event.event_id, event.last_error) == ("evt_1", "LookupError")
    assert "canary" not in repr(event)
    assert health.waiting_count == 1


def test_two_deliveries_of_one_message_at_once_are_handled_once(database: Database, settings: Settings) -> None:
    handled: list[str] = []
    barrier = Barrier(8)

    def deliver(_: int) -> Outcome:
        bind(database)
        barrier.wait()
        return delivered(settings, lambda merchant, event: handled.append(event.id))

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(deliver, range(8)))
    assert sorted(outcomes) == sorted([Outcome.HANDLED, *[Outcome.SEEN] * 7])
    assert handled == ["evt_1"]


def test_two_messages_of_one_checkout_at_once_are_both_handled(database: Database, settings: Settings) -> None:
    handled: list[str] = []
    barrier = Barrier(2)

    def deliver(number: int) -> Outcome:
        bind(database)

        def handle(merchant: MerchantRef, event: Event) -> None:
            barrier.wait(5)  # both handlers run in the same moment: nothing of ours makes one wait for the other
            handled.append(event.id)

        return delivered(settings, handle, message(id=f"evt_{number}"))

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(deliver, range(2))) == [Outcome.HANDLED] * 2
    assert sorted(handled) == ["evt_0", "evt_1"]


def test_two_jobs_at_once_repeat_each_message_once(database: Database, settings: Settings) -> None:
    def fail(merchant: MerchantRef, event: Event) -> None:
        raise LookupError

    for number in range(10):
        delivered(settings, fail, message(id=f"evt_{number}"))
    handled: list[str] = []
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.update(ProviderEvent).values(next_attempt_at=clock.now()))

    def work(_: int) -> int:
        bind(database)
        return inbox.retry_waiting(make.merchant, {KIND: lambda merchant, event: handled.append(event.id)})

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, range(4))) == 10
    assert sorted(handled) == [f"evt_{number}" for number in range(10)]


def at_once(
    settings: Settings,
    handler: Callable[[sa.Connection, MerchantRef, Event], None],
    common: Callable[[MerchantRef, Event], None],
) -> Outcome:
    of = make.merchant()
    signature = sign(message(), keys.webhook_secret(settings.secret_key, of.ref), clock.now())

    def each(connection: sa.Connection, messages: Sequence[tuple[MerchantRef, Event]]) -> None:
        for merchant, event in messages:
            handler(connection, merchant, event)

    return inbox.receive(of, gateway_for(of, settings), message(), signature, {KIND: common}, {KIND: each})


def forbidden(merchant: MerchantRef, event: Event) -> None:
    raise AssertionError("the common way was not needed")


def test_a_message_that_is_enough_is_stored_and_handled_in_one_transaction(
    database: Database, settings: Settings
) -> None:
    def count(connection: sa.Connection, merchant: MerchantRef, event: Event) -> None:
        seen.append(connection.scalar(sa.select(sa.func.count()).select_from(ProviderEvent)))

    seen: list[int | None] = []
    assert [at_once(settings, count, forbidden) for _ in range(2)] == [Outcome.HANDLED, Outcome.SEEN]
    assert seen == [1]
    assert stored() == [("lunch", "evt_1", "handled", 1, None)]


@pytest.mark.parametrize("problem", [inbox.MessageIsNotEnough(), LookupError("a name")])
def test_what_fails_at_once_is_undone_and_takes_the_common_way(
    database: Database, settings: Settings, problem: Exception
) -> None:
    def half(connection: sa.Connection, merchant: MerchantRef, event: Event) -> None:
        connection.execute(sa.insert(SandboxReply).values(**REPLY))
        raise problem

    handled: list[str] = []
    assert at_once(settings, half, lambda merchant, event: handled.append(event.id)) is Outcome.HANDLED
    assert handled == ["evt_1"]
    with reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(SandboxReply)) == 0


def test_what_fails_both_ways_is_kept(database: Database, settings: Settings) -> None:
    def fail(*_: object) -> None:
        raise LookupError

    assert at_once(settings, fail, fail) is Outcome.FAILED
    assert stored() == [("lunch", "evt_1", "failed", 1, "LookupError")]


def test_two_deliveries_at_once_are_handled_once_in_one_transaction_too(database: Database, settings: Settings) -> None:
    handled: list[str] = []
    barrier = Barrier(8)

    def deliver(_: int) -> Outcome:
        bind(database)
        barrier.wait()
        return at_once(settings, lambda connection, merchant, event: handled.append(event.id), forbidden)

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(deliver, range(8)))
    assert sorted(outcomes) == sorted([Outcome.HANDLED, *[Outcome.SEEN] * 7])
    assert handled == ["evt_1"]


def test_the_body_is_kept_as_it_was_signed(database: Database, settings: Settings) -> None:
    body = json.dumps(json.loads(message()), indent=3).encode() + b"\n"
    delivered(settings, body=body)
    with reading() as session:
        assert session.scalar(sa.select(ProviderEvent.body)) == body


def test_the_gateway_is_our_protocol(settings: Settings) -> None:
    gateway: Gateway = gateway_for(make.merchant(), settings)
    assert gateway is gateway_for(make.merchant(), settings)
