"""`python -m tests.bench [booking webhook pages export memory visit demo recovery]`: every figure with its floor.

The last line says how many floors were missed, and the exit code is 1 when one was.
"""

import sys
from importlib import import_module

from rich.console import Console
from rich.table import Table

PARTS = ("booking", "webhook", "pages", "export", "memory", "visit", "demo", "recovery")


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"no such measurement: {', '.join(unknown)}; there are {', '.join(PARTS)}")
        return 2
    console = Console()
    table = Table("figure", "value", "unit", "bound", "", "detail")
    missed = 0
    for name in names or PARTS:
        console.print(f"measuring {name} …")
        for figure in import_module(f"tests.bench.{name}").measure():
            bound = f"≥ {figure.floor:g}" if figure.floor is not None else ""
            bound = f"≤ {figure.ceiling:g}" if figure.ceiling is not None else bound
            missed += not figure.is_met
            word = "" if not bound else ("met" if figure.is_met else "MISSED")
            table.add_row(figure.name, f"{figure.value:,.2f}", figure.unit, bound, word, figure.detail)
    console.print(table)
    console.print(f"{missed} bounds missed")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
