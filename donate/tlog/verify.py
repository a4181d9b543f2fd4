"""Is this log what it says it is? Every signature, every tile, every leaf and every sum, from public data alone.

Read this file from the top: `Verifier.run` is the whole of it, in the order in which things are checked.

1. the checkpoint is signed by the log's key, and by as many witnesses as the reader's policy asks for;
2. every leaf is read, hashed, and every stored tile compared byte for byte with the hashes that come out;
3. the root that comes out is the one that was signed;
4. every checkpoint that the reader saved before is the root of the tree at its size: nothing was changed since;
5. every leaf is spelt in its one way and is allowed by those before it: books, accounts, currencies, reversals, closes;
6. the published CSV says, row by row, what the leaves say, and the published totals what they add up to.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import zip_longest
from typing import BinaryIO

from donate.tlog.book import CSV_HEAD
from donate.tlog.books import Books, BooksWrong
from donate.tlog.canonical import NotCanonical
from donate.tlog.checkpoint import Checkpoint, CheckpointWrong, open_checkpoint
from donate.tlog.counting import Published, TotalsWrong, read_totals
from donate.tlog.leaf import leaf_hashes
from donate.tlog.merkle import EMPTY_ROOT
from donate.tlog.note import NoteWrong, NotSigned, SignedNote, VerifierKey, read_note
from donate.tlog.policy import Policy
from donate.tlog.source import CHECKPOINT, Source
from donate.tlog.tiles import WIDTH, Edge, Node, Tile, TileWrong, bundles_of, edge_root, grow, level_size, split_bundle

CSV = "ledger.csv"
TOTALS = "totals.csv"
REPORT_EVERY = 64  # bundles
LONGEST_ROW = 8192  # bytes


class Code(IntEnum):
    """How a run ended, as the program's exit code; 1 and 2 are left to the shell and to wrong arguments."""

    FINE = 0
    UNREADABLE = 3  # nothing was found out
    SIGNATURE = 10
    TREE = 11
    FORK = 12
    ACCOUNTING = 13
    EXPORT = 14
    RECEIPT = 15


class Refused(Exception):
    """Something is not as it has to be; `code` says of which kind."""

    def __init__(self, code: Code, problem: str) -> None:
        super().__init__(problem)
        self.code = code


