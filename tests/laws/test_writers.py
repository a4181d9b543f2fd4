"""Who may write what happened: entries, log leaves, commits."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws.source import ROOT, Module, modules, plant

# The one writer of each table, by its models and its table names.
WRITERS = {
    "donate.ledger.journal": (frozenset({"Entry", "Transfer"}), ("entry", "transfer")),
    "donate.publiclog.log": (
        frozenset({"LogLeaf", "LogNode", "SignedCheckpoint", "LogKey"}),
        ("log_leaf", "log_node", "checkpoint", "log_key"),
    ),
}
# As a whole name or at its end: `insert`, `pg_insert`, `bulk_insert_mappings`.
WRITING_CALL = re.compile(r"(^|_)(insert|update|delete|upsert|merge)(_mappings)?$", re.IGNORECASE)
# What may stand before a table's name: a schema, quotes, and in a list other tables.
WRITING_SQL = (
    r"\b(INSERT\s+INTO|MERGE\s+INTO|(?<!FOR\s)(?<!KEY\s)UPDATE|DELETE\s+FROM|TRUNCATE(?:\s+TABLE)?|COPY|(?:DROP|ALTER)\s+TABLE(?:\s+IF\s+EXISTS)?)"
    r"(?:\s+ONLY)?\s+"
)
IN_A_SCHEMA = r"(?:\"?\w+\"?\s*\.\s*)?"
TABLE_COMES_LATER = re.compile(WRITING_SQL + IN_A_SCHEMA + r"\"?$", re.IGNORECASE)

# A transaction's beginning or end alone, or as one of several statements.
TRANSACTION = re.compile(
    r"(?:^|;)\s*(?:COMMIT|BEGIN|END(?=\s*;)|START\s+TRANSACTION|PREPARE\s+TRANSACTION[^;]*)"
    r"(?:\s+(?:WORK|TRANSACTION|AND\s+(?:NO\s+)?CHAIN|PREPARED[^;]*|ISOLATION\s+LEVEL[^;]*|READ\s+\w+|,))*\s*(?:;|$)",
    re.IGNORECASE,
)
CONNECTING = frozenset({"create_engine", "sessionmaker", "scoped_session", "engine_from_config"})
# They connect by the driver alone: to count a database's tables and rows, and to make a new one.
CONNECT_BY_DRIVER = frozenset({"donate.backup", "donate.cli.demo"})


def writer_violations(root: Path) -> list[str]:
    """Statements and constructors that write a table outside its one writer."""
    found = []
    for module in modules(root):
        known_as = _aliases(module)
        for line, node in _nodes(module):
            if _text_matches(node, TABLE_COMES_LATER):
                found.append(f"{module.path}:{line}: writes a table whose name stands elsewhere")
        for writer, (models, tables) in WRITERS.items():
            if module.name == writer:
                continue
            statement = writing(tables)
            found += [
                f"{module.path}:{line}: writes what only {writer} may write"
                for line, node in _nodes(module)
                if _writes(node, models, known_as) or _text_matches(node, statement)
            ]
    return found


def writing(tables: tuple[str, ...]) -> re.Pattern[str]:
    """SQL that writes one of `tables`, however its name is spelt."""
    name = rf"{IN_A_SCHEMA}\"?(?:{'|'.join(tables)})\"?(?![\w\"])"
    others = r"(?:[\w.\"]+\s*,\s*)*"
    return re.compile(WRITING_SQL + others + name, re.IGNORECASE)


def _nodes(module: Module) -> Iterator[tuple[int, ast.AST]]:
    for node in ast.walk(module.tree):
        yield getattr(node, "lineno", 0), node


def _aliases(module: Module) -> dict[str, str]:
    """What names of this module were called where they come from: `insert as put`, `Row = Entry`, `rows = Entry.__table__`."""
    known_as: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            known_as |= {alias.asname: alias.name.rpartition(".")[2] for alias in node.names if alias.asname}
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name | ast.Attribute):
            value = node.value
            if isinstance(value, ast.Attribute) and value.attr == "__table__":
                value = value.value
            known_as |= {target.id: _last_name(value) for target in node.targets if isinstance(target, ast.Name)}
    return known_as


def _writes(node: ast.AST, models: frozenset[str], known_as: dict[str, str]) -> bool:
    """`Entry(…)`, `models.Entry(…)`, `insert(Entry)`, `Entry.__table__.insert()`, `query(Entry).filter(…).delete()`."""
    if not isinstance(node, ast.Call):
        return False
    called = _last_name(node.func)
    called = known_as.get(called, called)
    if called in models:
        return True
    if not WRITING_CALL.search(called):
        return False
    looked_at: list[ast.AST] = [*node.args, *(keyword.value for keyword in node.keywords)]
    if isinstance(node.func, ast.Attribute):
        looked_at.append(node.func.value)
    names = {name for part in looked_at for name in _names(part)}
    return bool(models & {known_as.get(name, name) for name in names})


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
    """Commits outside donate/db: by method, by `begin()` of whatever it is, by a connection of one's own, or in SQL."""
    found = []
    for module in modules(root):
        if module.top == "db":
            continue
        ours = _imported_rooms(module)
        for line, node in _nodes(module):
            if _text_matches(node, TRANSACTION):
                found.append(f"{module.path}:{line}: a transaction in SQL")
            elif _connects(node) and module.name not in CONNECT_BY_DRIVER:
                found.append(f"{module.path}:{line}: a connection of its own")
            elif isinstance(node, ast.Attribute) and _commits(node, ours):
                found.append(f"{module.path}:{line}: {_last_name(node.value)}.{node.attr}")
    return found


