"""How one value of a leaf is spelt: text of a fixed alphabet, numbers, days, hashes, lists of them."""

import re
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, Protocol

from donate.tlog.canonical import NotCanonical

MAX_INTEGER = 2**63 - 1


class Spelling(Protocol):
    """Writes a value into canonical JSON and reads it back; both refuse what the other could not have made."""

    def write(self, value: object) -> object: ...

    def read(self, spelt: object) -> Any: ...


class Text:
    """Printable ASCII of one alphabet and length; free text has no place in a leaf."""

    def __init__(self, pattern: str) -> None:
        self._matches = re.compile(pattern, re.ASCII).fullmatch

    def write(self, value: object) -> object:
        if not isinstance(value, str) or self._matches(value) is None:
            raise NotCanonical(problem=f"{value!r:.80} is not spelt as this key wants it")
        return value

    read = write


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number as decimal digits without leading zeros."""

    least: int = 0

    def write(self, value: object) -> object:
        if type(value) is not int or not self.least <= value <= MAX_INTEGER:
            raise NotCanonical(problem=f"{value!r:.80} is no number from {self.least} to {MAX_INTEGER}")
        return str(value)

    def read(self, spelt: object) -> object:
        # Twenty digits bound the work before int() looks at them; the range is checked by `write`.
        if not isinstance(spelt, str) or not spelt.isascii() or not spelt.isdigit() or len(spelt) > 19:
            raise NotCanonical(problem=f"{spelt!r:.80} is no number in decimal digits")
        value = int(spelt)
        if self.write(value) != spelt:
            raise NotCanonical(problem=f"{spelt} has leading zeros")
        return value


class Day:
    """A date as 2026-11-23."""

    def write(self, value: object) -> object:
        if type(value) is not date:
            raise NotCanonical(problem=f"{value!r:.80} is no date")
        return value.isoformat()

    def read(self, spelt: object) -> object:
        try:
            value = date.fromisoformat(spelt if isinstance(spelt, str) else "")
        except ValueError as error:
            raise NotCanonical(problem=f"{spelt!r:.80} is no date") from error
        if self.write(value) != spelt:
            raise NotCanonical(problem=f"{spelt!r:.80} is not spelt YYYY-MM-DD")
        return value


class Hash:
    """32 bytes as 64 hexadecimal digits in lower case."""

    def write(self, value: object) -> object:
        if not isinstance(value, bytes) or len(value) != 32:
            raise NotCanonical(problem="a hash has 32 bytes")
        return value.hex()

    def read(self, spelt: object) -> object:
        if not isinstance(spelt, str) or re.fullmatch(r"[0-9a-f]{64}", spelt) is None:
            raise NotCanonical(problem=f"{spelt!r:.80} is not 64 hexadecimal digits in lower case")
        return bytes.fromhex(spelt)


@dataclass(frozen=True, slots=True)
class Ascending:
    """One to `most` log indexes, each greater than the one before."""

    most: int

    def write(self, value: object) -> object:
        if not isinstance(value, tuple) or not 1 <= len(value) <= self.most:
            raise NotCanonical(problem=f"a list of 1 to {self.most} log indexes is wanted")
        spelt = [Integer().write(number) for number in value]
        if any(left >= right for left, right in pairwise(value)):
            raise NotCanonical(problem="a list of log indexes is not ascending")
        return spelt

    def read(self, spelt: object) -> object:
        if not isinstance(spelt, list):
            raise NotCanonical(problem="a list of log indexes is wanted")
        value = tuple(Integer().read(number) for number in spelt)
        self.write(value)
        return value
