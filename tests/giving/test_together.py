"""Messages that arrive together share a transaction, and nobody can tell from what they did that they did."""

import multiprocessing
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask

from donate import create_app
from donate.db import Database, Role, bind
from donate.giving.booking import move_all_towards
from donate.giving.models import Checkout
from donate.ledger import checks
from donate.payments import inbox
from donate.sequencer import drain
from donate.settings import Settings
from tests.giving import factories as make
from tests.giving.test_webhooks import event, post

_processes = multiprocessing.get_context("fork")

Message = tuple[bytes, str]  # body, merchant account


@pytest.fixture
def campaign(app: Flask) -> str:
    ref = make.raising()
    make.noise()
    return ref


def until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.002)


def send_together(app: Flask, database: Database, settings: Settings, messages: list[Message]) -> list[int]:
    """Deliver messages behind one whose checkout is held, so that they are all there when their turn comes."""
    plug = make.opened(settings)
    answers: dict[int, int] = {}

    def send(place: int, body: bytes, to: str) -> None:
        bind(database)
        answers[place] = post(app.test_client(), settings, body, to=to)

    def start(place: int, body: bytes, to: str = make.MERCHANT) -> threading.Thread:
        thread = threading.Thread(target=send, args=(place, body, to))
        thread.start()
        return thread

    with database.transaction() as holder:
        holder.execute(sa.text("SELECT FROM checkout WHERE public_id = :it FOR UPDATE"), {"it": plug.public_id})
        threads = [start(-1, event(plug))]
        until(lambda: database in inbox._gatherings and _waits_for_lock(database))
        gathering = inbox._gatherings[database]
        for place, (body, to) in enumerate(messages):
            threads.append(start(place, body, to))
            until(lambda count=place + 1: len(gathering._row) == count)
    for thread in threads:
        thread.join(20)
    return [answers[place] for place in range(len(messages))]


