"""Donors: processes of four threads each that book donations one by one, one statement and one commit each."""

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import count
from uuid import uuid4

from donate.db import Database, Role
from donate.ledger import journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry

PROCESSES = 2
THREADS = 4


def booked_per_second(url: str, book_id: int, campaigns: Sequence[str], seconds: float) -> float:
    """Donations committed a second by all donors together, spread evenly over `campaigns`."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(PROCESSES) as pool:
        pool.map(_warm, range(PROCESSES))
        counts = pool.starmap(_give, [(url, book_id, campaigns, seconds)] * PROCESSES)
    return sum(counts) / seconds


def _warm(_: int) -> None:
    time.sleep(0.2)  # so that every process has imported everything before the clock starts


def _give(url: str, book_id: int, campaigns: Sequence[str], seconds: float) -> int:
    database = Database(url, pool_size=THREADS)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            until = time.monotonic() + seconds
            return sum(pool.map(lambda start: _book(database, book_id, campaigns, until, start), range(THREADS)))
    finally:
        database.dispose()


def _book(database: Database, book_id: int, campaigns: Sequence[str], until: float, start: int) -> int:
    for number in count():
        if time.monotonic() >= until:
            return number
        campaign = campaigns[(start + number) % len(campaigns)]
        entry = NewEntry(
            book_id=book_id,
            reason=Reason.DONATION,
            idempotency_key=f"donation:{uuid4()}",
            effective_on=date(2026, 11, 23),
            legs=(Leg(debit="clearing", credit=fund_code(campaign), amount_minor=1500),),
            campaign=campaign,
            private={"donor": "bench"},
        )
        with database.autocommit(Role.WEB) as connection:
            journal.post(connection, [entry])
    return 0
