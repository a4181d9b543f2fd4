r"""Canonical JSON: the subset of RFC 8785 in which every value has exactly one spelling.

Objects with ASCII keys in ascending order, arrays, strings, and nothing else: an integer is a string of
decimal digits. No whitespace. A string is UTF-8 with only the escapes that JSON demands: `\"`, `\\`, the
short ones (`\b \t \n \f \r`) and `\u00xx` in lower case for the other control characters.
"""

import json
from collections.abc import Mapping
from typing import NoReturn

from donate.errors import N_, DonateError


class NotCanonical(DonateError):
    """These bytes or this value are not what the format allows, so no hash may stand on them."""

    sentence = N_("This is not a canonical log record: %(problem)s")


# For such values the standard encoder writes exactly what RFC 8785 asks for: its escapes are the minimal ones, and the
# order of ASCII keys is the same by code point as by UTF-16 unit.
_encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def encode_canonical(value: object) -> bytes:
    """The one spelling of `value`, made of mappings, lists or tuples, and strings. Raises NotCanonical."""
    try:
        _refuse_unfit(value)
        return spell(value)
    except RecursionError as error:
        raise NotCanonical(problem="it is nested too deeply") from error


def spell(value: object) -> bytes:
    """`encode_canonical` for a value of which the caller has made sure that it holds nothing else."""
    try:
        return _encoder.encode(value).encode()
    except UnicodeEncodeError as error:
        raise NotCanonical(problem="half of a surrogate pair") from error


def decode_canonical(data: bytes) -> object:
    """The value that `data` spells, refused unless it is spelt in the one way. Raises NotCanonical."""
    try:
        value: object = json.loads(
            data.decode(),
            object_pairs_hook=_unique_keys,
            parse_int=_refuse_number,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except (ValueError, RecursionError) as error:
        raise NotCanonical(problem="no JSON in UTF-8") from error
    if encode_canonical(value) != data:
        raise NotCanonical(problem="key order, whitespace or escapes differ from the canonical spelling")
    return value


def _refuse_unfit(value: object) -> None:
    if isinstance(value, str):
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise NotCanonical(problem="a key is not an ASCII string")
            _refuse_unfit(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_unfit(inner)
    else:
        raise NotCanonical(problem=f"a {type(value).__name__} where only strings, arrays and objects stand")


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotCanonical(problem="a key stands twice")
    return found


def _refuse_number(digits: str) -> NoReturn:
    raise NotCanonical(problem=f"{digits} is a number; numbers are written as strings")
