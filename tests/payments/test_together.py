"""Messages that arrive together share a transaction, and nothing else."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from threading import Event as Signal

import sqlalchemy as sa

from donate import clock
from donate.db import Database, bind, reading
from donate.payments import inbox
from donate.payments.gateway import Event, MerchantRef
from donate.payments.inbox import Outcome
from donate.payments.merchants import gateway_for
from donate.payments.models import ProviderEvent, SandboxReply
from donate.payments.sandbox import keys
from donate.payments.signature import sign
from donate.settings import Settings
from tests.payments import factories as make
from tests.payments.test_inbox import KIND, REPLY, stored
from tests.payments.test_signature import message

BAD = "evt_bad"


class Booking:
    """Writes a row for each message and refuses a bad one; the first turn waits until the others have come."""

    def __init__(self) -> None:
        self.turns: list[list[str]] = []
        self.began, self.may_go_on = Signal(), Signal()

    def __call__(self, connection: sa.Connection, messages: Sequence[tuple[MerchantRef, Event]]) -> None:
        self.turns.append([event.id for _, event in messages])
        if len(self.turns) == 1:
            self.began.set()
            assert self.may_go_on.wait(5)
        for _, event in messages:
            connection.execute(sa.insert(SandboxReply).values(**REPLY | {"key": event.id}))
            if event.id == BAD:
                raise LookupError


def deliver(settings: Settings, event_id: str, book: inbox.BookAll) -> Outcome:
    of, body = make.merchant(), message(id=event_id)
    signature = sign(body, keys.webhook_secret(settings.secret_key, of.ref), clock.now())
    return inbox.receive(of, gateway_for(of, settings), body, signature, {KIND: _common}, {KIND: book})


def _common(_merchant: MerchantRef, _event: Event) -> None:
    raise OSError


def deliver_together(database: Database, settings: Settings, ids: Sequence[str], book: Booking) -> list[Outcome]:
    """`ids` arrive while a first message is being booked; their outcomes."""

    def work(event_id: str) -> Outcome:
        bind(database)
        gate.wait()
        return deliver(settings, event_id, book)

    def first() -> Outcome:
        bind(database)
        return deliver(settings, "evt_first", book)

    gate = Barrier(len(ids) + 1)
    with ThreadPoolExecutor(1 + len(ids)) as pool:
        begun = pool.submit(first)
        assert book.began.wait(5)
        given = [pool.submit(work, event_id) for event_id in ids]
        gate.wait()
        row = inbox._gatherings[database]._row
        while len(row) < len(ids):
            row = inbox._gatherings[database]._row
        book.may_go_on.set()
        assert begun.result() is Outcome.HANDLED
        return [future.result() for future in given]


def booked() -> list[str]:
    with reading() as session:
        return list(session.scalars(sa.select(SandboxReply.key).order_by(SandboxReply.key)))


def test_messages_that_arrive_together_are_booked_by_one_turn(database: Database, settings: Settings) -> None:
    book = Booking()
    ids = [f"evt_{number}" for number in range(5)]
    assert deliver_together(database, settings, ids, book) == [Outcome.HANDLED] * 5
    assert [sorted(turn) for turn in book.turns] == [["evt_first"], ids]
    assert booked() == sorted([*ids, "evt_first"])


def test_a_bad_message_among_them_spoils_none_but_itself(database: Database, settings: Settings) -> None:
    book = Booking()
    ids = ["evt_1", BAD, "evt_2"]
    assert deliver_together(database, settings, ids, book) == [Outcome.HANDLED, Outcome.FAILED, Outcome.HANDLED]
    assert booked() == ["evt_1", "evt_2", "evt_first"]
    assert {(event_id, outcome) for _, event_id, outcome, *_ in stored()} == {
        ("evt_first", "handled"),
        ("evt_1", "handled"),
        (BAD, "failed"),
        ("evt_2", "handled"),
    }


def test_the_same_message_twice_among_them_is_handled_once(database: Database, settings: Settings) -> None:
    book = Booking()
    outcomes = deliver_together(database, settings, ["evt_1", "evt_1", "evt_first"], book)
    assert sorted(outcomes) == sorted([Outcome.HANDLED, Outcome.SEEN, Outcome.SEEN])
    assert booked() == ["evt_1", "evt_first"]


def _killed_while_booking(url: str, settings: Settings) -> None:
    def die(connection: sa.Connection, messages: Sequence[tuple[MerchantRef, Event]]) -> None:
        for _, event in messages:
            connection.execute(sa.insert(SandboxReply).values(**REPLY | {"key": event.id}))
        os.kill(os.getpid(), signal.SIGKILL)

    bind(Database(url))
    deliver(settings, "evt_1", die)


def test_a_process_that_is_killed_before_the_commit_leaves_nothing_and_the_next_delivery_books(
    database: Database, settings: Settings
) -> None:
    process = multiprocessing.get_context("fork").Process(target=_killed_while_booking, args=(database.url, settings))
    process.start()
    process.join(20)
    assert process.exitcode == -signal.SIGKILL
    assert (stored(), booked()) == ([], [])
    book = Booking()
    book.may_go_on.set()
    assert deliver(settings, "evt_1", book) is Outcome.HANDLED
    assert booked() == ["evt_1"]
    with reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ProviderEvent)) == 1
