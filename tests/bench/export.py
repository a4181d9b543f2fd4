"""The ledger's CSV over HTTP against psql's own copy of the same query."""

import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection

from donate.db import embedded
from donate.ledger.checks import newest_as_of
from donate.publiclog import export
from tests.bench.figures import Figure, ratio
from tests.bench.servers import donate_web
from tests.bench.site import Site, site


def measure(rounds: int = 5, past_donations: int = 50_000) -> Iterator[Figure]:
    with site(past_donations) as world, donate_web(world.environ) as port:
        yield ratio(
            "ledger CSV over HTTP over psql \\copy",
            lambda: _bytes_per_second_over_http(port),
            lambda: _bytes_per_second_of_psql(world),
            rounds=rounds,
            floor=0.50,
        )


def _bytes_per_second_over_http(port: int) -> float:
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    started = time.perf_counter()
    connection.request("GET", "/ledger.csv")
    answer = connection.getresponse()
    assert answer.status == 200
    size = 0
    while chunk := answer.read(1 << 16):
        size += len(chunk)
    connection.close()
    return size / (time.perf_counter() - started)


def _bytes_per_second_of_psql(world: Site) -> float:
    with world.database.reading() as session:
        as_of = newest_as_of(session)
    statement = export.QUERY.format(filters="").replace("%(as_of)s", str(as_of))
    query = " ".join(statement.strip().removeprefix("COPY (").partition(") TO STDOUT")[0].split())
    target = world.folder / "psql.csv"
    started = time.perf_counter()
    subprocess.run(
        [embedded.program("psql"), "--quiet", "--no-psqlrc", "--dbname", world.url, "--command",
         f"\\copy ({query}) TO '{target}' WITH (FORMAT csv, HEADER)"],
        check=True,
    )  # fmt: skip
    return target.stat().st_size / (time.perf_counter() - started)
