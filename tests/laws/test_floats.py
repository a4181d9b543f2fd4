"""No float is near money: none at all but for seconds on a clock, chances of the sample world, and drawing."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws.source import ROOT, Module, modules, plant

# Pictures of the sample world are drawn, not booked.
DRAWING = frozenset({"donate.demo.brush", "donate.demo.landscapes", "donate.demo.still_lifes"})
# A name whose last word is one of these is a moment or a span on a clock, a chance, or a folder. `awaiting_minor` is none.
CLOCK = frozenset(
    {"seconds", "pause", "timeout", "wait", "sleep", "elapsed", "interval", "delay", "until", "began", "at"}
)
CHANCE = frozenset({"chance", "random"})
FOLDERS = frozenset(
    {"folder", "path", "package", "programs", "elsewhere", "throwaway", "target", "making", "root", "parent", "retired"}
)
TYPES = frozenset({"float", "Float", "Double", "REAL", "DOUBLE_PRECISION", "truediv", "fdiv"})
SQL_TYPES = re.compile(r"(::\s*|\bCAST\s*\([^()]+\bAS\s+)(float\d?|real)\b|\bdouble\s+precision\b", re.IGNORECASE)

Parents = dict[ast.AST, ast.AST]


def float_violations(root: Path) -> list[str]:
    """`float`, Float columns, casts to them in SQL, fractions and true division, wherever they are no money by name."""
    found = []
    for module in modules(root):
        if module.name in DRAWING:
            continue
        lines = module.text.splitlines()
        parents = {child: node for node in ast.walk(module.tree) for child in ast.iter_child_nodes(node)}
        found += [
            f"{module.path}:{node.lineno}: {lines[node.lineno - 1].strip()}"
            for node in _floats(module)
            if not _is_exempt(node, parents)
        ]
    return found


def _floats(module: Module) -> Iterator[ast.expr | ast.stmt]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute):
            is_float = _last_name(node) in TYPES
        elif isinstance(node, ast.Constant):
            is_sql = isinstance(node.value, str) and SQL_TYPES.search(node.value) is not None
            is_float = isinstance(node.value, float) or is_sql
        elif isinstance(node, ast.BinOp):
            is_float = isinstance(node.op, ast.Div) and not _is_path(node)
        else:
            is_float = isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Div)
        if is_float:
            assert isinstance(node, ast.expr | ast.stmt)
            yield node


def _is_path(node: ast.BinOp) -> bool:
    """`folder / "name"` and `folder / name`, which divide nothing."""
    if isinstance(node.right, ast.Constant):
        return isinstance(node.right.value, str)
    first = node.left
    while isinstance(first, ast.BinOp | ast.Call):
        first = first.left if isinstance(first, ast.BinOp) else first.func
    return isinstance(node.right, ast.JoinedStr) or _last_word(_last_name(first)) in FOLDERS


def _is_exempt(node: ast.AST, parents: Parents) -> bool:
    """Whether the first name that this value gets, on the way up to its statement, is one of a clock or a chance."""
    while node in parents:
        child, node = node, parents[node]
        if isinstance(node, ast.Call) and child is not node.func:
            if _is_clock_or_chance(_last_name(node.func)):
                return True
        elif isinstance(node, ast.Compare):
            if any(
                isinstance(side, ast.Call) and _last_name(side.func) == "random"
                for side in (node.left, *node.comparators)
            ):
                return True
        elif (names := _names_given(node, child)) is not None:
            return bool(names) and all(_is_clock_or_chance(name) for name in names)
    return False


def _names_given(node: ast.AST, child: ast.AST) -> list[str] | None:
    """The names that `node` gives to its part `child`; None where it names nothing and the next one up may."""
    if isinstance(node, ast.keyword | ast.arg):
        return [node.arg or ""]
    if isinstance(node, ast.arguments):
        return [_parameter_of(node, child)]
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [_last_name(part) for target in node.targets for part in getattr(target, "elts", [target])]
    if isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
        return [_last_name(node.target)]
    return None


def _parameter_of(node: ast.arguments, default: ast.AST) -> str:
    placed = [*node.posonlyargs, *node.args]
    pairs = [
        *zip(reversed(placed), reversed(node.defaults), strict=False),
        *zip(node.kwonlyargs, node.kw_defaults, strict=True),
    ]
    return next((parameter.arg for parameter, value in pairs if value is default), "")


def _is_clock_or_chance(name: str) -> bool:
    return _last_word(name) in CLOCK | CHANCE


def _last_word(name: str) -> str:
    return name.lower().rpartition("_")[2]


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Subscript):
        return _last_name(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_no_float_is_near_money() -> None:
    assert float_violations(ROOT) == []


@pytest.mark.parametrize(
    "text",
    [
        "float(typed)",
        "amount: float = 0",
        "fee = amount * 0.006",
        "Column(Float)",
        "half = a / 2",
        "amount /= 2",
        "awaiting_minor = amount_minor / 2",
        "delay_minor = amount_minor / 2  # seconds to wait",
        "wait(amount=amount_minor / 2)",
        "give(amount_minor * 0.5, seconds=2)",
        "def share(amount, part=0.5):\n    pass",
        "def wait(amount: float):\n    pass",
        "def half(amount) -> float:\n    pass",
        "seconds, amount = 2.5, 0.5",
        "if amount < 0.5:\n    pass",
        "amount = target_minor / parts",
        "operator.truediv(amount, 2)",
        "text('SELECT amount_minor::float FROM transfer')",
        "text('SELECT CAST(amount_minor AS double precision) FROM transfer')",
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        "donate/giving/fees.py",
        "donate/sequencer.py",
        "donate/organisations/service.py",
        "donate/translations/__init__.py",
        "donate/demo/booking.py",
    ],
)
def test_a_planted_float_is_found(tmp_path: Path, path: str, text: str) -> None:
    assert len(float_violations(plant(tmp_path, {path: text}))) >= 1


@pytest.mark.parametrize(
    "text",
    [
        "timeout = 2.5",
        "POLL_SECONDS = 0.1",
        "folder / 'x'",
        "self._folder / name[:2] / name",
        "folder / f'{name}.csv'",
        "time.sleep(0.1)",
        "stop.wait(max(began - now, 0.1))",
        "pause = min(max((now - began) / 2, SHORTEST), LONGEST)",
        "fetch(url, timeout=2.5)",
        "def give(*, seconds: float = 0.5, until: float | None = None):\n    pass",
        "started_at: float",
        "if random.random() < 0.04:\n    pass",
        "LEAVES_CHANCE, DECLINED_CHANCE = 0.03, 0.2",
        "half = amount // 2",
    ],
)
def test_seconds_chances_and_folders_are_no_violation(tmp_path: Path, text: str) -> None:
    files = {"donate/giving/fees.py": text, "donate/demo/brush.py": "half = a / 2"}
    assert float_violations(plant(tmp_path, files)) == []
