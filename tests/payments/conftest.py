"""What several modules of this room are tried on."""

import pytest

from donate.db import Database
from donate.settings import Settings
from tests.payments.everything import Body, everything

_BODIES: list[Body] = []


@pytest.fixture
def world(database: Database, settings: Settings) -> list[Body]:
    """Every object and event of a small world in which everything happens once."""
    return everything(settings)


@pytest.fixture
def bodies(request: pytest.FixtureRequest) -> list[Body]:
    """The world's objects as they were, made once: a planted fault needs no database."""
    if not _BODIES:
        _BODIES.extend(request.getfixturevalue("world"))
    return _BODIES
