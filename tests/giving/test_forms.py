from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from donate import money
from donate.errors import DonateError
from donate.giving import forms
from donate.giving.forms import BadForm, Terms, read_give_form
from donate.text import TextTooLong

TERMS = Terms(currency="CNY", tariff="mainland", on=date(2026, 11, 23))
OVERSEAS = Terms(currency="USD", tariff="overseas", on=date(2026, 11, 23))


def filled(terms: Terms = TERMS, **typed: str) -> forms.GiveForm:
    return read_give_form(MultiDict({"amount": "15.00", "method": "alipay"} | typed), ("yunxi",), terms)


def errors(terms: Terms = TERMS, **typed: str) -> dict[str, type[DonateError]]:
    with pytest.raises(BadForm) as bad:
        filled(terms, **typed)
    return {field: type(error) for field, error in bad.value.errors.items()}


def test_a_chosen_amount_is_taken() -> None:
    assert filled().lines == (forms.ChosenDonation("yunxi", 1500),)


def test_what_is_typed_wins_over_what_is_chosen() -> None:
    assert filled(own="7.5").amount_minor == 750


def test_what_the_page_wrote_does_not_win_over_what_is_chosen_since() -> None:
    assert filled(own="1000", **{"own-before": "1000"}).amount_minor == 1500
    assert filled(own="7.5", **{"own-before": "1000"}).amount_minor == 750
    assert filled(amount="own", own="1000", **{"own-before": "1000"}).amount_minor == 100_000


def test_the_radio_of_the_open_field_alone_is_no_amount() -> None:
    assert errors(amount="own") == {"own": forms.AmountMissing}
    assert errors(amount="") == {"own": forms.AmountMissing}


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("15", 1500),
        ("１５．５", 1550),
        (" ¥15 ", 1500),
        ("￥１５", 1500),
        ("15元", 1500),
        ("15块", 1500),
        ("15块钱", 1500),
        ("¥15块", 1500),
        ("15 CNY", 1500),
        ("rmb 15", 1500),
        ("15.50", 1550),
        ("15.500", 1550),
        ("0015", 1500),
        ("1,000", 100_000),
        ("１，０００", 100_000),
        ("￥1，000元", 100_000),
        ("12,000.50", 1_200_050),
    ],
)
def test_amounts_are_read_as_people_write_them(typed: str, minor: int) -> None:
    assert filled(own=typed).amount_minor == minor


@pytest.mark.parametrize(
    "typed",
    ["fifteen", "-5", "−5", "+5", "1e3", "1 000", "٣", "½", "NaN", "inf", "0x10", "15.", ".5", "1.2.3", "五"],
)
def test_what_is_no_plain_amount_is_refused(typed: str) -> None:
    assert errors(own=typed) == {"own": money.AmountNotANumber}


@pytest.mark.parametrize("typed", ["3块5", "3元5", "3块5毛", "1¥2", "1cny2", "元", "¥"])
def test_a_sign_between_figures_never_multiplies_an_amount(typed: str) -> None:
    assert errors(own=typed) == {"own": money.AmountNotANumber}


@pytest.mark.parametrize("typed", ["$15", "15 USD", "€15", "15 eur", "HK$15"])
def test_another_currency_is_refused_and_never_converted(typed: str) -> None:
    assert errors(own=typed) == {"own": forms.CurrencyNotTaken}


def test_too_many_decimals_are_refused() -> None:
    assert errors(own="12.505") == {"own": forms.TooManyDecimals}
    yen = Terms(currency="JPY", tariff="overseas", on=date(2026, 11, 23))
    assert errors(yen, own="100.5") == {"own": money.AmountTooPrecise}


@pytest.mark.parametrize("typed", ["0", "0.00", "０"])
def test_nothing_is_no_donation(typed: str) -> None:
    assert errors(own=typed) == {"own": forms.AmountMissing}


def test_less_than_any_way_takes_is_refused() -> None:
    assert errors(own="0.99") == {"own": forms.AmountTooSmall}
    assert filled(own="1").amount_minor == 100


def test_below_the_card_minimum_the_wallets_are_named() -> None:
    assert errors(own="3", method="card") == {"own": forms.AmountBelowCard}
    assert filled(own="3", method="wechat_pay").method == "wechat_pay"
    assert filled(own="4", method="card").method == "card"


@pytest.mark.parametrize("method", ["alipay", "wechat_pay", "card"])
def test_the_largest_payment_is_taken_and_one_fen_more_is_not(method: str) -> None:
    assert filled(own="999999.99", method=method).amount_minor == 99_999_999
    assert errors(own="1000000.00", method=method) == {"own": forms.AmountTooLarge}


