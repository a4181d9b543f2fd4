"""No page says a word that stands in one language only: what a template shows comes from the catalogue or from data."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from tests.laws.source import ROOT, plant

# The page of parts shows every part with words that nobody has to read.
EXEMPT = frozenset({"public/style.html"})
# What is spelt the same in every language: names of programs and formats, and each language's name for itself.
NAMES = frozenset({"CSV", "Donate", "PostgreSQL", "English", "中文", "Asia/Shanghai"})
# A macro that writes provinces by their customary abbreviations, each beside its English letters.
ABBREVIATING_MACROS = frozenset({"tiles"})
# Blocks and macros that stand inside a tag and write attributes which nobody reads.
UNSEEN = frozenset({"main_class", "_described"})
SPOKEN_ATTRIBUTES = frozenset(
    {"aria-label", "aria-description", "aria-roledescription", "title", "alt", "placeholder", "label"}
)
COMMAND_ELEMENTS = frozenset({"code", "pre", "script", "style"})
BUTTONS = frozenset({"submit", "button", "reset"})
TRANSLATING = frozenset({"_", "gettext", "ngettext"})
LETTER = re.compile(r"[^\W\d_]")
# In an expression many strings are keys, icons and addresses; a sentence has two words, a capital, or is Chinese.
SENTENCE = re.compile(r"[A-Za-z]{2,}[,;:.]? +[(A-Za-z]|[\u3400-\u9fff]|^\W*[A-Z][a-z]+")

_environment = Environment(extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True, autoescape=True)


def literal_violations(root: Path) -> list[str]:
    """Visible words of templates outside `_()`."""
    found = []
    folder = root / "templates"
    for path in sorted(folder.rglob("*.html")):
        name = path.relative_to(folder).as_posix()
        if name in EXEMPT:
            continue
        source = path.read_text(encoding="utf-8")
        seen = [*_in_html(source), *_in_expressions(source)]
        found += [f"{name}:{line}: {words!r}" for line, words in sorted(seen) if words not in NAMES]
    return found


def _in_html(source: str) -> Iterator[tuple[int, str]]:
    reader = _Visible()
    reader.feed(_without_jinja(source))
    reader.close()
    return iter(reader.found)


def _without_jinja(source: str) -> str:
    """The template's HTML with a figure in the place of every expression, line for line."""
    kept: list[str] = []
    words: list[str] = []  # of the statement that is being read
    unseen = 0
    for _line, kind, value in _environment.lex(source):
        if kind == "data":
            kept.append(value if not unseen else "\n" * value.count("\n"))
            continue
        if kind == "block_begin":
            words = []
        elif kind == "name":
            words.append(value)
        elif kind == "block_end" and words[:1] in (["block"], ["macro"]):
            unseen += unseen > 0 or words[1] in UNSEEN
        elif kind == "block_end" and words[:1] in (["endblock"], ["endmacro"]):
            unseen -= unseen > 0
        kept.append("0" if kind == "variable_begin" and not unseen else "\n" * value.count("\n"))
    return "".join(kept)


class _Visible(HTMLParser):
    """Collects text and attributes that are shown or read aloud, with their lines."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self._commands = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._commands += tag in COMMAND_ELEMENTS
        given = dict(attrs)
        spoken = [value for name, value in attrs if name in SPOKEN_ATTRIBUTES]
        if tag == "input" and given.get("type") in BUTTONS:
            spoken.append(given.get("value"))
        if tag == "meta" and given.get("name") == "description":
            spoken.append(given.get("content"))
        for value in spoken:
            self._look(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        self._commands -= tag in COMMAND_ELEMENTS

    def handle_data(self, data: str) -> None:
        if not self._commands:
            self._look(data)

    def _look(self, words: str) -> None:
        if LETTER.search(words):
            self.found.append((self.getpos()[0], " ".join(words.split())))


def _in_expressions(source: str) -> Iterator[tuple[int, str]]:
    tree = _environment.parse(source)
    passed = {
        id(inner)
        for node in tree.find_all((nodes.Call, nodes.Compare, nodes.Macro))
        if _is_passed(node)
        for inner in node.find_all(nodes.Const)
    }
    for constant in tree.find_all(nodes.Const):
        value = constant.value
        if isinstance(value, str) and id(constant) not in passed and SENTENCE.search(value):
            yield constant.lineno, value.strip()


def _is_passed(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Call):
        return isinstance(node.node, nodes.Name) and node.node.name in TRANSLATING
    return isinstance(node, nodes.Compare) or (isinstance(node, nodes.Macro) and node.name in ABBREVIATING_MACROS)


def test_every_visible_word_comes_from_the_catalogue() -> None:
    assert literal_violations(ROOT) == []


@pytest.mark.parametrize(
    "text",
    [
        "<p>Give now</p>",
        "<p>捐一餐</p>",
        "<p>{{ amount }} left</p>",
        "{% if amount %}<p>\nleft {{ amount }}</p>{% endif %}",
        '<a aria-label="Home" href="/">{{ icon }}</a>',
        '<img alt="A bowl of {{ dish }}" src="/x.png">',
        '<input name="x" placeholder="{% if a %}Your name{% endif %}">',
        '<input type="submit" value="Send">',
        '<meta name="description" content="Small donations">',
        "<option value=x>once</option>",
        '{{ "Give now" }}',
        '{{ p.tag("Saved") }}',
        '{{ name ~ " (not public)" }}',
        '{{ "（不公开）" if spoken() == "zh" else "" }}',
        '{% set words = "Not yet" %}',
        "{% block title %}Sign in{% endblock %}",
        "{% block main_class %}wrap{% endblock %}<p>Give</p>",
    ],
)
def test_a_planted_word_is_found(tmp_path: Path, text: str) -> None:
    planted = plant(tmp_path, {"templates/public/home.html": text, "templates/public/style.html": text})
    assert [line.partition(":")[0] for line in literal_violations(planted)] == ["public/home.html"]


@pytest.mark.parametrize(
    "text",
    [
        '<p>{{ _("Give now") }}</p>',
        '<p>{{ ngettext("one meal", "%(num)s meals", count) }}</p>',
        "{# Give now #}<p>{{ amount }} · 15.00</p><!-- Give now -->",
        '<p class="wide soft" id="give"><code>printf give</code></p>',
        '<input type="hidden" name="rhythm" value="once">',
        '{{ p.tag(_("Saved"), "tick") }}',
        '{% if kind == "Give now" %}{{ url_for("public.home") }}{% endif %}',
        "{% block main_class %}wrap ruled{% endblock %}",
        "<span>CSV</span>",
    ],
)
def test_catalogue_data_and_commands_are_no_violation(tmp_path: Path, text: str) -> None:
    assert literal_violations(plant(tmp_path, {"templates/public/home.html": text})) == []
