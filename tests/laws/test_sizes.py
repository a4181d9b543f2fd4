"""Small functions, small files, and no drawer for everything."""

import ast
from pathlib import Path

import pytest

from tests.laws.source import ROOT, modules, plant

MOST_FUNCTION_LINES = 69
MOST_FILE_LINES = 399
DRAWERS = frozenset({"util", "utils", "helper", "helpers", "common", "misc"})
FOLDERS = ("donate", "tests", "migrations")


def size_violations(root: Path) -> list[str]:
    found = []
    for folder in FOLDERS:
        for module in modules(root, folder):
            length = module.text.count("\n")
            if length > MOST_FILE_LINES:
                found.append(f"{module.path}: {length} lines")
            for node in ast.walk(module.tree):
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                # A revision is a list of statements that is read once and never changed.
                if lines > MOST_FUNCTION_LINES and folder != "migrations":
                    found.append(f"{module.path}:{node.lineno}: {node.name} has {lines} lines")
    return found


def drawer_violations(root: Path) -> list[str]:
    return [
        f"{module.path}: is a drawer for everything"
        for folder in FOLDERS
        for module in modules(root, folder)
        if DRAWERS & set(module.name.split("."))
    ]


def test_functions_and_files_stay_small() -> None:
    assert size_violations(ROOT) == []


def test_there_is_no_drawer_for_everything() -> None:
    assert drawer_violations(ROOT) == []


@pytest.mark.parametrize("text", ["x = 1\n" * 400, "def long():\n" + "    x = 1\n" * 69])
def test_planted_lengths_are_found(tmp_path: Path, text: str) -> None:
    assert len(size_violations(plant(tmp_path, {"donate/giving/service.py": text}))) == 1


def test_the_longest_allowed_are_no_violation(tmp_path: Path) -> None:
    text = "def long():\n" + "    x = 1\n" * 68 + "y = 1\n" * 330
    assert size_violations(plant(tmp_path, {"donate/giving/service.py": text})) == []


@pytest.mark.parametrize("path", ["donate/utils.py", "donate/giving/helpers.py", "tests/common/x.py"])
def test_a_planted_drawer_is_found(tmp_path: Path, path: str) -> None:
    assert len(drawer_violations(plant(tmp_path, {path: ""}))) == 1