def test_several_donations_together_are_large_from_the_very_fen_of_the_threshold() -> None:
    assert several(**{"own-1": "25000", "own-2": "24999.99"}).amount_minor == 4_999_999
    with pytest.raises(BadForm) as bad:
        several(**{"own-1": "25000", "own-2": "25000.00"})
    assert {field: type(error) for field, error in bad.value.errors.items()} == {"own-1": forms.LargeTogether}


@pytest.mark.parametrize("typed", ["999999999999", "9" * 13, "9" * 5000, "９" * 30, "1,000,000,000,000,000"])
def test_huge_amounts_are_too_large_and_the_most_is_said(typed: str) -> None:
    with pytest.raises(BadForm) as bad:
        filled(own=typed)
    assert str(bad.value.errors["own"]).startswith("The largest donation here is")


@pytest.mark.parametrize(
    "typed", ["1,5", "1,00", "15,00", "1，5", "¥1,50元", "1.000,50", "0,500", "1,0000", "10,00,000"]
)
def test_a_comma_that_could_be_a_decimal_one_is_not_guessed_at(typed: str) -> None:
    assert errors(own=typed) == {"own": money.AmountAmbiguous}


def test_overseas_every_way_has_the_card_minimum() -> None:
    assert errors(OVERSEAS, own="0.49", method="card") == {"own": forms.AmountTooSmall}
    assert filled(OVERSEAS, own="$0.50", method="card").amount_minor == 50


def test_a_way_of_paying_must_be_chosen() -> None:
    assert errors(method="") == {"method": forms.MethodMissing}
    assert errors(method="cash") == {"method": forms.MethodNotTaken}


def test_every_error_is_told_at_once() -> None:
    found = errors(own="12.505", method="", email="tomasz.example.org", words="x" * 501)
    assert list(found) == ["own", "method", "email", "words"]


def test_a_name_is_private_unless_its_donor_says_otherwise() -> None:
    assert (filled(name="阿敏").name, filled(name="阿敏").name_is_public) == ("阿敏", False)
    assert filled(name="阿敏", show_name="yes").name_is_public
    assert not filled(name="  ", show_name="yes").name_is_public


def test_names_are_cleaned_and_rare_characters_stay() -> None:
    assert filled(name="\u202e𠮷\x00 \u200b野  家🍚").name == "𠮷 野 家🍚"


def test_a_name_of_invisible_characters_is_none() -> None:
    assert filled(name="\u200b\u2800").name is None


def test_what_is_too_long_is_refused() -> None:
    assert errors(name="x" * 61) == {"name": TextTooLong}


@pytest.mark.parametrize("typed", ["tomasz.example.org", "a@b", "a b@c.org", "a@b@c.org", "a@b.org, c@d.org", "@b.org"])
def test_what_is_no_address_is_refused(typed: str) -> None:
    assert errors(email=typed) == {"email": forms.EmailNotAnAddress}


def test_an_address_cannot_carry_a_header() -> None:
    assert errors(email="a@b.org\r\nBcc: c@d.org") == {"email": forms.EmailNotAnAddress}


def several(**typed: str) -> forms.GiveForm:
    return read_give_form(MultiDict({"method": "card"} | typed), ("yunxi", "datang", "beike"), TERMS)


def test_one_payment_may_hold_several_donations() -> None:
    given = several(**{"own-1": "3", "own-2": "", "own-3": "2.50"})
    assert given.lines == (forms.ChosenDonation("yunxi", 300), forms.ChosenDonation("beike", 250))


def test_together_they_reach_a_minimum_that_none_reaches_alone() -> None:
    assert several(**{"own-1": "2", "own-2": "2"}).amount_minor == 400


def test_several_without_an_amount_are_refused_at_the_first() -> None:
    with pytest.raises(BadForm) as bad:
        several()
    assert {field: type(error) for field, error in bad.value.errors.items()} == {"own-1": forms.AmountMissing}


@given(st.text(max_size=40))
def test_no_text_breaks_the_form(typed: str) -> None:
    taken: forms.GiveForm | None = None
    with suppress(BadForm):
        taken = filled(own=typed, amount="", name=typed, words=typed)
    assert taken is None or 100 <= taken.amount_minor <= 99_999_999


@given(st.integers(100, 99_999_999))
def test_every_amount_in_range_is_read_exactly(minor: int) -> None:
    assert filled(own=f"{minor // 100}.{minor % 100:02d}").amount_minor == minor
