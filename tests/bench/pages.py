"""A campaign's page as strangers load it, against Flask saying hello on the same server."""

import time
from collections.abc import Iterator

from sqlalchemy import event

from donate import create_app
from donate.db import Database, Role, bind
from tests.bench.figures import Figure, ratio
from tests.bench.servers import donate_web, fetch, reference, requests_per_second
from tests.bench.site import CAMPAIGN, Site, site

PAGE = f"/zh/c/{CAMPAIGN}"


def measure(seconds: float = 4, rounds: int = 5, past_donations: int = 10_000) -> Iterator[Figure]:
    with site(past_donations) as world:
        with donate_web(world.environ) as port, reference({}) as other:
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
        yield from cold(world)


def cold(world: Site) -> Iterator[Figure]:
    """What a page costs when no process has drawn it: statements and milliseconds, in this process."""
    database = Database(world.url)
    bind(database)
    app = create_app(world.settings, database)
    statements: list[str] = []
    event.listen(database.engine(Role.WEB), "before_cursor_execute", lambda *facts: statements.append(facts[2]))
    client = app.test_client()
    assert client.get(PAGE).status_code == 200
    statements.clear()
    times = []
    for number in range(30):
        started = time.perf_counter()
        answer = app.test_client().get(f"{PAGE}?cold={number}")
        times.append(time.perf_counter() - started)
        assert answer.status_code == 200
    database.dispose()
    yield Figure("campaign page, cold: SQL statements", len(statements) / 30, "statements", ceiling=4)
    yield Figure("campaign page, cold: time", sorted(times)[15] * 1000, "ms (median)")