def _waits_for_lock(database: Database) -> bool:
    """In this database: the server is shared with the other workers' tests."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with database.autocommit(Role.OWNER) as connection:
        return bool(connection.scalar(sa.text(waiting)))


def ours(*bodies: bytes) -> list[Message]:
    return [(body, make.MERCHANT) for body in bodies]


def opened(settings: Settings, count: int) -> list[Checkout]:
    return [make.opened(settings) for _ in range(count)]


def stored(database: Database) -> list[tuple[str, str]]:
    """Outcomes of the messages in the order in which they were stored, with the transaction that stored each."""
    with database.reading() as session:
        rows = session.execute(sa.text("SELECT outcome, xmin::text FROM provider_event ORDER BY id")).all()
    return [(outcome, stored_by) for outcome, stored_by in rows]


def outcomes(database: Database) -> Counter[str]:
    return Counter(outcome for outcome, _ in stored(database))


def donations() -> int:
    return sum(entry == make.DONATION for entry in make.booked())


def test_messages_that_arrive_together_share_one_transaction(
    app: Flask, database: Database, settings: Settings, campaign: str
) -> None:
    messages = ours(*(event(made) for made in opened(settings, 5)))
    assert send_together(app, database, settings, messages) == [200] * 5
    assert donations() == 6
    _plug, *others = stored(database)
    assert len(set(others)) == 1


@pytest.mark.parametrize(
    ("changes", "entry_or_row"),
    [
        ({"amount_total": 1400}, "suspense"),
        ({"client_reference_id": str(uuid4()), "metadata": {}}, "suspense"),
        ({"currency": "usd"}, "unbooked_money"),
    ],
)
def test_a_message_that_nobody_can_explain_spoils_no_other(
    app: Flask, database: Database, settings: Settings, campaign: str, changes: dict[str, Any], entry_or_row: str
) -> None:
    good = opened(settings, 3)
    bad = event(make.opened(settings), **changes)
    messages = ours(event(good[0]), event(good[1]), bad, event(good[2]))
    assert send_together(app, database, settings, messages) == [200] * 4
    assert outcomes(database) == {"handled": 5}
    assert donations() == 4
    with database.reading() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM unbooked_money")) == 1
    others = [entry.credit for entry in make.booked() if entry != make.DONATION]
    assert others == (["suspense"] if entry_or_row == "suspense" else [])


def test_a_message_at_another_accounts_door_fails_alone_even_beside_the_right_one(
    app: Flask, database: Database, settings: Settings, campaign: str
) -> None:
    made, other = opened(settings, 2)
    messages = [*ours(event(other), event(made)), (event(made), "noise")]
    assert send_together(app, database, settings, messages) == [200] * 3
    assert outcomes(database) == {"handled": 3, "failed": 1}
    assert (donations(), len(make.booked())) == (3, 3)


def test_a_message_that_is_not_enough_asks_the_provider_and_the_others_do_not_wait_for_it(
    app: Flask, database: Database, settings: Settings, campaign: str
) -> None:
    first, second = opened(settings, 2)
    asked = make.paid_in_sandbox(settings)
    vague = event(asked, status="open", payment_status="unpaid")
    assert send_together(app, database, settings, ours(event(first), vague, event(second))) == [200] * 3
    assert outcomes(database) == {"handled": 4}
    assert donations() == 4


def test_two_messages_about_one_checkout_among_them_book_it_once(
    app: Flask, database: Database, settings: Settings, campaign: str
) -> None:
    made, other = opened(settings, 2)
    late = event(made, "checkout.session.async_payment_succeeded")
    expired = event(made, "checkout.session.expired", status="expired", payment_status="unpaid")
    messages = ours(event(made), expired, event(other), late)
    assert send_together(app, database, settings, messages) == [200] * 4
    assert outcomes(database) == {"handled": 5}
    assert (donations(), make.checkout(made.public_id).state) == (3, "paid")


def test_the_same_message_twice_among_them_is_stored_and_booked_once(
    app: Flask, database: Database, settings: Settings, campaign: str
) -> None:
    body, other = (event(made) for made in opened(settings, 2))
    assert send_together(app, database, settings, ours(body, other, body)) == [200] * 3
    assert outcomes(database) == {"handled": 3}
    assert donations() == 3


def test_a_message_that_came_before_is_seen_again_among_new_ones(
    app: Flask, database: Database, settings: Settings, campaign: str
) -> None:
    body, other = (event(made) for made in opened(settings, 2))
    assert post(app.test_client(), settings, body) == 200
    assert send_together(app, database, settings, ours(other, body)) == [200] * 2
    assert outcomes(database) == {"handled": 3}
    assert donations() == 3


def test_two_processes_with_the_same_checkouts_take_turns_and_never_block_each_other(
    app: Flask, database: Database, settings: Settings, campaign: str
) -> None:
    seen = [(make.MERCHANT, make.seen(made)) for made in opened(settings, 20)]
    seen += [
        (merchant, replace(one, status="expired", session_id=f"{one.session_id}{number}"))
        for merchant, one in seen
        for number in range(2)
    ]
    errors: list[Exception] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(15):
            some = chance.sample(seen, k=40)
            try:
                with database.bare_transaction() as connection:
                    move_all_towards(connection, some)
            except sa.exc.DBAPIError as error:
                errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_two_processes_given_the_same_messages_book_each_once(
    app: Flask, database: Database, settings: Settings, campaign: str
) -> None:
    bodies = [event(made) for made in opened(settings, 24)]
    processes = [Database(database.url, pool_size=4) for _ in range(2)]
    answers: list[int] = []

    def work(process: Database, chance: random.Random) -> None:
        bind(process)
        web = create_app(settings, process)
        answers.extend(post(web.test_client(), settings, body) for body in chance.sample(bodies, k=len(bodies)))

    threads = [
        threading.Thread(target=work, args=(process, random.Random(seed)))
        for seed, process in enumerate([*processes, *processes, *processes])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in processes:
        process.dispose()
    assert answers == [200] * len(threads) * len(bodies)
    assert (outcomes(database), donations()) == ({"handled": 24}, 24)


UNPAID: dict[str, Any] = {"payment_status": "unpaid"}
KINDS: list[dict[str, Any]] = [
    {},
    {"amount_total": 1400},
    {"amount_total": 0, "payment_status": "no_payment_required"},
    {"currency": "usd"},
    UNPAID,
    {"kind": "checkout.session.async_payment_succeeded"},
    {"kind": "checkout.session.async_payment_failed", "payment_status": "unpaid"},
    {"kind": "checkout.session.expired", "status": "expired", "payment_status": "unpaid"},
]


@pytest.mark.parametrize("seed", range(6))
def test_a_random_mix_ends_together_as_it_ends_one_by_one(
    app: Flask, database: Database, settings: Settings, campaign: str, seed: int
) -> None:
    chance = random.Random(seed)
    recipe = []
    for number in range(4):
        # What is said about one checkout may come in any order, so nothing is said that only the first may say.
        kind = chance.choice(KINDS)
        recipe += [(number, changes) for changes in [kind, *chance.choices([kind, UNPAID], k=chance.randint(0, 2))]]
    chance.shuffle(recipe)
    ends = []
    for together in (False, True):
        checkouts = opened(settings, 4)
        messages = ours(*(event(checkouts[number], **changes) for number, changes in recipe))
        before = Counter(make.booked())
        if together:
            send_together(app, database, settings, messages)
            before[make.DONATION] += 1  # the one that they waited behind
        else:
            for body, to in messages:
                assert post(app.test_client(), settings, body, to=to) == 200
        now = [make.checkout(made.public_id) for made in checkouts]
        rows = [(made.state, made.booked_as, made.next_sync_at is None, made.paid_at is None) for made in now]
        ends.append((rows, Counter(make.booked()) - before))
    assert ends[0] == ends[1]
    assert set(outcomes(database)) == {"handled"}


def keep_answering(url: str, settings: Settings, bodies: list[bytes], pipe: int) -> None:
    """Four threads take messages; the number of each is written down once it was answered with success."""
    database = Database(url, pool_size=4)
    web = create_app(settings, database)

    def work(first: int) -> None:
        bind(database)
        for number in range(first, len(bodies), 4):
            if post(web.test_client(), settings, bodies[number]) == 200:
                os.write(pipe, number.to_bytes(2, "big"))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture
def storm(settings: Settings, campaign: str) -> list[bytes]:
    return [event(made) for made in opened(settings, 120)]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_killed_in_the_middle_of_a_storm_everything_answered_is_booked_and_a_repeat_books_the_rest(
    app: Flask, database: Database, settings: Settings, storm: list[bytes], pipe: tuple[int, int]
) -> None:
    chance = random.Random(1)
    answered: set[int] = set()
    for _ in range(3):
        child = _processes.Process(target=keep_answering, args=(database.url, settings, storm, pipe[1]))
        child.start()
        for _ in range(chance.randint(5, 40)):
            answered.add(int.from_bytes(os.read(pipe[0], 2), "big"))
        child.kill()
        child.join()
        with database.reading() as session:
            here = set(session.scalars(sa.text("SELECT body FROM provider_event WHERE outcome = 'handled'")))
        assert {storm[number] for number in answered} <= {bytes(body) for body in here}
    assert 0 < donations() < len(storm) or len(answered) == len(storm)
    for body in storm:
        assert post(app.test_client(), settings, body) == 200
    assert (outcomes(database), donations()) == ({"handled": len(storm)}, len(storm))
    drain(database)
    with database.reading(Role.OWNER) as session:
        assert [result.name for result in checks.run_checks(session) if not result.is_ok] == []
