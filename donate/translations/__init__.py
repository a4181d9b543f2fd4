"""What a reader reads in their own language: sentences, amounts, meals, dates.

English is written in the code and is the key; Chinese stands in `zh/*.po`, one file a room, read once per process.
Nothing here knows of a request: a door's language is set by `speak`, so commands and letters can speak, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.messages import pofile
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.support import NullTranslations, Translations

from donate.errors import DonateError
from donate.money import Money
from donate.text import InBoth, Term

LANGUAGES = {"zh": "zh-Hans", "en": "en"}  # locale in an address -> language in HTML
FOLDER = Path(__file__).parent

_spoken: ContextVar[str] = ContextVar("spoken", default="zh")


def speak(locale: str) -> None:
    """From here on, this thread's (or request's) reader reads `locale`."""
    _spoken.set(locale if locale in LANGUAGES else "zh")


def spoken() -> str:
    return _spoken.get()


@contextmanager
def speaking(locale: str) -> Iterator[None]:
    """Speak `locale` for a while: a letter in its donor's language, a test."""
    token = _spoken.set(locale)
    try:
        yield
    finally:
        _spoken.reset(token)


def files(locale: str) -> list[Path]:
    return sorted((FOLDER / locale).glob("*.po"))


@cache
def translations(locale: str) -> NullTranslations:
    """Every .po file of a locale as one catalogue; English needs none, since it is the key."""
    if not files(locale):
        return NullTranslations()
    whole = Catalog(locale="zh_Hans" if locale == "zh" else locale)
    for path in files(locale):
        with path.open("rb") as file:
            for message in pofile.read_po(file, locale=whole.locale):
                if message.id:
                    whole[message.id] = message
    compiled = BytesIO()
    write_mo(compiled, whole)
    compiled.seek(0)
    return Translations(compiled)


def said(sentence: str) -> str:
    """`sentence` in the spoken language with its %(fact)s places still open. The empty key is the catalogue's header."""
    return translations(spoken()).gettext(sentence) if sentence else ""


def said_of(one: str, many: str, num: int) -> str:
    """The same for a count."""
    return translations(spoken()).ngettext(one, many, num)


def gettext(sentence: str, **facts: object) -> str:
    """`sentence` in the spoken language, its %(fact)s places filled."""
    return said(sentence) % facts if facts else said(sentence)


def ngettext(one: str, many: str, num: int, **facts: object) -> str:
    """The same for a count, which may stand in the sentence as %(num)s."""
    return said_of(one, many, num) % ({"num": number(num)} | facts)


def translated(error: DonateError) -> str:
    """What an error says, in the spoken language."""
    return said(error.sentence) % {name: _fact(fact) for name, fact in error.facts.items()}


def sentence(thing: object) -> str:
    """What an error, or a member of an enum that has a sentence, says; plain text is looked up as it is."""
    if isinstance(thing, DonateError):
        return translated(thing)
    return gettext(str(getattr(thing, "sentence", thing)))


def by_locale(thing: object, name: str) -> str:
    """The words that a row holds in two columns: `title` of `title_zh` and `title_en`.

    Where one language is missing the other is better than nothing.
    """
    first = "zh" if spoken() == "zh" else "en"
    second = "en" if first == "zh" else "zh"
    return str(getattr(thing, f"{name}_{first}") or getattr(thing, f"{name}_{second}"))


# Signs before the figures in English, words behind them in Chinese.
_SIGNS = {"CNY": "¥", "USD": "US$", "EUR": "€", "GBP": "£", "HKD": "HK$", "SGD": "S$", "JPY": "JP¥"}
_WORDS = {"CNY": "元", "USD": "美元", "EUR": "欧元", "GBP": "英镑", "HKD": "港元", "SGD": "新元", "JPY": "日元"}


def money(minor: int, currency: str, *, short: bool = False) -> str:
    """`15.00元` or `¥15.00`; `short` leaves out decimals that are zero: `15元`."""
    figures = Money(abs(minor), currency).plain
    major, point, rest = figures.partition(".")
    if short and not rest.strip("0"):
        point = rest = ""
    figures = f"{int(major):,}{point}{rest}"
    sign = "−" if minor < 0 else ""
    if spoken() == "zh":
        return f"{sign}{figures}{_WORDS[currency]}"
    return f"{sign}{_SIGNS[currency]}{figures}"


