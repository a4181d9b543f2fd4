"""The public log at a size: entries signed a second, and what `donate verify` needs for all of it, in time and memory.

Half of the entries are donations, half their fees; a hundred campaigns, a month of days, each of them closed.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from donate import clock
from donate.db import Database, Role
from donate.ledger import journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry
from donate.publiclog import export, mirror
from donate.publiclog.keys import KeyFolder
from donate.publiclog.publishing import publisher_of
from donate.sequencer import PASS_ENTRIES, run_pass
from tests.bench.figures import Figure
from tests.bench.world import World, ledger_world

DAYS = 30


def measure(entries: int = 1_000_000) -> Iterator[Figure]:
    """The log of so many entries: signed by the sequencer, written as a mirror, and verified by another process."""
    with ledger_world() as world:
        yield _sealed(world, entries)
        folder = world.folder / "mirror"
        begin = perf_counter()
        size = mirror.export(world.database, folder, lambda _: None)
        yield Figure("log: lines a second written as a mirror", size / (perf_counter() - begin), "lines/s")
        _write_csv(world.database, folder / "ledger.csv", size)
        yield from _verified(folder, size)


def _sealed(world: World, entries: int) -> Figure:
    """Full passes with nothing else going on; the rest of a day's queue, and its close, is not counted."""
    KeyFolder(world.folder / "log").make("bench.example.org/log")
    publisher = publisher_of(world.folder / "log")
    publisher.start(world.database)
    first = datetime(2026, 10, 1, 4, tzinfo=UTC)
    counted, seconds = 0, 0.0
    for number in range(DAYS):
        with clock.frozen_at(first + timedelta(days=number)):
            _book(world, range(number, entries // 2, DAYS))
            while True:
                begin = perf_counter()
                found = run_pass(world.database, publisher=publisher).entry_count
                if found == PASS_ENTRIES:
                    counted, seconds = counted + found, seconds + perf_counter() - begin
                if not found:
                    break
    return Figure("log: entries numbered and signed", counted / seconds, "entries/s", f"{counted:,} in full passes")


def _book(world: World, numbers: Sequence[int]) -> None:
    day = clock.now().date()
    for start in range(0, len(numbers), 1_000):
        batch = []
        for number in numbers[start : start + 1_000]:
            campaign = world.campaigns[number % len(world.campaigns)]
            fund, amount_minor = fund_code(campaign), 100 + number % 4_900
            given = Leg(debit="clearing", credit=fund, amount_minor=amount_minor)
            fee = Leg(debit=fund, credit="clearing", amount_minor=1 + amount_minor // 170)
            for reason, leg in ((Reason.DONATION, given), (Reason.PROCESSING_FEE, fee)):
                batch.append(
                    NewEntry(
                        book_id=world.book_id, reason=reason, idempotency_key=f"{reason}:{number}", effective_on=day,
                        legs=(leg,), campaign=campaign, private={"donor": "bench"},
                    )
                )  # fmt: skip
        with world.database.transaction(Role.WEB) as session:
            journal.post(session, batch)


def _write_csv(database: Database, path: Path, size: int) -> None:
    with database.reading() as session, path.open("wb") as file:
        file.writelines(export.stream_csv(session.connection(), as_of=size - 1))


# What `donate verify` runs, and at its end the most that it ever had in memory. (A parent's wait4 would tell its own.)
_VERIFY = """
import atexit, re
from pathlib import Path
from donate.cli import main
atexit.register(lambda: print(re.search("VmHWM:.*", Path("/proc/self/status").read_text())[0]))
main()
"""


def _verified(folder: Path, size: int) -> Iterator[Figure]:
    begin = perf_counter()
    command = [sys.executable, "-c", _VERIFY, "verify", str(folder), "--quiet"]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    seconds = perf_counter() - begin
    assert f"{size:,} lines" in told, told
    assert "Note: there is no" not in told, told
    detail = f"{size:,} lines with their CSV and totals, start of the program included"
    yield Figure("log: lines verified by one process", size / seconds, "lines/s", detail, floor=100_000)
    peak = re.search(r"VmHWM:\s+(\d+) kB", told)
    assert peak is not None, told
    yield Figure("log: peak memory of the verifier", int(peak[1]) * 1024 / 1_000_000, "MB", ceiling=100)
