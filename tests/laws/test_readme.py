"""Every setting and every command stands in the README."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click

from donate.cli.commands import donate
from donate.web_answers import UPLOAD_BYTES
from tests.laws.source import ROOT, modules, plant

_SETTING = re.compile(r"DONATE_[A-Z0-9_]*[A-Z0-9]")
# Passed from the parent to its parts, never set by a person.
INTERNAL = frozenset({"DONATE_LIFELINE"})
# Built from a merchant account's reference; the README writes them so.
PATTERNS = ("DONATE_STRIPE_<REF>_KEY", "DONATE_STRIPE_<REF>_WEBHOOK_SECRETS")


def setting_violations(root: Path) -> list[str]:
    """Settings that the code names and the README does not, and the other way round."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    in_code = {
        node.value
        for module in modules(root)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SETTING.fullmatch(node.value)
    } - INTERNAL
    in_readme = set(_SETTING.findall(readme.replace("<REF>", "REF"))) - {
        name.replace("<REF>", "REF") for name in PATTERNS
    }
    missing = sorted(in_code - in_readme) + [name for name in PATTERNS if name not in readme]
    return [f"{name} is not in the README" for name in missing] + [
        f"{name} is in the README, and nothing reads it"
        for name in sorted(in_readme - in_code)
        if not name.startswith("DONATE_STRIPE_")
    ]


def command_violations(root: Path, group: click.Group) -> list[str]:
    readme = (root / "README.md").read_text(encoding="utf-8")
    return [
        f"`{name}` is not in the README"
        for name in _commands(group, "donate")
        if re.search(rf"\b{re.escape(name)}\b", readme) is None
    ]


def _commands(group: click.Group, prefix: str) -> Iterator[str]:
    """The names of all commands that a person types, such as `donate user create`."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}"


def test_every_setting_is_in_the_readme() -> None:
    assert setting_violations(ROOT) == []


def test_every_command_is_in_the_readme() -> None:
    assert command_violations(ROOT, donate) == []


def test_the_proxy_of_the_readme_lets_through_the_largest_upload() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"client_max_body_size {UPLOAD_BYTES // 1024**2}m;" in readme
    assert UPLOAD_BYTES % 1024**2 == 0


def test_planted_settings_without_words_are_found(tmp_path: Path) -> None:
    files = {
        "README.md": f"`DONATE_SPOKEN_OF` `DONATE_FORGOTTEN` {' '.join(PATTERNS)}",
        "donate/settings.py": "a = env['DONATE_SPOKEN_OF']\nb = env.get('DONATE_SILENT')\nc = 'DONATE_LIFELINE'",
    }
    assert setting_violations(plant(tmp_path, files)) == [
        "DONATE_SILENT is not in the README",
        "DONATE_FORGOTTEN is in the README, and nothing reads it",
    ]


def test_a_planted_command_without_words_is_found(tmp_path: Path) -> None:
    inner = click.Group("user", commands={"create": click.Command("create"), "list": click.Command("list")})
    group = click.Group("donate", commands={"user": inner, "hidden": click.Command("hidden", hidden=True)})
    root = plant(tmp_path, {"README.md": "donate user list"})
    assert command_violations(root, group) == ["`donate user create` is not in the README"]
