"""Who may write what happened: entries, log leaves, commits; and no float near money."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws.source import ROOT, Module, modules, plant

# The one writer of each table, by its models and its table names.
WRITERS = {
    "donate.ledger.journal": (frozenset({"Entry", "Transfer"}), ("entry", "transfer")),
    "donate.publiclog.log": (frozenset({"LogLeaf", "Checkpoint"}), ("log_leaf", "checkpoint")),
}
WRITING_CALLS = frozenset({"insert", "update", "delete"})
MONEY_ROOMS = frozenset(
    {"money", "ledger", "payments", "publiclog", "tlog", "campaigns", "giving", "disbursing", "settling", "auditing"}
)
# Numbers that are seconds on a clock, not money.
SECONDS = re.compile(r"seconds|pause|timeout|wait|sleep|elapsed|interval|delay", re.IGNORECASE)


def writer_violations(root: Path) -> list[str]:
    """Statements and constructors that write a table outside its one writer."""
    found = []
    for module in modules(root):
        for writer, (models, tables) in WRITERS.items():
            if module.name == writer:
                continue
            statement = re.compile(
                rf"\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE|COPY)\s+({'|'.join(tables)})\b", re.IGNORECASE
            )
            found += [
                f"{module.path}:{line}: writes what only {writer} may write"
                for line, node in _nodes(module)
                if _writes(node, models) or _text_matches(node, statement)
            ]
    return found


def _nodes(module: Module) -> Iterator[tuple[int, ast.AST]]:
    for node in ast.walk(module.tree):
        yield getattr(node, "lineno", 0), node


def _writes(node: ast.AST, models: frozenset[str]) -> bool:
    """`Entry(…)`, `models.Entry(…)`, `insert(Entry)`, `update(Entry.__table__)`."""
    if not isinstance(node, ast.Call):
        return False
    called = _last_name(node.func)
    if called in models:
        return True
    return called in WRITING_CALLS and any(_names(argument) & models for argument in node.args[:1])


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _names(node: ast.AST) -> set[str]:
    inside = list(ast.walk(node))
    return {part.id for part in inside if isinstance(part, ast.Name)} | {
        part.attr for part in inside if isinstance(part, ast.Attribute)
    }


def _text_matches(node: ast.AST, statement: re.Pattern[str]) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and statement.search(node.value) is not None


def commit_violations(root: Path) -> list[str]:
    """Commits outside donate/db, by method, by `with session.begin()`, or in SQL."""
    sql = re.compile(r"^\s*(COMMIT|BEGIN|START\s+TRANSACTION)\s*;?\s*$", re.IGNORECASE)
    found = []
    for module in modules(root):
        if module.top == "db":
            continue
        for line, node in _nodes(module):
            if _text_matches(node, sql):
                found.append(f"{module.path}:{line}: a transaction in SQL")
            if not isinstance(node, ast.Attribute):
                continue
            owner = _last_name(node.value)
            if node.attr == "commit" or (node.attr == "begin" and owner in ("session", "connection", "engine")):
                found.append(f"{module.path}:{line}: {owner}.{node.attr}")
    return found


def float_violations(root: Path) -> list[str]:
    """`float`, Float columns, fractions and true division in the rooms that handle money. Seconds are no money."""
    found = []
    for module in modules(root):
        if module.top not in MONEY_ROOMS:
            continue
        lines = module.text.splitlines()
        for line, node in _nodes(module):
            is_name = _last_name(node) in ("float", "Float", "Double", "REAL", "DOUBLE_PRECISION")
            is_fraction = isinstance(node, ast.Constant) and isinstance(node.value, float)
            is_division = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not _is_path(node)
            if (is_name or is_fraction or is_division) and not SECONDS.search(lines[line - 1]):
                found.append(f"{module.path}:{line}: {lines[line - 1].strip()}")
    return found


def _is_path(node: ast.BinOp) -> bool:
    """`folder / "name"`, which divides nothing."""
    return isinstance(node.right, ast.Constant | ast.JoinedStr) and not isinstance(
        getattr(node.right, "value", ""), int | float
    )


def test_each_table_of_facts_has_one_writer() -> None:
    assert writer_violations(ROOT) == []


def test_only_db_commits() -> None:
    assert commit_violations(ROOT) == []


def test_no_float_is_near_money() -> None:
    assert float_violations(ROOT) == []


@pytest.mark.parametrize(
    "text",
    [
        "session.add(Entry(book_id=1))",
        "session.add(models.Transfer(amount_minor=1))",
        "session.execute(insert(Entry).values(x=1))",
        "session.execute(sa.update(Transfer.__table__))",
        "session.execute(text('DELETE FROM entry WHERE id = 1'))",
        "session.execute(text(f'update  transfer set amount_minor = {x}'))",
        "copy('COPY log_leaf FROM STDIN')",
        "insert(LogLeaf)",
    ],
)
def test_a_planted_second_writer_is_found(tmp_path: Path, text: str) -> None:
    assert len(writer_violations(plant(tmp_path, {"donate/giving/service.py": text}))) >= 1


def test_the_writer_itself_and_neighbours_by_name_are_no_violation(tmp_path: Path) -> None:
    files = {
        "donate/ledger/journal.py": "insert(Entry)\ntext('INSERT INTO transfer VALUES (1)')",
        "donate/publiclog/log.py": "insert(LogLeaf)",
        "donate/giving/service.py": "NewEntry()\nselect(Entry)\ntext('DELETE FROM entry_pending')",
    }
    assert writer_violations(plant(tmp_path, files)) == []


@pytest.mark.parametrize(
    "text", ["session.commit()", "connection.begin()", "text('COMMIT')", "with session.begin():\n    pass"]
)
def test_a_planted_commit_is_found(tmp_path: Path, text: str) -> None:
    assert (
        commit_violations(plant(tmp_path, {"donate/db/engine.py": text, "donate/giving/token.py": "signin.begin()"}))
        == []
    )
    assert len(commit_violations(plant(tmp_path, {"donate/giving/service.py": text}))) == 1


@pytest.mark.parametrize(
    "text", ["float(typed)", "amount: float = 0", "fee = amount * 0.006", "Column(Float)", "half = a / 2"]
)
def test_a_planted_float_is_found(tmp_path: Path, text: str) -> None:
    elsewhere = {"donate/demo/brush.py": text, "donate/payments/stripe.py": "timeout = 2.5\nfolder / 'x'"}
    assert float_violations(plant(tmp_path, elsewhere)) == []
    assert len(float_violations(plant(tmp_path, {"donate/giving/fees.py": text}))) >= 1
