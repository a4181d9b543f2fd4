"""Both languages are complete: every sentence that a person may read has its Chinese."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po

from donate import translations
from donate.folders import PACKAGE, top_folder
from tests.laws.source import ROOT, plant

KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
JINJA = {"extensions": "jinja2.ext.i18n", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
PLACE = re.compile(r"%\((\w+)\)[sd]")
HAN = re.compile(r"[\u3400-\u9fff]")
# A space between Han characters and figures or Latin is the browser's business (`text-autospace`).
TYPED_GAP = re.compile(r"[\u3400-\u9fff] +[0-9A-Za-z%¥]|[0-9A-Za-z%¥)] +[\u3400-\u9fff]")
CHINESE = "donate/translations/zh"

Id = str | tuple[str, ...]


@cache
def written(root: Path) -> dict[Id, str]:
    """Every sentence marked in Python and templates, with the file that it stands in."""
    found: dict[Id, str] = {}
    for name, _line, sentence, _comments, _context in extract_from_dir(
        str(root / "donate"), [("**.py", "python")], keywords=KEYWORDS
    ):
        found.setdefault(sentence, f"donate/{name}")
    folder = root / "templates"
    for path in sorted(folder.rglob("*.*")):
        for _line, sentence, _comments, _context in extract_from_file("jinja2", path, keywords=KEYWORDS, options=JINJA):
            found.setdefault(sentence, str(path.relative_to(folder)))
    return found


@cache
def chinese(root: Path) -> list[tuple[Path, Message]]:
    messages = []
    for path in sorted((root / CHINESE).glob("*.po")):
        with path.open("rb") as file:
            messages += [
                (path, message) for message in read_po(file, locale="zh_Hans", abort_invalid=True) if message.id
            ]
    return messages


def texts(message: Message) -> Iterator[str]:
    yield from [message.string] if isinstance(message.string, str) else message.string


def missing(root: Path) -> list[str]:
    """Sentences without a Chinese translation. A plural is looked for as the pair that it is."""
    known = {message.id for _, message in chinese(root) if all(texts(message))}
    return sorted(f"{where}: {sentence!r}" for sentence, where in written(root).items() if sentence not in known)


def unused(root: Path) -> list[str]:
    """Translations of what nothing says any more."""
    return sorted(f"{path.name}: {message.id!r}" for path, message in chinese(root) if message.id not in written(root))


def with_other_places(root: Path) -> list[str]:
    """Translations whose `%(name)s` places are not those of the English."""
    differing = []
    for path, message in chinese(root):
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        # A plural's Chinese may count what English calls "one".
        allowed = {place for text in ids for place in PLACE.findall(text)}
        needed = set.intersection(*({*PLACE.findall(text)} for text in ids))
        for text in texts(message):
            places = set(PLACE.findall(text))
            if not needed <= places <= allowed:
                differing.append(f"{path.name}: {message.id!r}: {text!r}")
    return differing


def contradicting(root: Path) -> list[str]:
    """Sentences that two files translate differently: which of them is read would be chance."""
    seen: dict[Id, tuple[str, object]] = {}
    differing = []
    for path, message in chinese(root):
        name, string = seen.setdefault(message.id, (path.name, message.string))
        if string != message.string:
            differing.append(f"{message.id!r}: {name} {string!r}, {path.name} {message.string!r}")
    return differing


def guessed(root: Path) -> list[str]:
    return [f"{path.name}: {message.id!r}" for path, message in chinese(root) if message.fuzzy]


def badly_typed(root: Path) -> list[str]:
    """Chinese that is not Chinese, or has gaps typed around figures and Latin words."""
    bad = []
    for path, message in chinese(root):
        for text in texts(message):
            plain = PLACE.sub("", text)
            if TYPED_GAP.search(plain) or (not HAN.search(plain) and re.search(r"[a-z]{3}", plain)):
                bad.append(f"{path.name}: {text!r}")
    return bad


LAWS = (missing, unused, with_other_places, contradicting, guessed, badly_typed)


def test_the_laws_read_what_the_site_reads() -> None:
    assert len(written(ROOT)) > 150
    assert len(chinese(ROOT)) > 150
    assert sorted((ROOT / CHINESE).glob("*.po")) == translations.files("zh")
    assert (PACKAGE, top_folder("templates")) == (ROOT / "donate", ROOT / "templates")


def test_every_sentence_has_a_chinese_translation() -> None:
    assert missing(ROOT) == []


def test_every_translation_is_still_used() -> None:
    assert unused(ROOT) == []


def test_both_languages_have_the_same_places() -> None:
    assert with_other_places(ROOT) == []


def test_no_two_files_translate_a_sentence_differently() -> None:
    assert contradicting(ROOT) == []


def test_no_translation_is_a_guess() -> None:
    assert guessed(ROOT) == []


def test_chinese_is_chinese_and_typed_without_gaps() -> None:
    assert badly_typed(ROOT) == []


@pytest.mark.parametrize(("sentence", "expected"), [("A %(a)s b %(b)d", ["a", "b"]), ("100 %", [])])
def test_places_are_recognised(sentence: str, expected: list[str]) -> None:
    assert PLACE.findall(sentence) == expected


# A tiny site in which every law holds, and what breaks each.
HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=1; plural=0;\\n"\n\n'
SITE = {
    "donate/giving/donor.py": 'sentence = N_("At least %(least)s.")\n',
    "templates/donor/give.html": '{{ _("Give") }} {{ ngettext("one meal", "%(num)s meals", count) }}',
    f"{CHINESE}/giving.po": HEADER
    + 'msgid "At least %(least)s."\nmsgstr "最少%(least)s。"\n\nmsgid "Give"\nmsgstr "捐款"\n\n'
    + 'msgid "one meal"\nmsgid_plural "%(num)s meals"\nmsgstr[0] "%(num)s餐"\n',
    f"{CHINESE}/layout.po": HEADER,
}
BROKEN = {
    "a sentence in Python": ("donate/giving/donor.py", 'sentence = N_("At least %(least)s.")\nN_("New")\n', {missing}),
    "a sentence in a template": ("templates/public/home.html", '{{ _("New") }}', {missing}),
    "a plural": ("templates/public/home.html", '{{ ngettext("Give", "%(num)s gifts", 2) }}', {missing}),
    "an empty translation": (f"{CHINESE}/giving.po", ('"捐款"', '""'), {missing}),
    "an unused sentence": (f"{CHINESE}/layout.po", HEADER + 'msgid "Old"\nmsgstr "旧"\n', {unused}),
    "another place": (f"{CHINESE}/giving.po", ("最少%(least)s", "最少%(amount)s"), {with_other_places}),
    "a place too few": (f"{CHINESE}/giving.po", ("最少%(least)s", "最少"), {with_other_places}),
    "a place too many": (f"{CHINESE}/giving.po", ('"捐款"', '"捐%(sum)s"'), {with_other_places}),
    "two translations": (f"{CHINESE}/layout.po", HEADER + 'msgid "Give"\nmsgstr "捐赠"\n', {contradicting}),
    "a guess": (f"{CHINESE}/giving.po", ('msgid "Give"', '#, fuzzy\nmsgid "Give"'), {guessed}),
    "English left as it was": (f"{CHINESE}/giving.po", ('"捐款"', '"Give"'), {badly_typed}),
    "a typed gap": (f"{CHINESE}/giving.po", ('"捐款"', '"捐 15 元"'), {badly_typed}),
}


def test_a_complete_site_breaks_no_law(tmp_path: Path) -> None:
    assert broken_laws(plant(tmp_path, SITE)) == set()


@pytest.mark.parametrize("what", BROKEN)
def test_a_planted_fault_is_found_by_its_law_alone(tmp_path: Path, what: str) -> None:
    path, change, laws = BROKEN[what]
    text = SITE[path].replace(*change) if isinstance(change, tuple) else change
    assert text != SITE.get(path)
    assert broken_laws(plant(tmp_path, SITE | {path: text})) == {law.__name__ for law in laws}


def broken_laws(root: Path) -> set[str]:
    return {law.__name__ for law in LAWS if law(root)}