@dataclass(slots=True)
class Findings:
    """What was found out about a log."""

    origin: str = ""
    note: bytes = b""  # the signed checkpoint that all of this is about
    size: int = 0
    root: bytes = EMPTY_ROOT
    entry_count: int = 0
    witnesses: tuple[str, ...] = ()
    compared_checkpoints: int = 0
    csv_rows_checked: bool = False
    totals_compared: int = 0  # rows
    receipt_was_reversed: bool | None = None  # None without a receipt
    notes: list[str] = field(default_factory=list)
    books: Books = field(default_factory=Books)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """`keys` or `policy` say whom the reader trusts; `saved` are checkpoints that were seen before."""

    source: Source
    keys: Sequence[VerifierKey] = ()
    policy: Policy | None = None
    saved: Sequence[Checkpoint] = ()
    with_csv: bool = True
    progress: Callable[[int, int], None] = lambda _done, _size: None

    def run(self) -> Findings:
        """All checks. Raises Refused with the first thing that is wrong, SourceUnreachable."""
        findings = Findings()
        totals = self._totals()  # before the checkpoint: what they add up must be signed by then
        checkpoint = self._checkpoint(findings)
        if totals is not None and not 0 < totals.size <= checkpoint.size:  # of no line, it would never be compared
            raise Refused(Code.EXPORT, f"{TOTALS} is of {totals.size} lines, and {checkpoint.size} are signed")
        findings.origin, findings.size, findings.root = checkpoint.origin, checkpoint.size, checkpoint.root
        self._refuse_older_than_saved(checkpoint)
        expected = {saved.size: saved for saved in self.saved}
        with closing(_Csv(self.source.open(CSV) if self.with_csv else None)) as csv:
            root = self._read_all(checkpoint.size, expected, _Accounts(findings.books, csv, totals))
            if root != checkpoint.root:
                raise Refused(Code.TREE, "the leaves give another root than the one that was signed")
            self._finish_books(findings.books)
            self._refuse_hidden_totals(totals, findings.books)
            findings.csv_rows_checked = csv.finish(checkpoint.size)
        findings.entry_count = findings.books.entry_count
        findings.compared_checkpoints = len(self.saved)
        findings.totals_compared = len(totals.rows) if totals is not None else 0
        if csv.unsigned_rows:
            findings.notes.append(
                f"{CSV} goes on behind the signed lines: {csv.unsigned_rows} rows that were not checked"
            )
        if self.with_csv and not findings.csv_rows_checked:
            findings.notes.append(f"there is no {CSV} here to compare")
        if totals is None:
            findings.notes.append(f"there is no {TOTALS} here to compare")
        elif totals.size < checkpoint.size:
            findings.notes.append(f"{TOTALS} is as of {totals.size} lines")
        return findings

    def _checkpoint(self, findings: Findings) -> Checkpoint:
        data = self.source.read(CHECKPOINT)
        if data is None:
            raise Refused(Code.UNREADABLE, "there is no checkpoint here, so this is no log")
        findings.note = data
        try:
            signed = read_note(data)
            if self.policy is not None:
                findings.witnesses = tuple(sorted(self.policy.witnesses_of(signed)))
                checkpoint = self.policy.open(signed) if self.policy.logs else self._by_keys_and_quorum(signed)
                return open_checkpoint(signed, self.keys) if self.policy.logs and self.keys else checkpoint
            return open_checkpoint(signed, self.keys)
        except (NoteWrong, CheckpointWrong, NotSigned) as error:
            raise Refused(Code.SIGNATURE, str(error)) from error

    def _totals(self) -> Published | None:
        data = self.source.read(TOTALS)
        try:
            return None if data is None else read_totals(data)
        except TotalsWrong as error:
            raise Refused(Code.EXPORT, str(error)) from error

    def _refuse_hidden_totals(self, totals: Published | None, books: Books) -> None:
        """A file without a row is of a log without a donation, unless the first one came while we read."""
        if totals is None and books.totals() and self.source.read(TOTALS) is not None and self._totals() is None:
            raise Refused(Code.EXPORT, f"{TOTALS} has no row, and the lines have campaigns")

    def _by_keys_and_quorum(self, signed: SignedNote) -> Checkpoint:
        assert self.policy is not None
        if not self.policy.is_met(self.policy.witnesses_of(signed)):
            raise NotSigned(problem=f"the policy's quorum {self.policy.quorum} is not met")
        return open_checkpoint(signed, self.keys)

    def _refuse_older_than_saved(self, checkpoint: Checkpoint) -> None:
        roots: dict[int, bytes] = {}
        for saved in self.saved:
            if roots.setdefault(saved.size, saved.root) != saved.root:
                raise Refused(Code.FORK, f"of {saved.size} lines two checkpoints were saved before, and they differ")
            if saved.origin != checkpoint.origin:
                raise Refused(Code.FORK, f"the log called itself {saved.origin} before, and {checkpoint.origin} now")
            if saved.size > checkpoint.size:
                raise Refused(Code.FORK, f"the log had {saved.size} lines before, and has {checkpoint.size} now")

    def _read_all(self, size: int, expected: dict[int, Checkpoint], accounts: "_Accounts") -> bytes:
        """Every leaf once, from the first to the last; the root over all of them."""
        edge: Edge = []
        upper: dict[int, list[bytes]] = {}
        done = 0
        if 0 in expected:
            self._compare_saved(expected[0], EMPTY_ROOT)
        for number, tile in enumerate(bundles_of(size)):
            leaves = self._leaves(tile)
            hashes = leaf_hashes(leaves)
            self._compare_tile(Tile(0, tile.index, tile.width), hashes)
            for cut in sorted(at for at in expected if done < at < done + tile.width):
                self._compare_saved(expected[cut], grow(edge, done, hashes[: cut - done]).root)
            growth = grow(edge, done, hashes)
            edge, done = growth.edge, growth.size
            self._compare_upper(upper, growth.nodes)
            if done in expected:
                self._compare_saved(expected[done], growth.root)
            accounts.take(leaves, hashes)
            if number % REPORT_EVERY == 0:
                self.progress(done, size)
        self._compare_partial(upper, size)
        self.progress(done, size)
        return edge_root(edge)

    def _leaves(self, tile: Tile) -> list[bytes]:
        data = self._tile(tile)
        try:
            return split_bundle(data, tile.width)
        except TileWrong as error:
            raise Refused(Code.TREE, f"{tile.path}: {error}") from error

    def _tile(self, tile: Tile) -> bytes:
        """A tile; a partial one may have become full meanwhile, and is then the beginning of the full one."""
        data = self.source.read(tile.path)
        if data is None and tile.width < WIDTH:
            data = self._cut(tile, self.source.read(Tile(tile.level, tile.index).path))
        if data is None:
            raise Refused(Code.TREE, f"{tile.path} is missing")
        return data

    @staticmethod
    def _cut(tile: Tile, full: bytes | None) -> bytes | None:
        if full is None or tile.level >= 0:
            return None if full is None else full[: tile.width * 32]
        place = 0
        for _ in range(tile.width):
            place += 2 + int.from_bytes(full[place : place + 2], "big")
        return full[:place]

    def _compare_tile(self, tile: Tile, hashes: Sequence[bytes]) -> None:
        if self._tile(tile) != b"".join(hashes):
            raise Refused(Code.TREE, f"{tile.path} is not what its leaves give")

    def _compare_upper(self, upper: dict[int, list[bytes]], nodes: Sequence[Node]) -> None:
        """Tiles above level 0, each as soon as its last hash is there."""
        for node in nodes:
            row = upper.setdefault(node.level, [])
            row.append(node.hash)
            if len(row) == WIDTH:
                self._compare_tile(Tile(node.level, node.index // WIDTH), row)
                row.clear()

    def _compare_partial(self, upper: dict[int, list[bytes]], size: int) -> None:
        """The tiles above level 0 that are not full yet."""
        for level, row in upper.items():
            if row:
                self._compare_tile(Tile(level, level_size(level, size) // WIDTH, len(row)), row)

    def _compare_saved(self, saved: Checkpoint, root: bytes) -> None:
        if saved.root != root:
            raise Refused(Code.FORK, f"the first {saved.size} lines are not those that were signed before")

    def _finish_books(self, books: Books) -> None:
        try:
            books.finish()
        except BooksWrong as error:
            raise Refused(Code.ACCOUNTING, str(error)) from error


class _Accounts:
    """The books as the leaves tell them, beside what is published of them."""

    def __init__(self, books: Books, csv: "_Csv", totals: Published | None) -> None:
        self._books, self._csv, self._totals = books, csv, totals
        self._size = 0

    def take(self, leaves: Sequence[bytes], hashes: Sequence[bytes]) -> None:
        """The next leaves; the totals are compared at the size that they say they are of."""
        cut = len(leaves) if self._totals is None else self._totals.size - self._size
        if not 0 < cut < len(leaves):
            self._take(leaves, hashes)
        else:
            self._take(leaves[:cut], hashes[:cut])
            self._take(leaves[cut:], hashes[cut:])

    def _take(self, leaves: Sequence[bytes], hashes: Sequence[bytes]) -> None:
        try:
            self._csv.compare(self._books.take(leaves, hashes))
        except (BooksWrong, NotCanonical) as error:
            raise Refused(Code.ACCOUNTING, str(error)) from error
        self._size += len(leaves)
        if self._totals is not None and self._size == self._totals.size:
            self._compare(self._totals.rows, self._books.totals())

    @staticmethod
    def _compare(published: Sequence[str], ours: Sequence[str]) -> None:
        for theirs, own in zip_longest(published, ours):
            if theirs != own:
                raise Refused(Code.EXPORT, f"{TOTALS} says {theirs!r}, and the lines add up to {own!r}")


class _Csv:
    """The published CSV beside the rows that the leaves make. It may go on behind the checkpoint, and no further back."""

    def __init__(self, file: BinaryIO | None) -> None:
        self._file = file
        self.unsigned_rows = 0
        if file is not None:
            self._expect(CSV_HEAD)

    def compare(self, rows: bytes) -> None:
        if self._file is not None and rows:
            self._expect(rows)

    def finish(self, size: int) -> bool:
        """Whether there was a CSV; what follows in it must be behind the signed lines."""
        if self._file is None:
            return False
        newest = size - 1
        while rest := self._file.readline(LONGEST_ROW):
            number = rest.partition(b",")[0]
            if (
                not rest.endswith(b"\n")
                or not number.isdigit()
                or len(number) > 18
                or int(number) < newest + (newest < size)
            ):
                raise Refused(Code.EXPORT, f"{CSV} has a row that no leaf makes: {rest[:200]!r}")
            newest = int(number)
            self.unsigned_rows += 1
        return True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _expect(self, wanted: bytes) -> None:
        assert self._file is not None
        found = bytearray()
        while len(found) < len(wanted) and (block := self._file.read(len(wanted) - len(found))):
            found += block
        if found != wanted:
            raise Refused(Code.EXPORT, f"{CSV} differs from the leaves: {_first_difference(wanted, bytes(found))}")


def _first_difference(wanted: bytes, found: bytes) -> str:
    for ours, theirs in zip(wanted.split(b"\n"), found.split(b"\n"), strict=False):
        if ours != theirs:
            return f"{theirs[:200]!r} where {ours[:200]!r} was expected"
    return "it ends too early"
