"""A place where something of a donor stands: how its rows are found, by which rule they are kept, how they are erased."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.erasing.finding import Subjects
from donate.erasing.laws import Rule
from donate.errors import N_
from donate.files.store import Store

# Stands for words that were typed into a column which may not be empty, or where it has to be seen that there were some.
ERASED = N_("[erased]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A row that still holds something. `since`: the day from which the place's rule keeps it; none: it is erased at once.

    `is_waiting`: something is under way that needs it; it is looked at again every night.
    """

    id: int
    since: date | None = None
    currency: str = "CNY"
    is_waiting: bool = False


Find = Callable[[Session, Subjects], Sequence[Found]]
Erase = Callable[[Session, Store, Sequence[int]], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`name` stands in the record of an erasure for ever; `sentence` is what staff read."""

    name: str
    sentence: str
    find: Find
    erase: Erase
    rule: Rule | None = None


def place(name: str, sentence: str, *, find: str, erase: str, rule: Rule | None = None) -> Place:
    """A place by two statements.

    `find` is given the arrays checkouts, recorded, large and complaints, and answers with the columns of Found; it no longer
    finds what was erased. `erase` is given the array ids and answers with a row for each that it erased.
    """
    finding, erasing = text(find), text(erase)

    def find_rows(session: Session, subjects: Subjects) -> list[Found]:
        return [Found(**row) for row in session.execute(finding, subjects.parameters).mappings()]

    def erase_rows(session: Session, _: Store, ids: Sequence[int]) -> int:
        return len(session.execute(erasing, {"ids": list(ids), "erased": ERASED}).all())

    return Place(name=name, sentence=sentence, find=find_rows, erase=erase_rows, rule=rule)
