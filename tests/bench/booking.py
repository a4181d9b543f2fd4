"""Booking: a hot campaign against many, our code against pgbench with the same SQL, the sequencer on and off."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from donate.db import Database, embedded
from donate.publiclog.keys import KeyFolder
from donate.publiclog.publishing import publisher_of
from donate.sequencer import drain, run_forever
from donate.settings import read_settings
from tests.bench.donors import PROCESSES, THREADS, booked_per_second
from tests.bench.figures import Figure, ratio
from tests.bench.world import World, ledger_world

START_SECONDS = 3

# What journal.post does for one donation, in the words of pgbench's own script language.
PGBENCH_SCRIPT = """
\\set pick random(0, 99)
WITH fresh AS (
  INSERT INTO entry (book_id, reason, campaign, idempotency_key, effective_on, recorded_at, commitment)
  VALUES ({book}, 'donation', 'campaign-' || CAST(:pick AS text), 'donation:' || gen_random_uuid(), DATE '2026-11-23', now(),
          sha256(CAST('commitment' AS bytea)))
  ON CONFLICT (book_id, idempotency_key) DO NOTHING RETURNING id, book_id
), legs AS (
  INSERT INTO transfer (entry_id, line, book_id, debit_id, credit_id, amount_minor)
  SELECT fresh.id, 0, fresh.book_id, debit.id, credit.id, 1500 FROM fresh
  LEFT JOIN account debit ON debit.book_id = fresh.book_id AND debit.code = 'clearing'
  LEFT JOIN account credit ON credit.book_id = fresh.book_id AND credit.code = 'fund' || chr(58) || 'campaign-' || CAST(:pick AS text)
), private AS (
  INSERT INTO entry_private (entry_id, salt, fields) SELECT id, sha256(CAST('salt' AS bytea)), '{{"donor": "bench"}}' FROM fresh
), queued AS (INSERT INTO entry_pending (entry_id) SELECT id FROM fresh)
SELECT id FROM fresh;
"""


def measure(seconds: float = 4, rounds: int = 5) -> Iterator[Figure]:
    with ledger_world() as world:
        yield _hot_over_spread(world, seconds, rounds)
        yield _ours_over_pgbench(world, seconds, rounds)
        yield _with_sequencer_over_without(world, seconds, rounds)


def _hot_over_spread(world: World, seconds: float, rounds: int) -> Figure:
    return ratio(
        "booking: one hot campaign over 100 campaigns",
        lambda: booked_per_second(world.url, world.book_id, world.campaigns[:1], seconds),
        lambda: booked_per_second(world.url, world.book_id, world.campaigns, seconds),
        rounds=rounds,
        floor=0.90,
    )


def _ours_over_pgbench(world: World, seconds: float, rounds: int) -> Figure:
    script = world.folder / "donation.sql"
    script.write_text(PGBENCH_SCRIPT.format(book=world.book_id))

    def pgbench() -> float:
        said = subprocess.run(
            [
                embedded.program("pgbench"), "--no-vacuum", "--protocol=prepared", f"--file={script}",
                f"--client={PROCESSES * THREADS}", f"--jobs={PROCESSES}", f"--time={seconds:.0f}", world.url,
            ],
            stdout=subprocess.PIPE, text=True, check=True,
        ).stdout  # fmt: skip
        line = next(line for line in said.splitlines() if line.startswith("tps"))
        return float(line.split()[2])

    return ratio(
        "booking: our code over pgbench with the same SQL",
        lambda: booked_per_second(world.url, world.book_id, world.campaigns, seconds),
        pgbench,
        rounds=rounds,
    )


def _with_sequencer_over_without(world: World, seconds: float, rounds: int) -> Figure:
    def with_sequencer() -> float:
        # In a process of its own, as it runs in an installation, started before the clock and with an empty queue: its
        # start and what the other measurement left waiting are no part of keeping up.
        drain(world.database, publisher_of(world.folder))
        code = f"from tests.bench.booking import sequence; sequence({world.url!r}, {str(world.folder)!r})"
        process = subprocess.Popen([sys.executable, "-c", code])
        time.sleep(START_SECONDS)
        try:
            return booked_per_second(world.url, world.book_id, world.campaigns, seconds)
        finally:
            still_works = process.poll() is None
            process.terminate()
            process.wait()
            assert still_works, "the sequencer ended by itself: nothing was measured"

    def without() -> float:
        return booked_per_second(world.url, world.book_id, world.campaigns, seconds)

    KeyFolder(world.folder).make("bench.example/log")
    figure = ratio("donors: with the sequencer over without", with_sequencer, without, rounds=rounds, floor=0.80)
    drain(world.database, publisher_of(world.folder))
    return figure


def sequence(url: str, folder: str) -> None:
    """The sequencer alone, until it is terminated."""
    settings = read_settings({"DONATE_INSTANCE": folder, "DONATE_SEQUENCER_SECONDS": "1"})
    run_forever(Database(url), settings, threading.Event(), publisher_of(Path(folder)))
