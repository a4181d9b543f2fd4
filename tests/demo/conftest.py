"""One sample world for all tests of this folder: it takes seconds to build, so nobody builds it twice."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Thread

import pytest
from werkzeug.serving import make_server

from donate import clock, create_app
from donate.db import Database, bind
from donate.demo.logins import Login
from donate.demo.world import build_world
from donate.settings import Settings, read_settings
from tests.conftest import clone

# Enough for every figure to move; the size that people see is built by the long test.
CHECKOUTS = 600


@dataclass(frozen=True)
class BuiltWorld:
    database: Database
    settings: Settings
    built_at: datetime
    logins: list[Login]
    steps: list[str]


@pytest.fixture(scope="session")
def built_world(
    server_url: str, template: str, shared_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BuiltWorld]:
    database = Database(clone(server_url, f"donate_demo_{os.getpid()}", shared_folder), pool_size=6)
    bind(database)
    folder = tmp_path_factory.mktemp("demo")
    settings = read_settings({"DONATE_INSTANCE": str(folder), "DONATE_SECRET_KEY": "a key for tests only"})
    steps: list[str] = []
    built_at = clock.now()
    logins = build_world(database, settings, steps.append, CHECKOUTS)
    yield BuiltWorld(database, settings, built_at, logins, steps)
    database.dispose()


@pytest.fixture
def sample(built_world: BuiltWorld) -> BuiltWorld:
    """The built world, bound to this test."""
    bind(built_world.database)
    return built_world


@pytest.fixture
def site(sample: BuiltWorld) -> Iterator[BuiltWorld]:
    """The sample world served on a real port."""
    server = make_server("127.0.0.1", 0, create_app(sample.settings, sample.database), threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    settings = replace(sample.settings, base_url=f"http://127.0.0.1:{server.server_port}")
    yield replace(sample, settings=settings)
    server.shutdown()
    thread.join()
