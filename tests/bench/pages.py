"""A campaign's page as strangers load it, against Flask saying hello on the same server."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from flask import Flask

from donate import create_app
from donate.db import Database, bind
from tests.bench.figures import Figure, ratio
from tests.bench.servers import donate_web, fetch, reference, requests_per_second, warm
from tests.bench.site import CAMPAIGN, Site, site

PAGE = f"/zh/c/{CAMPAIGN}"
COLD_PAGES = 30


def measure(seconds: float = 4, rounds: int = 5, past_donations: int = 10_000) -> Iterator[Figure]:
    with site(past_donations) as world:
        yield from cold(world)
        with donate_web(world.environ) as port, reference({}) as other:
            warm(port, PAGE)  # the first page of a process compiles its templates
            etag = fetch(port, PAGE)[1]["etag"]

            def hello() -> float:
                return requests_per_second(other, "/", seconds=seconds)

            yield ratio(
                "campaign page, cached, over hello world",
                lambda: requests_per_second(port, PAGE, seconds=seconds),
                hello,
                rounds=rounds,
                floor=0.80,
            )
            yield ratio(
                "the same, 304, over hello world",
                lambda: requests_per_second(port, PAGE, seconds=seconds, headers={"If-None-Match": etag}),
                hello,
                rounds=rounds,
                floor=0.85,
            )


def cold(world: Site) -> Iterator[Figure]:
    """What a page costs when no process has drawn it: statements and milliseconds, in this process.

    Counted is every statement that the driver sends while a page is asked for, by whatever way and role, the first
    page's too, on which the process connects. A transaction's BEGIN and COMMIT are none.
    """
    database = Database(world.url)
    bind(database)
    app = create_app(world.settings, database)
    times = []
    with _counting() as statements:
        _cold_page(app, "first")
        first = len(statements)
        for number in range(COLD_PAGES - 1):
            started = time.perf_counter()
            _cold_page(app, str(number))
            times.append(time.perf_counter() - started)
        later = (len(statements) - first) / len(times)
        mean = len(statements) / COLD_PAGES
    database.dispose()
    counted = "every statement that the driver sends but BEGIN and COMMIT"
    of_first = f"{counted}; of these {first - later:g} ask what server it is and whether the connection lives"
    of_all = f"{counted}; {first} for the first of {COLD_PAGES} pages, on which the process connects, {later:g} for each later one"
    yield Figure("campaign page, cold: SQL statements", mean, "statements", of_all, ceiling=4)
    yield Figure("campaign page, the first of a process: SQL statements", first, "statements", of_first)
    yield Figure("campaign page, cold: time", sorted(times)[len(times) // 2] * 1000, "ms (median)")


def _cold_page(app: Flask, number: str) -> None:
    answer = app.test_client().get(f"{PAGE}?cold={number}")
    assert answer.status_code == 200


@contextmanager
def _counting() -> Iterator[list[str]]:
    """Every statement that this process sends meanwhile, at the driver: nothing that asks the database goes round it."""
    statements: list[str] = []
    execute = psycopg.Cursor.execute

    def counted(cursor: psycopg.Cursor[Any], query: Any, *arguments: Any, **options: Any) -> Any:
        statements.append(query if isinstance(query, str) else str(query))
        return execute(cursor, query, *arguments, **options)

    psycopg.Cursor.execute = counted  # type: ignore[method-assign]
    try:
        yield statements
    finally:
        psycopg.Cursor.execute = execute  # type: ignore[method-assign]
