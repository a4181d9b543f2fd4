"""A figure and its floor, and how several runs of two things become one ratio."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. `floor` is the least acceptable value, `ceiling` the most; None: only reported."""

    name: str
    value: float
    unit: str
    detail: str = ""
    floor: float | None = None
    ceiling: float | None = None

    @property
    def is_met(self) -> bool:
        above = self.floor is None or self.value >= self.floor
        return above and (self.ceiling is None or self.value <= self.ceiling)


def ratio(
    name: str, ours: Callable[[], float], reference: Callable[[], float], *, rounds: int, floor: float | None = None
) -> Figure:
    """The median ratio of `ours` to `reference` (each a rate), measured in turns so that both see the same machine."""
    pairs = []
    for turn in range(rounds):
        # Whoever goes first in a pair changes, since caches and write-ahead files favour the second.
        if turn % 2:
            base, mine = reference(), ours()
        else:
            mine, base = ours(), reference()
        pairs.append((mine, base))
    ratios = sorted(mine / base for mine, base in pairs)
    middle_ours, middle_base = median(mine for mine, _ in pairs), median(base for _, base in pairs)
    detail = f"{middle_ours:,.0f}/s over {middle_base:,.0f}/s; {ratios[0]:.2f} to {ratios[-1]:.2f} in {rounds} rounds"
    return Figure(name, median(ratios), "ratio", detail, floor=floor)
