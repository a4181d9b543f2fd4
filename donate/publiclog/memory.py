"""What the log remembers outside the database: the newest checkpoint that anybody may have seen.

A database that was restored from a backup knows less than its readers do. Going on from there would give a size a
second root, and the whole world would see a log that changed its past. This file is what the sequencer holds the
database against before it signs anything.
"""

import os
from pathlib import Path

from donate.errors import N_, DonateError
from donate.tlog.checkpoint import Checkpoint, CheckpointWrong, read_checkpoint
from donate.tlog.note import NoteWrong, read_note

NAME = "checkpoint"


class MemoryUnreadable(DonateError):
    sentence = N_("%(file)s is no checkpoint (%(problem)s). It is never edited by hand; bring back a copy of it.")


class Memory:
    """One file, replaced as a whole, so that it always holds one checkpoint or the one before."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def read(self) -> Checkpoint | None:
        """The newest published checkpoint; None while nothing was ever published. Raises MemoryUnreadable."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return read_checkpoint(read_note(data).text)
        except (NoteWrong, CheckpointWrong) as error:
            raise MemoryUnreadable(file=self.path, problem=str(error)) from error

    def write(self, note: bytes) -> None:
        """Keep a checkpoint; on the disk before this returns."""
        new = self.path.with_name(f".{NAME}.{os.getpid()}")
        with new.open("wb") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
