"""Work that several threads bring in the same moment, done by one of them for all.

Each message must be safe on the disk before it is answered, and waiting for the disk costs the same for one message
as for ten. Whoever comes while nobody works, works at once and alone, so a single message waits for nothing; those
that come meanwhile are taken together by the first of them. After such a turn the next leader waits a moment for as
many as there were: they have just been answered, and where messages come in crowds the next of them are on their way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition, Lock
from typing import Generic, TypeVar

# How long a leader waits for a crowd like the last one; a smaller one makes it wait so long once.
PATIENCE_SECONDS = 0.002
# How long a thread waits for the one that works for it, before it helps itself: longer than any database takes that
# still answers, and shorter than the provider waits for us.
LONGEST_WAIT_SECONDS = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


class NotDone(Exception):
    """The thread that worked for this one was ended in the middle, or takes too long; nothing is known of the result."""


def _taken() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class _Place(Generic[Item, Result]):
    """One thread's place in the row. `called` is released once: when its result is there, or when it is to lead."""

    item: Item
    results: list[Result] = field(default_factory=list)  # one, once it is there
    is_lost: bool = False
    called: Lock = field(default_factory=_taken)


class Gathering(Generic[Item, Result]):
    """`work` takes at most `most` items in the order in which they came, and answers in that order."""

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result]], *, most: int) -> None:
        self._work = work
        self._most = most
        self._lock = Condition()
        self._row: list[_Place[Item, Result]] = []
        self._crowd = 1  # how many the last leader took
        self._is_led = False

    def do(self, item: Item) -> Result:
        """The result for `item`, once somebody has worked on it. Raises NotDone, and to its leader what `work` raises."""
        place: _Place[Item, Result] = _Place(item)
        with self._lock:
            self._row.append(place)
            leads, self._is_led = not self._is_led, True
            if len(self._row) == self._crowd:
                self._lock.notify()
        if not leads and not place.called.acquire(timeout=LONGEST_WAIT_SECONDS):
            self._leave(place)
        if not place.results and not place.is_lost:
            self._lead()
        if not place.results:
            raise NotDone
        return place.results[0]

    def _lead(self) -> None:
        with self._lock:
            self._lock.wait_for(lambda: len(self._row) >= self._crowd, PATIENCE_SECONDS)
            self._crowd = min(len(self._row), self._most)
            mine, self._row = self._row[: self._most], self._row[self._most :]
        try:
            results = self._work([place.item for place in mine])
            for place, result in zip(mine, results, strict=True):
                place.results.append(result)
        finally:
            self._hand_over()
            for place in mine[1:]:  # the first is the leader itself
                place.is_lost = not place.results
                place.called.release()

    def _leave(self, place: _Place[Item, Result]) -> None:
        """Wait no longer; whoever is called in this very moment stays after all. Raises NotDone."""
        with self._lock:
            if place.called.acquire(blocking=False):
                return
            if place in self._row:
                self._row.remove(place)
            raise NotDone

    def _hand_over(self) -> None:
        with self._lock:
            if self._row:
                self._row[0].called.release()
            else:
                self._is_led = False
