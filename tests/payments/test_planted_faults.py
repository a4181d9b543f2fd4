"""The check of the sandbox's objects would find a fault anywhere: four kinds of it, in every class that it emits."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.payments.annotations import CLASSES, Place, faults_of, fields_of, names_without_meaning, objects_in
from tests.payments.everything import Body

Plant = Callable[[Body, Any], str | None]


def leave_out(thing: Body, wanted: Any) -> str | None:
    """A field that must be there is missing. The name of the field, None where the class has none such."""
    name = next((name for name, field in fields_of(wanted).items() if field.is_required and name in thing), None)
    if name is not None:
        del thing[name]
    return name


def invent(thing: Body, wanted: Any) -> str | None:
    thing["invented_here"] = 1
    return "invented_here"


def mistype(thing: Body, wanted: Any) -> str | None:
    """A figure as text, a truth as a figure, a text as a figure."""
    for name in fields_of(wanted):
        value = thing.get(name)
        if isinstance(value, str | int):
            thing[name] = 7.5 if isinstance(value, str) else str(value)
            return name
    return None


def misname(thing: Body, wanted: Any) -> str | None:
    """A word that no enumeration holds; in `object`, which tells the check what to look for, only where nothing else is one."""
    fields = fields_of(wanted)
    names = sorted(thing, key=lambda name: name == "object")
    name = next((name for name in names if name in fields and fields[name].has_words and thing[name]), None)
    if name is not None:
        thing[name] = "no_such_word" if isinstance(thing[name], str) else ["no_such_word"]
    return name


PLANTS: dict[str, tuple[Plant, str]] = {
    "required": (leave_out, "missing"),
    "unknown": (invent, "unknown"),
    "type": (mistype, "is n"),  # is no str, is no int, is none of its words
    "enum": (misname, "such_word"),
}


@pytest.fixture
def recorded(bodies: list[Body]) -> dict[str, list[Body]]:
    """Everything that was emitted, by the kind of object."""
    found: dict[str, list[Body]] = {}
    for body in bodies:
        found.setdefault(body["object"], []).append(body)
    return found


def at(body: Body, place: Place) -> Any:
    found: Any = body
    for step in place:
        found = found[step]
    return found


@pytest.mark.parametrize("fault", PLANTS)
@pytest.mark.parametrize("kind", CLASSES)
def test_a_fault_in_any_class_is_found(recorded: dict[str, list[Body]], kind: str, fault: str) -> None:
    """Once for each class, nested ones too, where it was first met in what the sandbox emitted."""
    plant, words = PLANTS[fault]
    met: set[Any] = set()
    planted, unseen = 0, []
    for healthy in recorded[kind]:
        for place, wanted in objects_in(healthy):
            if wanted in met:
                continue
            body = copy.deepcopy(healthy)
            name = plant(at(body, place), wanted)
            if name is None:
                continue  # this one shows no such field; another of its class may
            met.add(wanted)
            planted += 1
            found = faults_of(body)
            if not found or (not place and not any(words in one for one in found)):
                unseen.append(f"{wanted.__qualname__} at {place}: {fault} {name}: {found[:2]}")
    assert unseen == []
    assert planted


def test_every_kind_that_the_sandbox_emits_is_recorded_and_healthy(recorded: dict[str, list[Body]]) -> None:
    assert set(recorded) == set(CLASSES)
    assert [fault for bodies in recorded.values() for body in bodies for fault in faults_of(body)] == []


def test_the_sdks_annotations_name_nothing_that_is_taken_for_anything() -> None:
    """A name that cannot be looked up would let every value pass: it stops the check instead."""
    assert names_without_meaning() == []
