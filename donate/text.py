"""What people type, made safe to store and to show: one line, or a text of several lines.

Removed: control characters, marks that turn the writing direction or hide inside a word, lone surrogates. Kept: every
script, emoji with their joiners, rare Han such as 𠮷 and characters newer than this Python. Both functions may return
an empty string; whether that is allowed is the form's rule.
"""

import re
import unicodedata
from dataclasses import dataclass

from donate.errors import N_, DonateError

# Joiners hold emoji families and some scripts together; they are the only format characters (Cf) that stay.
_KEPT_FORMAT = {"\u200c", "\u200d"}
_DROPPED = {"Cc", "Cf", "Cs"}
_LINE_ENDS = re.compile("\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
_MANY_LINES = re.compile(r"\n{3,}")
# More marks on one letter than any script needs, piled up to spill over the lines around it.
_PILED_MARKS = re.compile("([\u0300-\u036f\u0489]{4})[\u0300-\u036f\u0489]+")
_INVISIBLE = re.compile("[\\s\u200c\u200d\u2800\u3164\u115f\u1160\uffa0\ufe00-\ufe0f]*")


class TextTooLong(DonateError):
    """A form whose field is known gives a subclass with it, so that the error stands at the field."""

    sentence = N_("This has %(given)s characters; at most %(most)s fit here.")


@dataclass(frozen=True, slots=True)
class InBoth:
    """A name or title that we hold in both languages, as a fact of an error."""

    zh: str
    en: str

    def __str__(self) -> str:
        return self.en


class Term(str):
    """A word of ours, as a fact of an error: English and the key under which its translation is found."""

    __slots__ = ()


def clean_line(text: str, most: int, too_long: type[TextTooLong] = TextTooLong) -> str:
    """`text` on one line, trimmed, with single spaces. Raises `too_long` beyond `most` characters."""
    return _bounded(" ".join(_without_hidden(text).split()), most, too_long)


def clean_text(text: str, most: int, too_long: type[TextTooLong] = TextTooLong) -> str:
    """`text` with its lines and paragraphs. Raises `too_long` beyond `most` characters."""
    lines = (line.rstrip() for line in _without_hidden(text).split("\n"))
    return _bounded(_MANY_LINES.sub("\n\n", "\n".join(lines)).strip(), most, too_long)


def _without_hidden(text: str) -> str:
    with_plain_ends = _LINE_ENDS.sub("\n", text).replace("\t", "    ")
    kept = "".join(letter for letter in with_plain_ends if letter == "\n" or _stays(letter))
    return _PILED_MARKS.sub(r"\1", unicodedata.normalize("NFC", kept))


def _stays(letter: str) -> bool:
    return letter in _KEPT_FORMAT or unicodedata.category(letter) not in _DROPPED


def _bounded(text: str, most: int, too_long: type[TextTooLong]) -> str:
    if _INVISIBLE.fullmatch(text):
        return ""
    if len(text) > most:
        raise too_long(given=len(text), most=most)
    return text
