"""Who may import whom: the ranks, the web framework, the provider's SDK."""

from pathlib import Path

import pytest

from tests.laws.source import ROOT, Module, imports, modules, plant

# A module may import lower ranks and its own room. Tens are the ranks of the design; the order inside the lowest, the
# second and the highest is spelled out as well, so that even there nothing goes in circles.
RANKS: dict[str, int] = {
    **dict.fromkeys(("clock", "errors", "folders"), 0),
    **dict.fromkeys(("money", "qr", "settings", "text"), 1),
    **dict.fromkeys(("db", "tlog", "translations", "same_site", "log_lines"), 10),
    "files": 11,
    **dict.fromkeys(("ledger", "people", "places", "payments"), 20),
    **dict.fromkeys(("publiclog", "organisations"), 30),
    **dict.fromkeys(("campaigns",), 40),
    **dict.fromkeys(("giving", "disbursing", "delivering", "matching", "channels"), 50),
    **dict.fromkeys(("settling", "auditing", "erasing"), 60),
    "downloads": 65,  # the books as files, with what settling found at the bank
    **dict.fromkeys(("webhooks", "api", "sequencer", "worker", "backup"), 70),
    **dict.fromkeys(("web_answers", "web_database", "web_guards", "page_cache", "processes"), 80),
    **dict.fromkeys(("web_errors", "web_pages", "web_quick"), 81),
    "demo": 71,
    "web": 82,
    "__init__": 83,
    "wsgi": 84,
    "cli": 85,
}
AUDIENCES = frozenset({"public", "donor", "session", "user", "organiser", "reviewer", "staff", "auditor", "api"})
FLASK_GLUE = frozenset({"donate.people.signin", "donate.same_site"})


def rank_violations(root: Path) -> list[str]:
    """Imports that go up or sideways, and modules that have no rank."""
    tree = list(modules(root))
    known = frozenset(module.name for module in tree)
    found = [f"{module.path}: {module.top} has no rank" for module in tree if module.top not in RANKS]
    for module in tree:
        for line, name in imports(module, known):
            if name.startswith("."):
                found.append(f"{module.path}:{line}: relative import {name}")
            if name.partition(".")[0] != "donate" or name == module.name:
                continue
            parts = name.split(".")[1:]
            target = parts[0] if parts else "__init__"
            if target != module.top and RANKS.get(target, 99) >= RANKS.get(module.top, 99):
                found.append(f"{module.path}:{line}: {module.top} imports {target}, which is not below it")
    return found


def flask_violations(root: Path) -> list[str]:
    """The web framework outside doors, the sign-in glue and ranks 7 and 8."""
    return [
        f"{module.path}:{line}: imports {name}"
        for module in modules(root)
        if not _may_speak_http(module)
        for line, name in imports(module)
        if name.partition(".")[0] == "flask" or name.startswith("flask_")
    ]


def _may_speak_http(module: Module) -> bool:
    # A door too long for one file is several: `updates_organiser.py` beside `organiser.py`.
    is_door = len(module.parts) == 2 and module.parts[-1].rpartition("_")[2] in AUDIENCES
    return is_door or module.name in FLASK_GLUE or RANKS.get(module.top, 0) >= 70


def stripe_violations(root: Path) -> list[str]:
    """The provider's SDK outside its border."""
    return [
        f"{module.path}:{line}: imports {name}"
        for module in modules(root)
        if module.parts[:2] not in (("payments", "stripe"), ("payments", "sandbox"))
        for line, name in imports(module)
        if name.partition(".")[0] == "stripe"
    ]


def test_a_rank_imports_lower_ranks_only() -> None:
    assert rank_violations(ROOT) == []


def test_only_doors_and_the_upper_ranks_import_flask() -> None:
    assert flask_violations(ROOT) == []


def test_only_the_border_imports_stripe() -> None:
    assert stripe_violations(ROOT) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("donate/ledger/journal.py", "from donate.giving.models import Donation"),
        ("donate/ledger/journal.py", "import donate.people.service"),
        ("donate/giving/service.py", "def late():\n    from donate.web import hang"),
        ("donate/money.py", "from donate import db"),
        ("donate/people/service.py", "from ..ledger import journal"),
        ("donate/web.py", "from donate import create_app"),
        ("donate/newroom/service.py", ""),
    ],
)
def test_a_planted_import_upwards_is_found(tmp_path: Path, path: str, text: str) -> None:
    known = {"donate/__init__.py": "", "donate/web.py": "", "donate/db/__init__.py": ""}
    assert len(rank_violations(plant(tmp_path, known | {path: text}))) >= 1


def test_imports_downwards_and_inside_a_room_are_no_violation(tmp_path: Path) -> None:
    files = {
        "donate/giving/service.py": "from donate.ledger import journal\nfrom donate.giving import models\nimport os",
        "donate/ledger/journal.py": "from donate import money",
        "donate/money.py": "",
    }
    assert rank_violations(plant(tmp_path, files)) == []


@pytest.mark.parametrize(
    "text", ["import flask", "from flask import g", "import flask_login", "from flask.json import x"]
)
def test_a_planted_flask_in_a_service_is_found(tmp_path: Path, text: str) -> None:
    door = {"donate/giving/donor.py": text, "donate/web.py": text, "donate/people/signin.py": text}
    assert flask_violations(plant(tmp_path, door)) == []
    assert len(flask_violations(plant(tmp_path, {"donate/giving/service.py": text}))) == 1


def test_a_planted_stripe_outside_the_border_is_found(tmp_path: Path) -> None:
    inside = {"donate/payments/stripe/words.py": "import stripe", "donate/payments/sandbox/client.py": "import stripe"}
    assert stripe_violations(plant(tmp_path, inside)) == []
    assert len(stripe_violations(plant(tmp_path, {"donate/payments/inbox.py": "from stripe.error import X"}))) == 1
