"""What a donor gave in confidence is on no public page, in no export, no leaf and no log line."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import pytest
import structlog
from flask import Flask
from sqlalchemy import text
from structlog.typing import EventDict

from donate import web
from donate.db import Database, Role, reading
from donate.settings import Settings
from tests.laws import world as worlds
from tests.laws.addresses import LETS_IN, addresses
from tests.laws.world import CANARIES, World

# Whoever holds a secret link reads there what they wrote themselves.
THEIR_OWN = frozenset({"donor.confirming", "donor.receipt", "donor.recorded_receipt", "public.complaint"})
# Tables that the public is shown whole, in the log and in downloads.
PUBLIC_TABLES = ("log_leaf", "entry", "transfer", "account", "book", "day_total", "campaign_total")


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    """Every structured log line of the test, from the first request on."""
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
def build(
    app: Flask, database: Database, settings: Settings, lines: list[EventDict], caplog: pytest.LogCaptureFixture
) -> Callable[[], World]:
    caplog.set_level(logging.DEBUG)
    return partial(worlds.build, app, database, settings)


def page_violations(world: World) -> list[str]:
    """Public answers that hold a canary."""
    found = []
    for address in addresses(world):
        if address.audience in LETS_IN or address.endpoint in THEIR_OWN or "GET" not in address.methods:
            continue
        answer = world.anonymous.get(address.path)
        said = answer.data + str(answer.headers).encode()
        found += [f"{address.endpoint}: {canary}" for canary in CANARIES if canary.encode() in said]
    return found


def table_violations(tables: Iterable[str] = PUBLIC_TABLES) -> list[str]:
    """Rows that the public is shown and that hold a canary, as text or as bytes."""
    found = []
    with reading(Role.OWNER) as session:
        for table in tables:
            rows = session.scalars(text(f"SELECT row_to_json({table})::text FROM {table}")).all()
            for canary in CANARIES:
                spelled = (canary, canary.encode().hex())
                found += [f"{table}: {canary}" for row in rows if any(form in row for form in spelled)]
    return found


def line_violations(lines: Iterable[EventDict], caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [repr(line) for line in lines] + [record.getMessage() for record in caplog.records]
    return [line for line in said if any(canary in line for canary in CANARIES)]


def test_no_public_answer_names_the_donor(build: Callable[[], World]) -> None:
    assert page_violations(build()) == []


def test_no_table_that_is_published_names_the_donor(build: Callable[[], World]) -> None:
    build()
    assert table_violations() == []


def test_no_log_line_names_the_donor(
    build: Callable[[], World], lines: list[EventDict], caplog: pytest.LogCaptureFixture
) -> None:
    world = build()
    typed = {"email": worlds.CANARY_EMAIL, "name": worlds.CANARY_NAME, "words": worlds.CANARY_WORDS}
    for address in addresses(world):
        for method in address.methods:
            world.anonymous.open(address.path, method=method, data=typed)
            for name in ("owner", "reviewer", "admin"):
                world.people[name].open(address.path, method, typed)
    assert len(lines) > 50
    assert line_violations(lines, caplog) == []


def test_the_canary_is_really_there(build: Callable[[], World]) -> None:
    world = build()
    with reading() as session:
        names = session.scalars(text("SELECT name FROM donation_private")).all()
    assert worlds.CANARY_NAME in names
    assert world.anonymous.get(f"/en/r/{world.secret}").status_code == 200


def test_a_planted_page_that_names_the_donor_is_found(app: Flask, build: Callable[[], World]) -> None:
    def names() -> str:
        with reading() as session:
            return ", ".join(str(name) for name in session.scalars(text("SELECT name FROM donation_private")))

    web.hang(app, "public_planted", [("/donors", names, ["GET"])])
    assert page_violations(build()) == [f"public_planted.names: {worlds.CANARY_NAME}"]


def test_a_planted_row_that_names_the_donor_is_found(build: Callable[[], World]) -> None:
    build()
    assert table_violations(["donation_private"]) != []


def test_a_planted_log_line_that_names_the_donor_is_found(
    lines: list[EventDict], caplog: pytest.LogCaptureFixture
) -> None:
    structlog.get_logger().info("paid", email=CANARIES[1])
    logging.getLogger("any").warning("paid by %s", CANARIES[0])
    assert len(line_violations(lines, caplog)) == 2
