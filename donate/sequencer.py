"""The one background writer: gives every entry its place in the public log and adds it to all totals.

A pass is one transaction that holds the sequencer's row, so a second sequencer waits and a crash is a rollback.
Donations never wait for it: without it the site still takes money and pages show an older "as of".
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from threading import Event
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from donate import clock
from donate.db import Database, Role
from donate.ledger import totals
from donate.ledger.chart import Reason
from donate.ledger.totals import Numbered, NumberedLeg
from donate.publiclog import closing, log, queue
from donate.publiclog.log import Line
from donate.publiclog.publishing import Publisher
from donate.publiclog.queue import AccountFacts, WaitingEntry
from donate.publiclog.sealing import KnownEdge
from donate.settings import Settings
from donate.tlog.canonical import NotCanonical
from donate.tlog.chart import fault_of
from donate.tlog.leaf import EntryLeaf, Leaf, LeafLeg, OpenAccount, OpenBook, OpenCampaign, encode

PASS_ENTRIES = 2_000
POLL_SECONDS = 0.1
# A pass has a price of its own, whatever it numbers (200 entries in one cost twice as much each as 2,000): under load it is
# paid less often, and totals stay fresh enough.
BUSY_ENTRIES = 50
BUSY_POLL_SECONDS = 0.4  # from the beginning of one pass to the next
SWEEP_SECONDS = 10
RETRY_SECONDS = 1

# Shuffled, each group among itself, before everything else: money given, jar directions (which need the filled jar
# before them), then fees, whose order and amounts would otherwise tell the order of the donations.
SHUFFLED = (
    frozenset({Reason.DONATION, Reason.RECORDED_DONATION, Reason.JAR_FILLED}),
    frozenset({Reason.JAR_DIRECTED}),
    frozenset({Reason.PROCESSING_FEE, Reason.FEE_COVERED}),
)

_lines = structlog.get_logger("donate.sequencer")


@dataclass(frozen=True, slots=True)
class PassResult:
    """What a pass did: entries that got a number, and the log's size after it."""

    entry_count: int
    log_size: int


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier passes read and what never changes: accounts, and what the log has opened. Committed facts only."""

    accounts: dict[int, AccountFacts] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)


def run_pass(
    database: Database, *, sweep: bool = False, known: Known | None = None, publisher: Publisher | None = None
) -> PassResult:
    """Number the oldest entries of the queue, at most PASS_ENTRIES, add them to all totals, and sign the log over them.

    The queue is read from its floor; `sweep` reads it from the very beginning, for what was committed late.
    `known` spares a pass what an earlier one on the same database read. Without a `publisher` nothing is signed, and the
    next pass with one signs this pass's lines as well.

    An entry that waits though it is numbered is dropped from the queue. One that cannot be spelled as a leaf is set
    aside: it stays in the queue for the sweeps, and the check every_entry_is_logged shows it. Neither holds up others.
    Raises LogRefused where the database is not the one that the log was published from.
    """
    known = known or Known()
    try:
        return _pass(database, sweep=sweep, known=known, publisher=publisher)
    except log.AlreadyLogged:
        with database.transaction(Role.SEQUENCER) as session:
            queue.lock(session)
            dropped = queue.drop_numbered(session)
        if not dropped:
            raise
        _lines.error("entries waited that are numbered already; dropped from the queue", entries=dropped)
        return _pass(database, sweep=sweep, known=known, publisher=publisher)


def _pass(database: Database, *, sweep: bool, known: Known, publisher: Publisher | None) -> PassResult:
    sealed: KnownEdge | None = None
    with database.transaction(Role.SEQUENCER) as session:
        next_index, floor, passed_at = queue.lock(session)
        batch = queue.read(session, floor=0 if sweep else floor, at_most=PASS_ENTRIES)
        closes = closing.lines(session, closing.due(session, passed_at), next_index)
        if not batch and not closes:
            return PassResult(0, next_index)
        new_floor = max(floor, batch[-1].id + 1) if batch else floor
        if publisher is not None:
            publisher.require_same_past(session)
        reversed_indexes = _pull_in_what_is_reversed(session, batch)
        numbering = _Numbering(session, batch, next_index + len(closes), reversed_indexes, known)
        for entry in log_order(batch):
            numbering.add(entry)
        hashes = log.append(session, [*closes, *numbering.lines])
        closing.remember(session, closes)
        totals.add_totals(session, numbering.numbered)
        totals.number_receipts(session, numbering.numbered)
        ids = [entry.entry_id for entry in numbering.numbered]
        queue.advance(session, entry_ids=ids, next_index=numbering.next_index, floor=new_floor, at=clock.now())
        if publisher is not None:
            sealed = publisher.sealer.seal(session, numbering.next_index, hashes)
    if publisher is not None and sealed is not None:
        publisher.sealer.remember(sealed)
        publisher.publish(database)
    return PassResult(len(ids), numbering.next_index)


def drain(database: Database, publisher: Publisher | None = None) -> int:
    """Passes until the queue is empty; how many entries they numbered."""
    entry_count = 0
    while (result := run_pass(database, sweep=True, publisher=publisher)).entry_count:
        entry_count += result.entry_count
    return entry_count


def run_forever(database: Database, settings: Settings, stop: Event, publisher: Publisher) -> None:
    """Passes as entries gather, until `stop` is set. A database that is away for a while is waited for.

    Raises LogRefused where the database is not the one that the log was published from; then nothing is signed.
    """
    sweep_at = time.monotonic()
    known = Known()
    has_started = False
    while not stop.is_set():
        try:
            if not has_started:
                publisher.start(database)
                has_started = True
            began, pause = time.monotonic(), POLL_SECONDS
            sweep = began >= sweep_at
            if sweep:
                sweep_at = began + SWEEP_SECONDS
            if is_due(database, settings, sweep=sweep):
                result = run_pass(database, sweep=sweep, known=known, publisher=publisher)
                if result.entry_count == PASS_ENTRIES:
                    continue
                if result.entry_count >= BUSY_ENTRIES:
                    pause = max(began + BUSY_POLL_SECONDS - time.monotonic(), 0)
            stop.wait(pause)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            known, has_started = Known(), False  # what comes back may be an older copy
            publisher.sealer.forget()
            _lines.warning("the database is away; trying again", problem=type(error.orig).__name__)
            stop.wait(RETRY_SECONDS)


def is_due(database: Database, settings: Settings, *, sweep: bool) -> bool:
    """Whether enough donations or enough time have gathered for a pass."""
    donations = [reason.value for reason in SHUFFLED[0] | SHUFFLED[1]]
    with database.reading(Role.SEQUENCER) as session:
        gathered = queue.gathered(session, donations=donations, at_most=PASS_ENTRIES, sweep=sweep)
        if sweep and closing.due(session, queue.passed_at(session)):
            return True
    if gathered.oldest_at is None:
        return False
    patience = timedelta(seconds=min(settings.sequencer_seconds, settings.merge_delay_seconds))
    return (
        gathered.donation_count >= settings.sequencer_batch
        or gathered.entry_count >= PASS_ENTRIES
        or clock.now() - gathered.oldest_at >= patience
    )


def _shuffle(entries: list[WaitingEntry]) -> None:
    """Every order is equally likely. One draw for all: a draw for each was a fifth of a pass."""
    drawn = secrets.token_bytes(16 * len(entries))
    keys = [drawn[start : start + 16] for start in range(0, len(drawn), 16)]
    entries[:] = [entries[index] for index in sorted(range(len(entries)), key=keys.__getitem__)]


def log_order(
    batch: Sequence[WaitingEntry], shuffle: Callable[[list[WaitingEntry]], None] = _shuffle
) -> list[WaitingEntry]:
    """The order in which a pass numbers its entries.

    What donors gave comes first and shuffled, so that an anonymous donation cannot be told by its moment and no
    fund is spent from before it is filled. All else follows as it was booked, and a reversal is always booked after
    what it reverses.
    """
    groups: list[list[WaitingEntry]] = [[] for _ in SHUFFLED]
    rest: list[WaitingEntry] = []
    group_of = {reason.value: group for reasons, group in zip(SHUFFLED, groups, strict=True) for reason in reasons}
    for entry in batch:
        group_of.get(entry.reason, rest).append(entry)
    for group in groups:
        shuffle(group)
    rest.sort(key=lambda entry: entry.id)
    return [entry for group in (*groups, rest) for entry in group]


class OriginalNotNumbered(Exception):
    """What an entry reverses has no number, nor gets one in this pass."""


class _Numbering:
    """Numbers entries one after the other and collects their lines, each behind the `open` lines that it needs."""

    def __init__(
        self,
        session: Session,
        batch: Sequence[WaitingEntry],
        next_index: int,
        numbered: dict[int, int],
        known: Known,
    ) -> None:
        self.next_index = next_index
        self.lines: list[Line] = []
        self.numbered: list[Numbered] = []
        self._indexes = numbered  # of what the batch's reversals reverse, and of the batch itself as it goes
        self._accounts = known.accounts
        self._accounts |= queue.read_accounts(session, batch, known=known.accounts.keys())
        keys = self._keys(batch)
        known.opened.update(log.opened(session, sorted(keys - known.opened)))
        self._opened = keys & known.opened  # a copy: what this pass opens is not committed yet
        self._known: set[int] = set()  # accounts looked at in this pass

    def _keys(self, batch: Sequence[WaitingEntry]) -> set[str]:
        keys = set()
        for account_id in queue.accounts_of(batch):
            account = self._accounts[account_id]
            keys |= {f"book:{account.book_ref}", f"account:{account.book_ref}:{account.code}"}
        for entry in batch:
            if entry.campaign is not None:
                keys.add(f"campaign:{self._accounts[entry.legs[0][0]].book_ref}:{entry.campaign}")
        return keys

    def add(self, entry: WaitingEntry) -> None:
        """Give `entry` the next number, or set it aside where it has no spelling or its original has no number."""
        began = len(self.lines)
        try:
            self._add(entry)
        except (NotCanonical, ZoneInfoNotFoundError, OriginalNotNumbered) as error:
            # Nothing of it stays: what only it opened is opened by the next that needs it.
            self.next_index -= len(self.lines) - began
            self._opened -= {line.opens for line in self.lines[began:] if line.opens is not None}
            self._known.clear()
            del self.lines[began:]
            _lines.error("entry cannot be numbered; set aside", entry=entry.id, problem=str(error) or repr(error))

    def _add(self, entry: WaitingEntry) -> None:
        legs = [(self._accounts[debit], self._accounts[credit], amount) for debit, credit, amount in entry.legs]
        if entry.reverses is None:
            for debit, credit, _ in legs:  # a line that strangers must refuse could never be taken out again
                fault = fault_of(entry.reason, debit.code, credit.code, entry.campaign)
                if fault is not None:
                    raise NotCanonical(problem=fault)
        for debit, credit, _ in legs:
            for account in (debit, credit):
                if account.id not in self._known:
                    self._open_account(entry.book_id, account)
                    self._known.add(account.id)
        if entry.campaign is not None:
            self._open_campaign(entry.book_id, legs[0][0], entry.campaign)
        leaf = EntryLeaf(
            seq=self.next_index,
            book=legs[0][0].book_ref,
            day=entry.effective_on,
            reason=entry.reason,
            cur=legs[0][0].currency,
            legs=tuple(LeafLeg(debit.code, credit.code, amount) for debit, credit, amount in legs),
            cm=entry.commitment,
            campaign=entry.campaign,
            rev=None if entry.reverses is None else self._index_of(entry.reverses),
            doc=entry.document,
            note=entry.note,
            ref=entry.reference if entry.reason in log.REFERENCED else None,
            settle=entry.reference if entry.reason in log.SETTLEMENTS else None,
        )
        self._append(leaf, entry.book_id, entry_id=entry.id)
        self._indexes[entry.id] = leaf.seq
        self.numbered.append(
            Numbered(
                leaf.seq,
                entry.id,
                entry.book_id,
                entry.reason,
                entry.reversed_reason or entry.reason,
                entry.campaign,
                entry.effective_on,
                tuple(
                    NumberedLeg(debit.id, credit.id, amount, debit.fund, credit.fund) for debit, credit, amount in legs
                ),
            )
        )

    def _index_of(self, entry_id: int) -> int:
        if entry_id not in self._indexes:
            raise OriginalNotNumbered(entry_id)
        return self._indexes[entry_id]

    def _open_account(self, book_id: int, account: AccountFacts) -> None:
        key = f"account:{account.book_ref}:{account.code}"
        if key in self._opened:
            return
        self._open_book(book_id, account)
        leaf = OpenAccount(
            seq=self.next_index,
            book=account.book_ref,
            day=_day(account.opened_at, account),
            account=account.code,
            cls=account.account_class,
            campaign=account.fund,
        )
        self._open(key, leaf, book_id)

    def _open_book(self, book_id: int, account: AccountFacts) -> None:
        key = f"book:{account.book_ref}"
        if key in self._opened:
            return
        leaf = OpenBook(
            seq=self.next_index,
            book=account.book_ref,
            day=_day(account.book_opened_at, account),
            host=account.host,
            cur=account.currency,
            mode=account.mode,
            zone=account.time_zone,
        )
        self._open(key, leaf, book_id)

    def _open_campaign(self, book_id: int, account: AccountFacts, campaign: str) -> None:
        key = f"campaign:{account.book_ref}:{campaign}"
        if key not in self._opened:
            day = _day(clock.now(), account)
            leaf = OpenCampaign(seq=self.next_index, book=account.book_ref, day=day, campaign=campaign)
            self._open(key, leaf, book_id)

    def _open(self, key: str, leaf: Leaf, book_id: int) -> None:
        self._append(leaf, book_id, opens=key)
        self._opened.add(key)

    def _append(self, leaf: Leaf, book_id: int, *, entry_id: int | None = None, opens: str | None = None) -> None:
        self.lines.append(Line(leaf, encode(leaf), book_id, entry_id, opens))
        self.next_index += 1


def _day(moment: datetime, account: AccountFacts) -> date:
    return moment.astimezone(ZoneInfo(account.time_zone)).date()


def _pull_in_what_is_reversed(session: Session, batch: list[WaitingEntry]) -> dict[int, int]:
    """Log indexes of what the batch reverses from earlier passes.

    An original that was committed late, with an id below the floor, has none yet: it joins the batch.
    """
    ids = {entry.id for entry in batch}
    reversed_ids = [entry.reverses for entry in batch if entry.reverses is not None and entry.reverses not in ids]
    if not reversed_ids:
        return {}
    indexes = log.indexes_of(session, reversed_ids)
    late = [entry_id for entry_id in reversed_ids if entry_id not in indexes]
    if late:
        batch.extend(queue.read_late(session, late))
    return indexes
