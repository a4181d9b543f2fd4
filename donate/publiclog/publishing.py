"""From signed to shown, in an order that no crash can turn round.

A pass commits its checkpoint unpublished. Then the file beside the key is replaced, and only then does the row say that
readers may be shown it. Killed in between, the next start finishes what was signed and never signs it again.

At the start and in every pass the database is held against the file. A database that is behind what was published, or that
tells it otherwise, is refused: it was restored from an older copy, or changed behind our back. (Not at the start alone: a
failover behind a pool of connections is silent.)
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate import clock
from donate.db import Database, Role
from donate.errors import N_, DonateError
from donate.publiclog import log, queue, tree
from donate.publiclog.keys import KeyFolder
from donate.publiclog.memory import Memory
from donate.publiclog.sealing import Sealer
from donate.tlog.checkpoint import Checkpoint
from donate.tlog.tiles import edge_root


class LogRefused(DonateError):
    """The sequencer signs nothing until somebody has looked."""

    status = 409


class DatabaseBehind(LogRefused):
    sentence = N_(
        "The public log was published up to line %(published)s, and this database ends at line %(here)s: it is an older "
        "copy. Nothing is signed, since readers would see another past. Restore a newer backup or replay the "
        "database's own archive; if those lines are lost for good, see .github/LOG.md, 'When lines are lost'."
    )


class DatabaseDiffers(LogRefused):
    sentence = N_(
        "Up to line %(published)s this database gives another root than the one that was published: its past was "
        "changed. Nothing is signed. Compare it with a mirror (donate verify), and restore a copy that agrees."
    )


class MemoryLost(LogRefused):
    sentence = N_(
        "The log has signed before, and %(file)s is missing, which tells how far it was published. Bring it back from "
        "the copy that you keep beside the key, or from any reader: it is what GET /log/checkpoint answered last."
    )


class OtherLog(LogRefused):
    sentence = N_("The key is of the log %(key)s, and what was signed here is of the log %(here)s.")


@dataclass(frozen=True, slots=True)
class Publisher:
    """Signs with the log's keys and remembers beside them what was published."""

    memory: Memory
    sealer: Sealer

    def start(self, database: Database) -> None:
        """Hold the database against the file, finish what was cut off, and sign lines from before there was a key.

        Raises LogRefused.
        """
        with database.transaction(Role.SEQUENCER) as session:
            queue.lock(session)  # nobody else signs or publishes meanwhile
            self.require_same_past(session)
            self._add_keys(session)
        self.publish(database)
        with database.transaction(Role.SEQUENCER) as session:
            sealed = self.sealer.seal(session, queue.lock(session).next_index)
        self.sealer.remember(sealed)
        self.publish(database)

    def publish(self, database: Database) -> int:
        """Show readers the newest checkpoint that is committed; its size, 0 while there is none."""
        with database.transaction(Role.SEQUENCER) as session:
            queue.lock(session)  # a second sequencer must not put an older checkpoint into the file after a newer one
            signed, remembered = self.require_same_past(session)
            if signed is None:
                return 0
            if remembered is None or remembered.size < signed.size:
                self.memory.write(signed.note)
            if tree.published_size(session) < signed.size:
                mark_published(session, signed.size)
            return signed.size

    def require_same_past(self, session: Session) -> tuple[tree.Signed | None, Checkpoint | None]:
        """What this database signed last, and what is remembered as published, once they are seen to agree.

        Wants the sequencer's row. Raises LogRefused.
        """
        signed, remembered = tree.newest(session), self.memory.read()
        self._refuse_another_log(signed, remembered)
        if remembered is None:
            if signed is not None and tree.published_size(session) > 0:
                raise MemoryLost(file=self.memory.path)
        elif signed is None or signed.size < remembered.size:
            raise DatabaseBehind(published=remembered.size, here=signed.size if signed else 0)
        elif not self._agrees(session, signed.checkpoint, remembered):
            raise DatabaseDiffers(published=remembered.size)
        return signed, remembered

    def _agrees(self, session: Session, signed: Checkpoint, remembered: Checkpoint) -> bool:
        known = self.sealer.known
        if signed.size == known.size and signed.root == edge_root(known.edge):
            # What this process has grown, on a past that was compared before.
            return remembered.size < signed.size or remembered.root == signed.root
        try:
            return tree.root(session, remembered.size) == remembered.root
        except tree.TreeIncomplete:
            return False

    def _refuse_another_log(self, signed: tree.Signed | None, remembered: Checkpoint | None) -> None:
        origins = {remembered.origin} if remembered else set()
        if signed is not None:
            origins.add(signed.origin)
        for origin in sorted(origins - {self.sealer.origin}):
            raise OtherLog(key=self.sealer.origin, here=origin)

    def _add_keys(self, session: Session) -> None:
        for key in self.sealer.keys:
            log.add_key(session, key.verifier, clock.now())


def mark_published(session: Session, size: int) -> None:
    """From this commit on readers are shown the checkpoint of `size`."""
    session.execute(_PUBLISH, {"size": size})


def publisher_of(folder: Path) -> Publisher:
    """With the keys and the memory of this folder. Raises NoLogKey, LogKeysDiffer, KeyWrong."""
    return Publisher(Memory(folder), Sealer(KeyFolder(folder).keys()))


def has_signed(database: Database) -> bool:
    """Whether this database holds a checkpoint of any log."""
    with database.reading(Role.SEQUENCER) as session:
        return tree.newest(session) is not None


_PUBLISH = text("UPDATE log_head SET published_size = :size WHERE id = 1 AND published_size < :size")
