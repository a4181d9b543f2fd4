"""Work of threads that come in the same moment is done together, and none is left without an answer."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest

from donate.payments.gathering import Gathering, NotDone


def wait_until(reached: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.001)


class Work:
    """Answers with each item doubled; the first turn lasts until `may_end` is set."""

    def __init__(self) -> None:
        self.turns: list[list[int]] = []
        self.may_end = threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.turns.append(list(items))
        assert self.may_end.wait(5)
        if 13 in items:
            raise LookupError
        return [2 * item for item in items]


def _has(gathering: Gathering[int, int], count: int) -> bool:
    return len(gathering._row) == count


def several(work: Work, gathering: Gathering[int, int], first: int, others: Sequence[int]) -> list[Future[int]]:
    """`others` come one after the other while `first` is being worked on."""
    pool = ThreadPoolExecutor(1 + len(others))
    given = [pool.submit(gathering.do, first)]
    wait_until(lambda: len(work.turns) == 1)
    for count, item in enumerate(others, 1):
        given.append(pool.submit(gathering.do, item))
        wait_until(partial(_has, gathering, count))
    work.may_end.set()
    pool.shutdown()
    return given


def test_one_alone_is_worked_on_at_once() -> None:
    work = Work()
    work.may_end.set()
    assert Gathering(work, most=8).do(4) == 8
    assert work.turns == [[4]]


def test_those_that_come_meanwhile_are_taken_together_in_their_order() -> None:
    work = Work()
    given = several(work, Gathering(work, most=8), 1, [2, 3, 4])
    assert [future.result() for future in given] == [2, 4, 6, 8]
    assert work.turns == [[1], [2, 3, 4]]


def test_a_turn_takes_no_more_than_the_most() -> None:
    work = Work()
    given = several(work, Gathering(work, most=2), 1, [2, 3, 4])
    assert [future.result() for future in given] == [2, 4, 6, 8]
    assert [len(turn) for turn in work.turns] == [1, 2, 1]


def test_when_the_work_breaks_nobody_waits_for_ever_and_the_next_are_served() -> None:
    work = Work()
    gathering = Gathering(work, most=2)
    leader, follower = [future.exception() for future in several(work, gathering, 1, [13, 3, 4])[1:3]]
    assert (type(leader), type(follower)) == (LookupError, NotDone)
    assert gathering.do(5) == 10
    assert work.turns[2:] == [[4], [5]]


@pytest.mark.parametrize("most", [1, 3, 64])
def test_under_a_crowd_everybody_gets_the_answer_to_his_own(most: int) -> None:
    work = Work()
    work.may_end.set()
    gathering = Gathering(work, most=most)
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(gathering.do, range(100, 2_100))) == [2 * item for item in range(100, 2_100)]
    assert sorted(item for turn in work.turns for item in turn) == list(range(100, 2_100))
