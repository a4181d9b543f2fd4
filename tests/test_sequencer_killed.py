"""Kill -9 at random moments under a load of real commits: nothing lost, nothing twice, no gap, totals exact.

The sequencer signs as it does in life, and readers look on: no size ever has a second root.
"""

import multiprocessing
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from multiprocessing.synchronize import Event
from pathlib import Path
from threading import Event as ThreadEvent
from threading import Thread

import pytest
import sqlalchemy as sa

from donate.db import Database, Role
from donate.ledger import checks, journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg, NewEntry
from donate.publiclog import mirror, queue, tree
from donate.publiclog.keys import KeyFolder
from donate.publiclog.memory import Memory
from donate.publiclog.publishing import publisher_of
from donate.sequencer import drain, run_pass
from donate.tlog.checkpoint import open_checkpoint
from donate.tlog.note import read_note, verifier_key
from donate.tlog.tiles import Edge, edge_root, grow
from donate.tlog.verify_command import main as verify
from tests.ledger.factories import donation, open_book
from tests.publiclog.factories import stored_hashes

# Forked, so that sixty of them start in no time; each connects for itself and never touches the parent's connections.
_processes = multiprocessing.get_context("fork")


@pytest.fixture
def log_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    KeyFolder(folder).make("log.example.org/killed")
    return folder


def keep_sequencing(url: str, log_folder: Path) -> None:
    database = Database(url, pool_size=1)
    publisher = publisher_of(log_folder)
    publisher.start(database)
    sweep = True
    while True:
        sweep = run_pass(database, sweep=sweep, publisher=publisher).entry_count == 0


def keep_posting(url: str, book_id: int, writer: int, stop: Event) -> None:
    """Donations, fees and reversals, most in transactions of their own, some rolled back, some held open a while."""
    database = Database(url, pool_size=1)
    chance = random.Random(writer)
    number = 0
    while not stop.is_set():
        number += 1
        with database.engine(Role.WEB).connect() as connection:
            entries = [_entry(book_id, chance, f"{writer}:{number}:{part}") for part in range(chance.randint(1, 12))]
            posted = journal.post(connection, entries)
            if chance.random() < 0.2:
                journal.reverse(
                    connection,
                    book_id=book_id,
                    entry_id=posted[0].entry_id,
                    idempotency_key=f"reversal:{posted[0].entry_id}",
                    effective_on=date(2026, 11, 24),
                    note="again",
                )
            if chance.random() < 0.1:
                time.sleep(chance.random() * 0.2)
            if chance.random() < 0.9:
                connection.commit()


def _entry(book_id: int, chance: random.Random, key: str) -> NewEntry:
    campaign = chance.choice(["rice", "soup"])
    amount_minor = chance.randint(100, 5000)
    day = date(2026, chance.randint(1, 12), chance.randint(1, 28))
    given = donation(
        book_id,
        idempotency_key=key,
        campaign=campaign,
        effective_on=day,
        legs=(Leg(debit="clearing", credit=f"fund:{campaign}", amount_minor=amount_minor),),
    )
    if chance.random() < 0.7:
        return given
    return donation(
        book_id,
        idempotency_key=key,
        campaign=campaign,
        effective_on=day,
        reason=Reason.PROCESSING_FEE,
        legs=(Leg(debit=f"fund:{campaign}", credit="clearing", amount_minor=9),),
    )


@dataclass
class Reader:
    """Somebody who asks for the checkpoint again and again and keeps every answer."""

    notes: set[bytes] = field(default_factory=set)
    ahead_of_the_memory: list[tuple[int, int]] = field(default_factory=list)

    def look(self, database: Database, memory: Memory) -> None:
        with database.reading() as session:
            shown = tree.published(session)
        if shown is None:
            return
        self.notes.add(shown.note)
        remembered = memory.read()
        assert remembered is not None
        if remembered.size < shown.size:
            self.ahead_of_the_memory.append((remembered.size, shown.size))


@contextmanager
def reading_on(database: Database, log_folder: Path) -> Iterator[Reader]:
    """A reader beside everything else, until the end."""
    reader, stop, memory = Reader(), ThreadEvent(), Memory(log_folder)

    def keep_reading() -> None:
        while not stop.wait(0.002):
            reader.look(database, memory)

    thread = Thread(target=keep_reading)
    thread.start()
    try:
        yield reader
    finally:
        stop.set()
        thread.join()


def kill_and_check(database: Database, log_folder: Path, kills: int) -> int:
    """Kill as many sequencers at random moments; how many of them had committed a pass."""
    with database.transaction() as session:
        book_id = open_book(session)
    stop = _processes.Event()
    writers = [_processes.Process(target=keep_posting, args=(database.url, book_id, seed, stop)) for seed in (1, 2)]
    for writer in writers:
        writer.start()
    moments = random.Random(kills)
    had_passed = 0
    try:
        for _ in range(kills):
            before = log_size(database)
            child = _processes.Process(target=keep_sequencing, args=(database.url, log_folder))
            child.start()
            wait_for_growth(database, before)
            time.sleep(moments.random() * 0.15)
            child.kill()
            child.join()
            had_passed += log_size(database) > before
    finally:
        stop.set()
        for writer in writers:
            writer.join(30)
    publisher = publisher_of(log_folder)
    publisher.start(database)
    drain(database, publisher)
    return had_passed


