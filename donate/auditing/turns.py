"""How many may download at once: a slow reader holds a thread and a connection for as long as a file takes."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from threading import BoundedSemaphore

from sqlalchemy.orm import Session

from donate.db import Database
from donate.errors import N_, DonateError


class TooManyDownloads(DonateError):
    sentence = N_("Several people are downloading the ledger at this moment. Please try again in a minute.")
    status = 503


@lru_cache(maxsize=1)
def turns(threads: int) -> BoundedSemaphore:
    """Half of a process's threads; the others stay for everybody else."""
    return BoundedSemaphore(max(1, threads // 2))


def in_turn(
    database: Database, taken: BoundedSemaphore, blocks: Callable[[Session], Iterator[bytes]]
) -> Iterator[bytes]:
    """The blocks over one snapshot, in a turn that is given back however their reader goes. Raises TooManyDownloads.

    The turn is taken before this returns, while the answer's status is still open.
    """
    waiting = _in_turn(database, taken, blocks)
    next(waiting)
    return waiting


def _in_turn(
    database: Database, taken: BoundedSemaphore, blocks: Callable[[Session], Iterator[bytes]]
) -> Iterator[bytes]:
    if not taken.acquire(blocking=False):
        raise TooManyDownloads
    try:
        yield b""
        with database.reading() as session:
            yield from blocks(session)
    finally:
        taken.release()
