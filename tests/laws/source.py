"""The source tree as the laws read it: modules with their names and syntax trees.

A law is a function `violations(root) -> list[str]`. It is asked about our tree, and about tiny planted trees that
break it, so that the proof that it can fail stays in the suite.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Module:
    """One file: `name` is what others import, `parts` its path inside the package."""

    path: str
    name: str
    text: str
    tree: ast.Module

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.name.split(".")[1:])

    @property
    def top(self) -> str:
        """The room, or the module at the top level; `__init__` for the package itself."""
        return self.parts[0] if self.parts else "__init__"

    @property
    def file(self) -> str:
        return self.path.rsplit("/", 1)[-1]


def modules(root: Path, folder: str = "donate") -> Iterator[Module]:
    """Every Python file of `root/folder`, in order."""
    for path in sorted((root / folder).rglob("*.py")):
        relative = path.relative_to(root)
        parts = relative.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        yield Module(path=relative.as_posix(), name=name, text=text, tree=_parsed(text))


@cache
def _parsed(text: str) -> ast.Module:
    """Each text is parsed once for all laws; no law changes a tree."""
    return ast.parse(text)


def imports(module: Module, known: frozenset[str] = frozenset()) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a module imports, wherever in the file.

    `from donate import web` names the module `donate.web` when `known` has it, else something inside `donate`.
    """
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield node.lineno, full if full in known else base


def plant(root: Path, files: dict[str, str]) -> Path:
    """Write a tiny tree of `files` (path: text) under `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root