def currency_word(currency: str) -> str:
    """What stands in an open field for an amount: `元` or `¥`."""
    return (_WORDS if spoken() == "zh" else _SIGNS)[currency]


def number(value: int) -> str:
    return f"{value:,}"


def unit_word(count: int, unit: str = "") -> str:
    """The unit's word for a count: `餐`, `meal`, `meals`. `unit` is a campaign's own word in the spoken language."""
    word = unit or ("餐" if spoken() == "zh" else "meal")
    if spoken() == "zh" or count == 1:
        return word
    return word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")


def units(count: int, unit: str = "") -> str:
    """`5餐`, `1 meal`, `5 meals`."""
    gap = "" if spoken() == "zh" else " "
    return f"{number(count)}{gap}{unit_word(count, unit)}"


def meals(minor: int, unit_price_minor: int, unit: str = "", *, currency: str = "CNY") -> str:
    """How many units an amount buys: `5餐`, `0.33餐`, `3.33 meals`, `0.33 of a meal`; hundredths only under ten."""
    whole, hundredths = Money(abs(minor), currency).units(unit_price_minor)
    if not hundredths or whole >= 10:
        return units(whole, unit)
    figures = f"{whole}.{hundredths:02d}"
    if spoken() == "zh":
        return f"{figures}{unit_word(2, unit)}"
    if whole:
        return f"{figures} {unit_word(2, unit)}"
    word = unit_word(1, unit)
    return f"{figures} of {'an' if word[:1] in 'aeio' else 'a'} {word}"


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_WEEKDAYS = {
    "zh": ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}


def day(value: date, *, short: bool = False) -> str:
    """`2026年11月23日` or `23 November 2026`; short `11月23日` or `23 Nov`."""
    if spoken() == "zh":
        return f"{value.month}月{value.day}日" if short else f"{value.year}年{value.month}月{value.day}日"
    month = _MONTHS[value.month - 1]
    return f"{value.day} {month[:3]}" if short else f"{value.day} {month} {value.year}"


def month(value: date, *, short: bool = False) -> str:
    """The month alone: `11月`, `November`, `Nov`."""
    if spoken() == "zh":
        return f"{value.month}月"
    return _MONTHS[value.month - 1][:3] if short else _MONTHS[value.month - 1]


def weekday(value: date, *, short: bool = False) -> str:
    """`星期五`, `Friday`; short `周五`, `Fri`."""
    name = _WEEKDAYS[spoken()][value.weekday()]
    if not short:
        return name
    return f"周{name[-1]}" if spoken() == "zh" else name[:3]


def moment(value: datetime, time_zone: str = "Asia/Shanghai", *, seconds: bool = True) -> str:
    """A moment where the book keeps its days: `2026年11月23日 12:00:01` or `23 November 2026, 12:00:01`."""
    local = value.astimezone(ZoneInfo(time_zone))
    gap = " " if spoken() == "zh" else ", "
    return f"{day(local.date())}{gap}{local.strftime('%H:%M:%S' if seconds else '%H:%M')}"


def share(part: int, whole: int) -> str:
    """A part of a whole in per cent, rounded down to a tenth, so that it never looks fuller than it is: `65.4%`."""
    tenths = part * 1000 // whole if whole > 0 else 0
    return f"{tenths // 10:,}.{tenths % 10}%"


def bar_share(part: int, whole: int) -> str:
    """The same as a bar's width: never negative, full at the whole."""
    return share(max(0, min(part, whole)), whole)


def plain_amount(minor: int, currency: str) -> str:
    """Figures only, as a form sends them: `15.00`."""
    return Money(minor, currency).plain


def _fact(fact: object) -> object:
    """An error's facts as they are read: money, dates and labels in the reader's words, all else as it is."""
    if isinstance(fact, InBoth):
        return fact.zh if spoken() == "zh" else fact.en
    if isinstance(fact, Money):
        return money(fact.minor, fact.currency)
    if isinstance(fact, datetime):
        return moment(fact)
    if isinstance(fact, date):
        return day(fact)
    if isinstance(fact, Term):
        return gettext(fact)
    return fact
