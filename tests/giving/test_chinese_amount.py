from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donate.giving.chinese_amount import chinese_amount
from donate.money import Money

VALUES = {character: value for value, character in enumerate("零壹贰叁肆伍陆柒捌玖")}
PLACES = {"拾": 10, "佰": 100, "仟": 1000}


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        # The examples of the regulation's annex.
        ("1409.50", "人民币壹仟肆佰零玖元伍角"),
        ("6007.14", "人民币陆仟零柒元壹角肆分"),
        ("1680.32", "人民币壹仟陆佰捌拾元叁角贰分"),
        ("107000.53", "人民币壹拾万零柒仟元伍角叁分"),
        ("16409.02", "人民币壹万陆仟肆佰零玖元零贰分"),
        ("325.04", "人民币叁佰贰拾伍元零肆分"),
        # The ends of the scale.
        ("15.00", "人民币壹拾伍元整"),
        ("0.05", "人民币伍分"),
        ("0.50", "人民币伍角"),
        ("10000000.00", "人民币壹仟万元整"),
        ("100000001.00", "人民币壹亿零壹元整"),
        ("999999999999.99", "人民币玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    ],
)
def test_amounts_read_as_the_regulation_writes_them(figures: str, words: str) -> None:
    assert chinese_amount(Money(int(figures.replace(".", "")), "CNY")) == words


@pytest.mark.parametrize("money", [Money(0, "CNY"), Money(-1, "CNY"), Money(10**14, "CNY"), Money(1500, "USD")])
def test_what_no_receipt_carries_has_no_characters(money: Money) -> None:
    assert chinese_amount(money) is None


@given(st.integers(1, 10**14 - 1))
def test_the_characters_say_the_same_amount_as_the_figures(minor: int) -> None:
    words = chinese_amount(Money(minor, "CNY"))
    assert words is not None
    assert read_back(words) == minor
    assert "零零" not in words


def read_back(words: str) -> int:
    """A reader of its own, so that the writer is not checked by itself."""
    yuan_words, has_yuan, rest = words.removeprefix("人民币").rpartition("元")
    total = section = digit = 0
    for character in yuan_words if has_yuan else "":
        if character in VALUES:
            digit = VALUES[character]
        elif character in PLACES:
            section, digit = section + digit * PLACES[character], 0
        else:
            total, section, digit = total + (section + digit) * {"万": 10**4, "亿": 10**8}[character], 0, 0
    minor = (total + section + digit) * 100
    for character, after in pairwise(rest):
        minor += VALUES.get(character, 0) * {"角": 10, "分": 1}.get(after, 0)
    return minor
