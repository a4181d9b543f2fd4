"""`python -m tests.bench [part …]`: every figure with its bound, printed when it is measured and once more in a table.

The last line says how many bounds were missed, and which parts were skipped or failed; the exit code is 1 when a bound
was missed or a part failed.
"""

import ast
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.figures import Figure
from tests.bench.servers import LoadGeneratorMissing

PARTS = ("booking", "webhook", "pages", "export", "memory", "visit", "demo", "recovery")
OPTIONAL = ("staleness", "log", "suite")


def main(arguments: Sequence[str]) -> int:
    names = _named(arguments) or PARTS
    console = Console(highlight=False, soft_wrap=True)
    table = Table("figure", "value", "unit", "bound", "", "detail")
    missed, skipped, failed = 0, [], []
    for name in names:
        console.print(f"measuring {name} …")
        try:
            for figure in _measured(name):
                missed += not figure.is_met
                row = cells(figure)
                console.print("  " + "  ".join(cell for cell in row if cell), markup=False)
                table.add_row(*row)
        except LoadGeneratorMissing as error:
            skipped.append(name)
            console.print(f"  skipped what is left of {name}: {error}", markup=False)
        except Exception:  # one part must not take the figures of the others with it
            failed.append(name)
            console.print_exception()
    console.print(table)
    console.print(f"{missed} bounds missed", *_listed("skipped", skipped), *_listed("failed", failed), sep="; ")
    return 1 if missed or failed else 0


def cells(figure: Figure) -> tuple[str, ...]:
    """A figure as its line in the table."""
    bound = f"≥ {figure.floor:g}" if figure.floor is not None else ""
    bound = f"≤ {figure.ceiling:g}" if figure.ceiling is not None else bound
    word = "" if not bound else ("met" if figure.is_met else "MISSED")
    return figure.name, f"{figure.value:,.2f}", figure.unit, bound, word, figure.detail


def _measured(name: str) -> Iterator[Figure]:
    yield from import_module(f"tests.bench.{name}").measure()


def _listed(word: str, names: list[str]) -> list[str]:
    return [f"{word}: {', '.join(names)}"] if names else []


def _named(arguments: Sequence[str]) -> list[str]:
    parts = [f"  {name:<10}{_first_line(name)}" for name in (*PARTS, *OPTIONAL)]
    parser = ArgumentParser(
        prog="python -m tests.bench",
        description="Measurements, each with its bound. Without a part: all but the optional ones.",
        epilog="\n".join(["parts:", *parts]),
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", nargs="*")
    named: list[str] = parser.parse_args(arguments).part
    unknown = [name for name in named if name not in (*PARTS, *OPTIONAL)]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    return named


def _first_line(name: str) -> str:
    text = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
