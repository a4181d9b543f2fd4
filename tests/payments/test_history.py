"""Reading what the provider lists newest first, oldest first and in few calls."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from donate import clock
from donate.payments.stripe.history import PAGE, oldest_first

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Thing:
    created: int


@dataclass
class Listed:
    """A page of a list as the SDK gives it: whether there is more, and an iterator over all of it."""

    things: list[Thing]

    @property
    def has_more(self) -> bool:
        return len(self.things) > PAGE

    def auto_paging_iter(self) -> Iterator[Thing]:
        return iter(self.things)


class Provider:
    """Lists things newest first."""

    def __init__(self, *ages: timedelta) -> None:
        self.moments = sorted(int((NOW - age).timestamp()) for age in ages)
        self.calls = 0

    def listed(self, asked: dict[str, Any]) -> Listed:
        self.calls += 1
        window = asked["created"]
        found = [Thing(moment) for moment in self.moments if window["gte"] <= moment < window.get("lt", float("inf"))]
        return Listed(found[::-1])

    def read(self, since: timedelta) -> list[int]:
        with clock.frozen_at(NOW):
            return [thing.created for thing in oldest_first(self.listed, NOW - since, DAY)]


def test_years_of_silence_cost_a_few_calls() -> None:
    provider = Provider(timedelta(days=1), timedelta(days=40))
    assert provider.read(timedelta(days=16 * 365)) == provider.moments
    assert provider.calls < 30


@pytest.mark.parametrize("silence", [1, 3, 400, 3000])
def test_a_crowd_after_silence_is_read_whole_and_in_order(silence: int) -> None:
    crowd = [timedelta(hours=hours) for hours in range(0, 24 * 30, 2)]
    provider = Provider(*crowd, timedelta(days=silence + 31))
    assert provider.read(timedelta(days=silence + 40)) == provider.moments


def test_things_of_one_moment_at_a_windows_edge_come_once() -> None:
    provider = Provider(*[timedelta(days=days) for days in range(300)] * 2)
    assert provider.read(timedelta(days=299)) == provider.moments


def test_what_is_newer_than_our_clock_is_read_too() -> None:
    provider = Provider(-timedelta(hours=3), timedelta(days=2))
    assert provider.read(timedelta(days=5)) == provider.moments
