"""Both languages are complete: every sentence that a person may read has its Chinese."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po

from donate.folders import PACKAGE, top_folder
from donate.translations import FOLDER, files

KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
JINJA = {"extensions": "jinja2.ext.i18n", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
PLACE = re.compile(r"%\((\w+)\)[sd]")
HAN = re.compile(r"[\u3400-\u9fff]")
# A space between Han characters and figures or Latin is the browser's business (`text-autospace`).
TYPED_GAP = re.compile(r"[\u3400-\u9fff] +[0-9A-Za-z%¥]|[0-9A-Za-z%¥)] +[\u3400-\u9fff]")

Id = str | tuple[str, ...]


@cache
def written() -> dict[Id, str]:
    """Every sentence marked in Python and templates, with the file that it stands in."""
    found: dict[Id, str] = {}
    for name, _line, sentence, _comments, _context in extract_from_dir(
        str(PACKAGE), [("**.py", "python")], keywords=KEYWORDS
    ):
        found.setdefault(sentence, f"donate/{name}")
    folder = top_folder("templates")
    for path in sorted(folder.rglob("*.*")):
        for _line, sentence, _comments, _context in extract_from_file("jinja2", path, keywords=KEYWORDS, options=JINJA):
            found.setdefault(sentence, str(path.relative_to(folder)))
    return found


@cache
def chinese() -> list[tuple[Path, Message]]:
    messages = []
    for path in files("zh"):
        with path.open("rb") as file:
            messages += [
                (path, message) for message in read_po(file, locale="zh_Hans", abort_invalid=True) if message.id
            ]
    return messages


def texts(message: Message) -> Iterator[str]:
    yield from [message.string] if isinstance(message.string, str) else message.string


def test_there_are_sentences_and_translations_to_compare() -> None:
    assert len(written()) > 150
    assert len(files("zh")) >= 2
    assert FOLDER.is_dir()


def test_every_sentence_has_a_chinese_translation() -> None:
    known = {message.id for _, message in chinese() if all(texts(message))}
    # The catalogue of plurals is found by its singular, too.
    missing = sorted(f"{where}: {sentence!r}" for sentence, where in written().items() if sentence not in known)
    assert missing == []


def test_every_translation_is_still_used() -> None:
    stale = sorted(f"{path.name}: {message.id!r}" for path, message in chinese() if message.id not in written())
    assert stale == []


def test_both_languages_have_the_same_places() -> None:
    differing = []
    for path, message in chinese():
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        # A plural's Chinese may count what English calls "one".
        allowed = {place for text in ids for place in PLACE.findall(text)}
        needed = set.intersection(*({*PLACE.findall(text)} for text in ids))
        for text in texts(message):
            places = set(PLACE.findall(text))
            if not needed <= places <= allowed:
                differing.append(f"{path.name}: {message.id!r}: {text!r}")
    assert differing == []


def test_no_two_files_translate_a_sentence_differently() -> None:
    seen: dict[Id, tuple[str, object]] = {}
    differing = []
    for path, message in chinese():
        name, string = seen.setdefault(message.id, (path.name, message.string))
        if string != message.string:
            differing.append(f"{message.id!r}: {name} {string!r}, {path.name} {message.string!r}")
    assert differing == []


def test_no_translation_is_a_guess() -> None:
    assert [f"{path.name}: {message.id!r}" for path, message in chinese() if message.fuzzy] == []


def test_chinese_is_chinese_and_typed_without_gaps() -> None:
    bad = []
    for path, message in chinese():
        for text in texts(message):
            plain = PLACE.sub("", text)
            if TYPED_GAP.search(plain) or (not HAN.search(plain) and re.search(r"[a-z]{3}", plain)):
                bad.append(f"{path.name}: {text!r}")
    assert bad == []


@pytest.mark.parametrize(("sentence", "expected"), [("A %(a)s b %(b)d", ["a", "b"]), ("100 %", [])])
def test_places_are_recognised(sentence: str, expected: list[str]) -> None:
    assert PLACE.findall(sentence) == expected
