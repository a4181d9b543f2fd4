"""Amounts, meals, dates and errors as a reader of either language reads them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import ClassVar

import pytest

from donate import translations as words
from donate.errors import DonateError, NotFound
from donate.ledger.chart import Reason
from donate.money import AmountNotANumber, Money
from donate.text import InBoth


@dataclass
class Titled:
    title_zh: str
    title_en: str


class TooLittle(DonateError):
    sentence: ClassVar[str] = "At least %(least)s until %(day)s for %(title)s, 100%%."


@pytest.fixture(params=["zh", "en"])
def locale(request: pytest.FixtureRequest) -> Iterator[str]:
    with words.speaking(request.param):
        yield request.param


def in_both(call: str, *arguments: object, **options: object) -> tuple[object, object]:
    said = []
    for locale in ("zh", "en"):
        with words.speaking(locale):
            said.append(getattr(words, call)(*arguments, **options))
    return said[0], said[1]


def test_money_carries_its_currency_as_each_language_does() -> None:
    assert in_both("money", 1500, "CNY") == ("15.00元", "¥15.00")
    assert in_both("money", 128401500, "CNY") == ("1,284,015.00元", "¥1,284,015.00")
    assert in_both("money", -50, "USD") == ("−0.50美元", "−US$0.50")
    assert in_both("money", 500, "JPY") == ("500日元", "JP¥500")


def test_short_money_drops_only_decimals_that_are_zero() -> None:
    assert in_both("money", 300, "CNY", short=True) == ("3元", "¥3")
    assert in_both("money", 350, "CNY", short=True) == ("3.50元", "¥3.50")


@pytest.mark.parametrize(
    ("minor", "zh", "en"),
    [
        (100, "0.33餐", "0.33 of a meal"),
        (300, "1餐", "1 meal"),
        (1000, "3.33餐", "3.33 meals"),
        (1500, "5餐", "5 meals"),
        (10000, "33餐", "33 meals"),
        (0, "0餐", "0 meals"),
    ],
)
def test_meals_are_rounded_down_and_never_up(minor: int, zh: str, en: str) -> None:
    assert in_both("meals", minor, 300) == (zh, en)


def test_a_campaign_s_own_unit_has_its_plural() -> None:
    with words.speaking("en"):
        assert [words.units(count, "lunch box") for count in (1, 2)] == ["1 lunch box", "2 lunch boxes"]
        assert words.meals(150, 300, "egg") == "0.50 of an egg"
    with words.speaking("zh"):
        assert words.units(2, "份早饭") == "2份早饭"


def test_dates_are_written_out() -> None:
    on = date(2026, 11, 3)
    assert in_both("day", on) == ("2026年11月3日", "3 November 2026")
    assert in_both("day", on, short=True) == ("11月3日", "3 Nov")
    assert in_both("weekday", on) == ("星期二", "Tuesday")
    assert in_both("weekday", on, short=True) == ("周二", "Tue")


def test_a_moment_is_told_where_the_book_keeps_its_days() -> None:
    at = datetime(2026, 11, 23, 16, 30, 1, tzinfo=UTC)
    assert in_both("moment", at) == ("2026年11月24日 00:30:01", "24 November 2026, 00:30:01")
    assert in_both("moment", at, "Europe/London", seconds=False)[1] == "23 November 2026, 16:30"


@pytest.mark.parametrize(
    ("part", "whole", "expected"), [(2, 3, "66.6%"), (9999, 10000, "99.9%"), (3, 2, "150.0%"), (1, 0, "0.0%")]
)
def test_a_share_never_looks_fuller_than_it_is(part: int, whole: int, expected: str) -> None:
    assert words.share(part, whole) == expected


def test_a_bar_ends_where_its_frame_ends() -> None:
    assert [words.bar_share(part, 2) for part in (-1, 1, 3)] == ["0.0%", "50.0%", "100.0%"]


def test_the_other_language_is_better_than_nothing(locale: str) -> None:
    assert words.by_locale(Titled("午饭", "Lunch"), "title") == {"zh": "午饭", "en": "Lunch"}[locale]
    assert words.by_locale(Titled("午饭", ""), "title") == "午饭"
    assert words.by_locale(Titled("", "Lunch"), "title") == "Lunch"


def test_errors_and_members_of_enums_say_their_sentence() -> None:
    assert in_both("sentence", Reason.DONATION) == ("捐赠", "Donation")
    assert in_both("sentence", NotFound())[1] == "There is nothing here under this address."


def test_facts_of_an_error_are_said_in_the_reader_s_language() -> None:
    error = TooLittle(least=Money(100, "CNY"), day=date(2026, 11, 3), title=InBoth("午饭", "Lunch"))
    assert in_both("translated", error) == (
        "At least 1.00元 until 2026年11月3日 for 午饭, 100%.",
        "At least ¥1.00 until 3 November 2026 for Lunch, 100%.",
    )


def test_what_somebody_typed_is_no_key_of_the_catalogue() -> None:
    said, _ = in_both("translated", AmountNotANumber(typed="Donation"))
    assert "Donation" in str(said)


def test_an_unknown_sentence_and_an_empty_one_stay_as_they_are(locale: str) -> None:
    assert words.gettext("nobody wrote this 100%") == "nobody wrote this 100%"
    assert words.gettext("") == ""


def test_an_unknown_language_is_chinese() -> None:
    with words.speaking("en"):
        words.speak("fr")
        assert words.spoken() == "zh"