def wait_for_growth(database: Database, size: int) -> None:
    """Until the child has committed a first pass, so that the kill meets it at work."""
    deadline = time.monotonic() + 20
    while log_size(database) == size and time.monotonic() < deadline:
        time.sleep(0.005)


def log_size(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(sa.text("SELECT next_index FROM sequencer"))


def assert_everything_is_numbered_once(database: Database) -> None:
    with database.reading() as session:
        assert [result for result in checks.run_checks(session) if not result.is_ok] == []
        entries = session.scalar(sa.text("SELECT count(*) FROM entry"))
        numbered = session.scalar(sa.text("SELECT count(DISTINCT entry_id) FROM log_leaf WHERE kind = 'entry'"))
        leaves, last = session.execute(sa.text("SELECT count(*), max(log_index) FROM log_leaf")).one()
        waiting = session.scalar(sa.text("SELECT count(*) FROM entry_pending"))
        donations = session.scalar(sa.text("SELECT count(*) FROM entry WHERE reason = 'donation'"))
        receipts = session.scalar(sa.text("SELECT count(*) FROM receipt_number"))
        assert session.execute(CAMPAIGNS_DIFFER).all() == []
    assert (numbered, waiting, receipts) == (entries, 0, donations)
    assert last == leaves - 1


# A replay of the campaigns' totals, written apart from the code that keeps them.
CAMPAIGNS_DIFFER = sa.text(
    """
    WITH counted AS (
      SELECT entry.id, coalesce(original.reason, entry.reason) AS reason,
             sum(CASE WHEN credit.code LIKE 'fund:%' THEN amount_minor ELSE -amount_minor END) AS amount,
             entry.campaign
      FROM log_leaf JOIN entry ON entry.id = log_leaf.entry_id
      LEFT JOIN entry original ON original.id = entry.reverses
      JOIN transfer ON transfer.entry_id = entry.id
      JOIN account credit ON credit.id = transfer.credit_id
      GROUP BY 1, 2, entry.campaign
    ), replay AS (
      SELECT campaign, coalesce(sum(amount) FILTER (WHERE reason = 'donation'), 0) AS received,
             coalesce(sum(sign(amount)) FILTER (WHERE reason = 'donation'), 0) AS donations,
             coalesce(-sum(amount) FILTER (WHERE reason = 'processing_fee'), 0) AS fees
      FROM counted GROUP BY campaign
    )
    SELECT * FROM replay FULL JOIN campaign_total total USING (campaign)
    WHERE (received, donations, fees) IS DISTINCT FROM (received_minor, donation_count, fees_minor)
    """
)


def assert_one_root_for_each_size(database: Database, log_folder: Path, reader: Reader) -> None:
    """What was ever signed, and what a reader was ever shown, against one tree grown from the leaves anew."""
    with database.reading() as session:
        keys = [verifier_key(vkey) for vkey in tree.vkeys(session)]
        signed = session.scalars(sa.text("SELECT note FROM checkpoint")).all()
    told = [open_checkpoint(read_note(note), keys) for note in {*signed, *reader.notes}]
    roots = {checkpoint.size: checkpoint.root for checkpoint in sorted(told, key=lambda checkpoint: checkpoint.size)}
    assert len(roots) == len(told) == len(signed)
    assert list(roots.values()) == _roots(stored_hashes(database), list(roots))
    assert reader.ahead_of_the_memory == []
    assert mirror.export(database, log_folder / "mirror", lambda _: None) == log_size(database)
    assert verify([str(log_folder / "mirror"), "--quiet"]) == 0


def _roots(hashes: list[bytes], sizes: list[int]) -> list[bytes]:
    """The root at each of these sizes, which grow."""
    edge: Edge = []
    roots = []
    for before, size in pairwise([0, *sizes]):
        edge = grow(edge, before, hashes[before:size]).edge
        roots.append(edge_root(edge))
    return roots


def killed(database: Database, log_folder: Path, kills: int) -> int:
    """All of it; how many sequencers had committed a pass before they were killed."""
    with reading_on(database, log_folder) as reader:
        had_passed = kill_and_check(database, log_folder, kills)
    assert len(reader.notes) > kills / 2  # it did look on
    assert_everything_is_numbered_once(database)
    assert_one_root_for_each_size(database, log_folder, reader)
    return had_passed


def test_killed_six_times_it_loses_nothing_repeats_nothing_and_signs_nothing_else(
    database: Database, log_folder: Path
) -> None:
    assert killed(database, log_folder, kills=6) == 6


@pytest.mark.long
def test_killed_a_hundred_times_it_loses_nothing_repeats_nothing_and_signs_nothing_else(
    database: Database, log_folder: Path
) -> None:
    assert killed(database, log_folder, kills=100) >= 90


def test_a_second_sequencer_waits_for_the_first(database: Database) -> None:
    with database.transaction() as session:
        book_id = open_book(session)
        journal.post(session, [donation(book_id)])
    with ThreadPoolExecutor() as threads:
        with database.transaction(Role.SEQUENCER) as first:
            queue.lock(first)
            second = threads.submit(drain, database)
            with pytest.raises(TimeoutError):
                second.result(timeout=0.3)
        assert second.result(timeout=10) == 1
