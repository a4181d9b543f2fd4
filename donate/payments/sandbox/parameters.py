"""Form-encoded parameters with nested names, `line_items[0][price_data][currency]=cny`, read and held to a shape."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from donate.payments.sandbox.faults import Fault, missing, unknown

Reader = Callable[[str, str], Any]
Shape: TypeAlias = "Mapping[str, Shape] | list[Shape] | Reader"

_NAME = re.compile(r"(?P<first>[^\[\]]+)(?P<rest>(?:\[[^\[\]]*\])*)")
_MOST_PARAMETERS, _MOST_ITEMS = 2_000, 100


def read(encoded: str, shape: Mapping[str, Shape], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """The parameters as a nested dict. Raises Fault for what is unknown, of the wrong type, empty or missing."""
    try:
        pairs = parse_qsl(
            encoded, keep_blank_values=True, strict_parsing=bool(encoded), max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        raise Fault(400, "The request body is not form-encoded.") from None
    tree: dict[str, Any] = {}
    for name, value in pairs:
        _put(tree, name, value)
    found: dict[str, Any] = _held_to(shape, tree, "")
    for param in required:
        if param not in found:
            raise missing(param)
    return found


def _put(tree: dict[str, Any], name: str, value: str) -> None:
    match = _NAME.fullmatch(name)
    if match is None:
        raise unknown(name)
    path = [match["first"], *re.findall(r"\[([^\[\]]*)\]", match["rest"])]
    for step in path[:-1]:
        below = tree.setdefault(step, {})
        if not isinstance(below, dict):
            raise Fault(400, f"Invalid object: {name}", param=name)
        tree = below
    last = path[-1] or str(len(tree))  # `expand[]=a&expand[]=b` counts on
    tree[last] = value


def _held_to(shape: Shape, given: Any, name: str) -> Any:
    if isinstance(shape, Mapping):
        if not isinstance(given, dict):
            raise Fault(400, f"Invalid object: {name}", param=name)
        if "*" in shape:
            return {key: _held_to(shape["*"], value, f"{name}[{key}]") for key, value in given.items()}
        for key in given:
            if key not in shape:
                raise unknown(_inside(name, key))
        return {key: _held_to(shape[key], value, _inside(name, key)) for key, value in given.items()}
    if isinstance(shape, list):
        if not isinstance(given, dict) or not all(key.isdigit() for key in given) or len(given) > _MOST_ITEMS:
            raise Fault(400, f"Invalid array: {name}", param=name)
        return [_held_to(shape[0], given[key], f"{name}[{key}]") for key in sorted(given, key=int)]
    if not isinstance(given, str):
        raise Fault(400, f"Invalid string: {name}", param=name)
    return shape(given, name)


def _inside(name: str, key: str) -> str:
    return f"{name}[{key}]" if name else key


def string(most: int = 5_000) -> Reader:
    def reader(given: str, name: str) -> str:
        if not given:
            raise Fault(400, f"You passed an empty string for '{name}'.", code="parameter_invalid_empty", param=name)
        if len(given) > most:
            raise Fault(
                400,
                f"Invalid string: {name} must be at most {most} characters",
                code="parameter_invalid_string",
                param=name,
            )
        return given

    return reader


def integer(least: int, most: int) -> Reader:
    def reader(given: str, name: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,15}", given, re.ASCII):
            raise Fault(400, f"Invalid integer: {given}", code="parameter_invalid_integer", param=name)
        if not least <= int(given) <= most:
            raise Fault(
                400, f"This value must be from {least} to {most}.", code="parameter_invalid_integer", param=name
            )
        return int(given)

    return reader


def boolean(given: str, name: str) -> bool:
    if given not in ("true", "false"):
        raise Fault(400, f"Invalid boolean: {given}", param=name)
    return given == "true"


def one_of(*allowed: str) -> Reader:
    def reader(given: str, name: str) -> str:
        if given not in allowed:
            raise Fault(400, f"Invalid {name}: must be one of {', '.join(allowed)}", param=name)
        return given

    return reader


def url(given: str, name: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+[^\s]*", given):
        raise Fault(400, f"Not a valid URL: {given}", code="url_invalid", param=name)
    return given


def email(given: str, name: str) -> str:
    if not re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@.]+", given):
        raise Fault(400, f"Invalid email address: {given}", code="email_invalid", param=name)
    return given


def text_or_nothing(given: str, name: str) -> str:
    """What may be emptied: an empty value takes a name out of metadata."""
    return string(500)(given, name) if given else ""


METADATA: Shape = {"*": string(500)}
METADATA_CHANGE: Shape = {"*": text_or_nothing}
EXPAND: Shape = [string(200)]
MOMENT = integer(0, 1 << 33)
CREATED: Shape = dict.fromkeys(("gt", "gte", "lt", "lte"), MOMENT)
LIST: dict[str, Shape] = {
    "limit": integer(1, 100),
    "starting_after": string(255),
    "ending_before": string(255),
    "expand": EXPAND,
}
