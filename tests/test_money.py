import pytest
from hypothesis import given
from hypothesis import strategies as st

from donate.money import (
    AmountAmbiguous,
    AmountBeyondBounds,
    AmountNotANumber,
    AmountTooPrecise,
    CurrencyMismatch,
    Money,
    UnknownCurrency,
    parse_amount,
    split_by_largest_remainder,
)


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("15", 1500),
        ("15.5", 1550),
        ("15.50", 1550),
        (" 0.01 ", 1),
        ("¥3", 300),
        ("３．５０", 350),
        ("￥6元", 600),
        ("1.000", 100),
        ("1,000", 100_000),
        ("1，000", 100_000),
        ("￥１２，０００．５０", 1_200_050),
        ("1,234,567", 123_456_700),
        ("999,999,999,999.99", 99_999_999_999_999),
        ("0" * 20 + "15", 1500),
        ("0", 0),
    ],
)
def test_amounts_as_people_type_them(typed, minor):
    assert parse_amount(typed, "CNY") == Money(minor, "CNY")


@pytest.mark.parametrize(
    "typed",
    ["", "abc", "-1", ",", "a,b", "1e3", "0x10", "１5O", "٣", "1.2.3", ".", ".5", "5.", "NaN", "inf", "1 000"],
)
def test_what_is_no_amount_is_refused(typed):
    with pytest.raises(AmountNotANumber):
        parse_amount(typed, "CNY")


@pytest.mark.parametrize(
    "typed", ["1,5", "1,00", "1，5", ",5", "5,", "1.000,50", "1,000.000,5", "0,500", "01,000", "1,,000"]
)
def test_a_comma_that_groups_no_thousands_is_refused_with_how_to_write_it(typed):
    with pytest.raises(AmountAmbiguous, match="1000 or 1,000"):
        parse_amount(typed, "CNY")


@pytest.mark.parametrize("typed", ["9" * 13, "9" * 5000, "1,000,000,000,000", "1" + "0" * 12])
def test_figures_without_end_are_too_large_and_the_most_is_said(typed):
    with pytest.raises(AmountBeyondBounds) as refused:
        parse_amount(typed, "CNY")
    assert refused.value.facts["most"] == Money(99_999_999_999_999, "CNY")
    assert len(refused.value.facts["typed"]) <= 20


def test_more_decimals_than_the_currency_has_are_refused():
    with pytest.raises(AmountTooPrecise):
        parse_amount("1.005", "CNY")
    with pytest.raises(AmountTooPrecise):
        parse_amount("1.5", "JPY")


def test_another_currency_is_never_added():
    with pytest.raises(CurrencyMismatch):
        Money(1, "CNY") + Money(1, "USD")
    with pytest.raises(UnknownCurrency):
        Money(1, "XXX")


@pytest.mark.parametrize(
    ("minor", "plain"), [(0, "0.00"), (5, "0.05"), (150, "1.50"), (-5, "-0.05"), (123456, "1234.56")]
)
def test_plain_figures(minor, plain):
    assert Money(minor, "CNY").plain == plain


def test_a_currency_without_minor_units_has_no_point():
    assert Money(500, "JPY").plain == "500"


@pytest.mark.parametrize(
    ("minor", "units"), [(300, (1, 0)), (100, (0, 33)), (1500, (5, 0)), (299, (0, 99)), (700, (2, 33))]
)
def test_meals_of_three_yuan(minor, units):
    assert Money(minor, "CNY").units(300) == units


@given(st.integers(0, 10**12))
def test_every_amount_survives_being_written_and_read(minor):
    assert parse_amount(Money(minor, "CNY").plain, "CNY").minor == minor


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=20).filter(lambda w: sum(w) > 0))
def test_a_split_sums_exactly_and_is_within_one_of_its_share(total, weights):
    parts = split_by_largest_remainder(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - total * weight) < sum(weights)


def test_ties_go_to_the_earlier_part():
    assert split_by_largest_remainder(1, [1, 1]) == [1, 0]
    assert split_by_largest_remainder(2, [1, 1, 1]) == [1, 1, 0]


def test_equal_remainders_never_skip_a_larger_one():
    assert split_by_largest_remainder(10, [1, 1, 7]) == [1, 1, 8]


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, []), (1, [0]), (1, [-1, 3])])
def test_a_split_without_a_positive_whole_is_refused(total, weights):
    with pytest.raises(ValueError, match="positive sum"):
        split_by_largest_remainder(total, weights)
