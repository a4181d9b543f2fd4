"""How old the totals are: from a donation's commit to the moment when a reader finds it in totals and log."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from statistics import median, quantiles
from threading import Event, Thread
from uuid import uuid4

import sqlalchemy as sa

from donate.db import Database, Role
from donate.ledger import journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry
from donate.publiclog.keys import KeyFolder
from tests.bench.figures import Figure
from tests.bench.world import World, ledger_world

START_SECONDS = 3
RATES = (20, 100, 500)  # donations a second
THREADS = 6
# The sequencer as an installation has it by default, in a process of its own.
_SEQUENCE = """
import sys, threading
from pathlib import Path
from donate.db import Database
from donate.publiclog.publishing import publisher_of
from donate.sequencer import run_forever
from donate.settings import read_settings
run_forever(Database(sys.argv[1]), read_settings({}), threading.Event(), publisher_of(Path(sys.argv[2])))
"""


def measure(seconds: float = 30) -> Iterator[Figure]:
    with ledger_world() as world:
        KeyFolder(world.folder / "log").make("bench.example.org/log")
        with _sequencer(world):
            for rate in RATES:
                ages = _ages(world, rate, seconds)
                detail = f"median {median(ages) * 1000:.0f} ms, most {max(ages) * 1000:.0f} ms, {len(ages):,} donations"
                name = f"staleness: p99 at {rate} donations a second"
                yield Figure(name, quantiles(ages, n=100)[98], "s", detail, ceiling=1)


@contextmanager
def _sequencer(world: World) -> Iterator[None]:
    command = [sys.executable, "-c", _SEQUENCE, world.url, str(world.folder / "log")]
    process = subprocess.Popen(command)
    time.sleep(START_SECONDS)
    try:
        yield
        assert process.poll() is None, "the sequencer ended by itself: nothing was measured"
    finally:
        process.terminate()
        process.wait(20)


def _ages(world: World, rate: int, seconds: float) -> list[float]:
    """Of each donation of `seconds`, given at an even pace; some more are given behind them, so that none waits alone."""
    wanted = round(rate * seconds)
    stop, seen = Event(), list[tuple[float, int]]()
    reader = Thread(target=_look, args=(Database(world.url, pool_size=1), stop, seen))
    reader.start()
    begin = time.monotonic() + 0.1
    with ThreadPoolExecutor(THREADS) as pool:
        given = pool.map(lambda number: _give(world, number, begin + number / rate), range(wanted + rate))
        committed = dict(list(given)[:wanted])
    time.sleep(1)
    stop.set()
    reader.join()
    with world.database.reading() as session:
        query = sa.text("SELECT entry_id, log_index FROM log_leaf WHERE entry_id = ANY(:ids)")
        places = dict(session.execute(query, {"ids": list(committed)}).all())
    assert places.keys() == committed.keys()
    return [_first_seen(seen, places[entry_id]) - at for entry_id, at in committed.items()]


def _give(world: World, number: int, at: float) -> tuple[int, float]:
    """The entry's id and when its commit had returned."""
    time.sleep(max(0, at - time.monotonic()))
    campaign = world.campaigns[number % len(world.campaigns)]
    entry = NewEntry(
        book_id=world.book_id,
        reason=Reason.DONATION,
        idempotency_key=f"donation:{uuid4()}",
        effective_on=date(2026, 11, 23),
        legs=(Leg(debit="clearing", credit=fund_code(campaign), amount_minor=1500),),
        campaign=campaign,
    )
    with world.database.autocommit(Role.WEB) as connection:
        (posted,) = journal.post(connection, [entry])
    return posted.entry_id, time.monotonic()


def _look(database: Database, stop: Event, seen: list[tuple[float, int]]) -> None:
    """Every few milliseconds: how much of the log is signed and shown, which a pass's totals never are ahead of for long."""
    with database.autocommit(Role.WEB) as connection:
        while not stop.wait(0.004):
            size = connection.scalar(sa.text("SELECT published_size FROM log_head"))
            seen.append((time.monotonic(), size))
    database.dispose()


def _first_seen(seen: list[tuple[float, int]], index: int) -> float:
    return next(at for at, size in seen if size > index)