def _commits(node: ast.Attribute, ours: set[str]) -> bool:
    if node.attr == "commit":
        return True
    # A room's own function may be called `begin`: `signin.begin(user)`.
    return node.attr == "begin" and not (isinstance(node.value, ast.Name) and node.value.id in ours)


def _connects(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    is_driver = isinstance(node.func, ast.Attribute) and _last_name(node.func.value) == "psycopg"
    called = _last_name(node.func)
    return called in CONNECTING or (is_driver and called in ("connect", "Connection"))


def _imported_rooms(module: Module) -> set[str]:
    """Names that this module imported from our rooms; what comes from db is no room's."""
    return {
        alias.asname or alias.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "donate"
        if "db" not in (node.module or "").split(".")
        for alias in node.names
        if alias.name != "db"
    }


def test_each_table_of_facts_has_one_writer() -> None:
    assert writer_violations(ROOT) == []


def test_only_db_commits() -> None:
    assert commit_violations(ROOT) == []


@pytest.mark.parametrize(
    "text",
    [
        "session.add(Entry(book_id=1))",
        "session.add(models.Transfer(amount_minor=1))",
        "from donate.ledger.models import Entry as Row\nsession.add(Row(book_id=1))",
        "Row = models.Entry\nsession.add(Row(book_id=1))",
        "session.execute(insert(Entry).values(x=1))",
        "session.execute(sa.update(Transfer.__table__))",
        "from sqlalchemy.dialects.postgresql import insert as pg_insert\npg_insert(Entry).values(x=1)",
        "from sqlalchemy import insert as put\nput(Entry)",
        "session.execute(Entry.__table__.insert())",
        "table = Entry.__table__\nsession.execute(table.insert())",
        "session.query(Entry).delete()",
        "session.query(Entry).filter(Entry.id == 1).update({'reason': 'x'})",
        "session.bulk_insert_mappings(Entry, [])",
        "session.merge(Entry)",
        "session.execute(insert(table=Entry))",
        "insert(LogLeaf)",
    ],
)
def test_a_planted_second_writer_in_python_is_found(tmp_path: Path, text: str) -> None:
    assert len(writer_violations(plant(tmp_path, {"donate/giving/service.py": text}))) >= 1


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entry WHERE id = 1",
        "update  transfer set amount_minor = 2",
        "COPY log_leaf FROM STDIN",
        "INSERT INTO public.entry VALUES (1)",
        'INSERT INTO "entry" VALUES (1)',
        'INSERT INTO "public" . "entry" VALUES (1)',
        "MERGE INTO entry USING given ON true",
        "UPDATE ONLY entry SET reason = 1",
        "TRUNCATE TABLE donation, public.entry",
        "WITH gone AS (DELETE FROM transfer RETURNING *) SELECT 1",
        "ALTER TABLE entry DISABLE TRIGGER ALL",
        "DROP TABLE IF EXISTS checkpoint",
    ],
)
def test_a_planted_second_writer_in_sql_is_found(tmp_path: Path, statement: str) -> None:
    text = f"session.execute(text({statement!r}))"
    assert len(writer_violations(plant(tmp_path, {"donate/giving/service.py": text}))) == 1


@pytest.mark.parametrize(
    "text", ["f'INSERT INTO {table} VALUES (1)'", "'DELETE FROM public.' + table", "f'UPDATE \"{x}\"'"]
)
def test_planted_sql_whose_table_stands_elsewhere_is_found(tmp_path: Path, text: str) -> None:
    assert len(writer_violations(plant(tmp_path, {"donate/giving/service.py": text}))) == 1


def test_the_writer_itself_and_neighbours_by_name_are_no_violation(tmp_path: Path) -> None:
    neighbours = [
        "NewEntry()",
        "select(Entry)",
        "update(Checkout).where(Checkout.id.in_(select(Entry.id)))",
        "text('DELETE FROM entry_pending')",
        "text('INSERT INTO \"entry_private\" VALUES (1)')",
        "text('SELECT id FROM entry FOR NO KEY UPDATE ')",
        "'Update the entry.'",
    ]
    files = {
        "donate/ledger/journal.py": "insert(Entry)\ntext('INSERT INTO transfer VALUES (1)')",
        "donate/publiclog/log.py": "insert(LogLeaf)",
        "donate/giving/service.py": "\n".join(neighbours),
    }
    assert writer_violations(plant(tmp_path, files)) == []


@pytest.mark.parametrize(
    "text",
    [
        "session.commit()",
        "connection.begin()",
        "text('COMMIT')",
        "text('COMMIT AND CHAIN')",
        "text('begin isolation level serializable')",
        "text('SELECT 1; END;')",
        "with session.begin():\n    pass",
        "with e.connect() as c:\n    c.begin()",
        "with current().engine(role).begin() as c:\n    pass",
        "from donate.db import engine\nengine.begin()",
        "from donate import db\ndb.begin()",
        "create_engine(url)",
        "with psycopg.connect(url) as c:\n    c.execute('SELECT 1')",
    ],
)
def test_a_planted_commit_is_found(tmp_path: Path, text: str) -> None:
    own = "from donate.people import signin\nsignin.begin()\n'Begin again.'\nat['end']\n'The end; begin anew.'"
    assert commit_violations(plant(tmp_path, {"donate/db/engine.py": text, "donate/giving/token.py": own})) == []
    assert len(commit_violations(plant(tmp_path, {"donate/giving/service.py": text}))) == 1
