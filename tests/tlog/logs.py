"""Whole logs made of nothing but the format: in memory, signed, with every kind of leaf in them."""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from io import BytesIO
from typing import BinaryIO

from donate.tlog import leaf as leaves
from donate.tlog.book import CSV_HEAD
from donate.tlog.books import Books
from donate.tlog.checkpoint import Checkpoint
from donate.tlog.counting import totals_file
from donate.tlog.leaf import Leaf, LeafLeg, encode, leaf_hash
from donate.tlog.note import SigningKey, new_key, sign_note
from donate.tlog.tiles import bundle, bundles_of, grow, tiles_of
from donate.tlog.verify import Verifier

ORIGIN = "log.example.org/lunch"
KEY = new_key(ORIGIN)
FIRST_DAY = date(2026, 3, 2)


@dataclass
class InMemory:
    """A log's files by name."""

    files: dict[str, bytes] = field(default_factory=dict)

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def open(self, name: str) -> BinaryIO | None:
        return BytesIO(self.files[name]) if name in self.files else None

    def copy(self) -> "InMemory":
        return InMemory(dict(self.files))


def publish(data: Sequence[bytes], key: SigningKey = KEY, *, csv: bytes | None = None) -> InMemory:
    """These leaves as a signed log; with the CSV that they make, or another."""
    hashes = [leaf_hash(one) for one in data]
    growth = grow([], 0, hashes)
    levels: dict[int, list[bytes]] = {0: hashes}
    for node in growth.nodes:
        levels.setdefault(node.level, []).append(node.hash)
    files = {tile.path: bundle(data[tile.start : tile.start + tile.width]) for tile in bundles_of(len(data))}
    files |= {
        tile.path: b"".join(levels[tile.level][tile.start : tile.start + tile.width]) for tile in tiles_of(len(data))
    }
    checkpoint = Checkpoint(key.name, len(data), growth.root)
    files["checkpoint"] = bytes(sign_note(checkpoint.text, [key]))
    files["vkey"] = f"{key.verifier}\n".encode()
    books = Books()
    files["ledger.csv"] = csv if csv is not None else CSV_HEAD + books.take(data, hashes)
    if csv is None:
        files["totals.csv"] = totals_file(books.totals())
    return InMemory(files)


def checkpoint_of(data: Sequence[bytes], origin: str = ORIGIN) -> Checkpoint:
    return Checkpoint(origin, len(data), grow([], 0, [leaf_hash(one) for one in data]).root)


def verifier(log: InMemory, **facts: object) -> Verifier:
    return Verifier(**({"source": log, "keys": [KEY.verifier]} | facts))


class Writer:
    """Writes leaves one after the other, with closes whose figures are right."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.day = FIRST_DAY
        self._books = Books()
        self._taken = 0

    def write(self, make: Callable[..., Leaf], book: str = "lunch", **facts: object) -> int:
        self.data.append(encode(make(seq=len(self.data), book=book, day=self.day, **facts)))
        return len(self.data) - 1

    def entry(self, reason: str, *legs: tuple[str, str, int], **facts: object) -> int:
        own = {"cm": hashlib.sha256(b"%d" % len(self.data)).digest(), "cur": "CNY"} | facts
        return self.write(leaves.EntryLeaf, reason=reason, legs=tuple(LeafLeg(*leg) for leg in legs), **own)

    def open(self, book: str = "lunch", currency: str = "CNY") -> None:
        self.write(leaves.OpenBook, book, host="host", cur=currency, mode="live", zone="Asia/Shanghai")
        for account, cls in (
            ("clearing", "asset"),
            ("bank", "asset"),
            ("general", "fund"),
            ("fee_cover", "fund"),
            ("payable:p1", "liability"),
        ):
            self.write(leaves.OpenAccount, book, account=account, cls=cls)
        for campaign in ("rice", "soup"):
            self.write(leaves.OpenAccount, book, account=f"fund:{campaign}", cls="fund", campaign=campaign)
            self.write(leaves.OpenCampaign, book, campaign=campaign)

    def close(self, book: str = "lunch", **wrong: object) -> int:
        fresh = self.data[self._taken :]
        self._books.take(fresh, [leaf_hash(one) for one in fresh])
        self._taken = len(self.data)
        found = self._books.books[book.encode()]
        facts = {
            "cur": found.currency.decode(),
            "entries": found.entry_count,
            "turnover": found.turnover,
            "trial": hashlib.sha256(found.trial_balance().encode()).digest(),
            "csv": found.csv.digest(),
        }
        seq = self.write(leaves.CloseLeaf, book, **(facts | wrong))
        self.day += timedelta(days=1)
        return seq


def a_log(size: int = 600, seed: int = 1) -> list[bytes]:
    """A life of two books: donations with fees, reversals, settlements, money paid out with evidence, closes."""
    chance = random.Random(seed)
    writer = Writer()
    writer.open()
    writer.open("noise", "USD")
    writer.entry("donation", ("clearing", "fund:rice", 500), book="noise", cur="USD", campaign="rice")
    writer.write(leaves.OpenPolicy, policy="match-2026", doc=bytes(32))
    given: list[tuple[int, str, int]] = []
    while len(writer.data) < size:
        campaign = chance.choice(("rice", "soup"))
        fund, amount = f"fund:{campaign}", chance.randint(100, 9000)
        step = chance.random()
        if step < 0.6:
            given.append((writer.entry("donation", ("clearing", fund, amount), campaign=campaign), campaign, amount))
            writer.entry("processing_fee", (fund, "clearing", amount // 100 + 1), campaign=campaign)
        elif step < 0.7 and given:
            seq, of, much = given.pop(chance.randrange(len(given)))
            writer.entry("reversal", (f"fund:{of}", "clearing", much), campaign=of, rev=seq, note=bytes(32))
        elif step < 0.8:
            writer.entry("settlement", ("bank", "clearing", amount), settle=f"po_{len(writer.data)}")
        elif step < 0.9:
            legs = [(fund, "payable:p1", 2), (fund, "payable:p1", 1), ("general", "payable:p1", 1)]
            seq = writer.entry(
                "disbursement_approved", *legs, campaign=campaign, ref=f"2026/{len(writer.data)}", doc=bytes(32)
            )
            first = writer.write(leaves.DocumentLeaf, doc=bytes(32), supports=(seq,), campaign=campaign)
            writer.write(leaves.DocumentLeaf, doc=bytes(32), supports=(seq,), supersedes=first)
            writer.write(leaves.DayLeaf, campaign=campaign, place="431227.0123456789", doc=bytes(32), supports=(seq,))
        elif given and b'"kind":"entry"' in writer.data[-1]:
            writer.close()
    return writer.data
