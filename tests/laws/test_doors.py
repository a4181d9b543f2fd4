"""Every door that exists is hung in the hallway."""

import importlib
from collections.abc import Iterable
from pathlib import Path

from flask import Flask

from tests.laws.source import ROOT, modules, plant
from tests.laws.test_imports import AUDIENCES

LISTS = ("ROUTES", "BARE_ROUTES")


def doors(root: Path) -> list[str]:
    """Names of the modules that are doors: a room's file named for its audience."""
    return [
        module.name
        for module in modules(root)
        if len(module.parts) == 2 and module.parts[-1].rpartition("_")[2] in AUDIENCES
    ]


def violations(app: Flask, names: Iterable[str]) -> list[str]:
    """Doors without a list of routes, and views that no rule of the app leads to."""
    hung = set(app.view_functions.values())
    found = []
    for name in names:
        door = importlib.import_module(name)
        routes = [route for listed in LISTS for route in getattr(door, listed, [])]
        if not routes:
            found.append(f"{name}: has no routes")
        found += [f"{name}: {view.__name__} is not hung" for _, view, _ in routes if view not in hung]
    return found


def test_every_door_is_hung(app: Flask) -> None:
    assert violations(app, doors(ROOT)) == []


def test_a_planted_door_that_hangs_nowhere_is_found(app: Flask) -> None:
    forgotten = Flask("forgotten")
    assert "donate.people.session: sign_in is not hung" in violations(forgotten, ["donate.people.session"])
    assert violations(app, ["donate.people.queries"]) == ["donate.people.queries: has no routes"]


def test_doors_are_known_by_their_names(tmp_path: Path) -> None:
    files = {"donate/giving/donor.py": "", "donate/giving/updates_organiser.py": "", "donate/giving/service.py": ""}
    assert doors(plant(tmp_path, files)) == ["donate.giving.donor", "donate.giving.updates_organiser"]
