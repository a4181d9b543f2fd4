"""The world at the size that people see: how long it takes, and that its books are sound."""

import os
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from donate.db import Database, bind
from donate.demo.world import build_world
from donate.giving.models import Donation
from donate.ledger import checks
from donate.settings import read_settings
from tests.conftest import clone


@pytest.mark.long
def test_the_whole_world_is_built_in_half_a_minute(server_url: str, template: str, shared_folder: Path, tmp_path: Path):
    database = Database(clone(server_url, f"donate_demo_whole_{os.getpid()}", shared_folder))
    bind(database)
    settings = read_settings({"DONATE_INSTANCE": str(tmp_path), "DONATE_SECRET_KEY": "a key for tests only"})
    began_at = time.monotonic()
    build_world(database, settings, lambda _: None)
    seconds = time.monotonic() - began_at
    with database.reading() as session:
        donation_count = session.scalar(select(func.count()).select_from(Donation))
        run = checks.last_run(session)
    database.dispose()
    print(f"{donation_count:,} donations in {seconds:.1f} s")
    assert donation_count is not None
    assert donation_count > 4_500
    assert run is not None
    assert run.is_ok
    assert seconds < 30
