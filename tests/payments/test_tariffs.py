"""Which amounts a method takes, and what it costs."""

from dataclasses import replace
from datetime import date

import pytest

from donate.money import EXPONENTS
from donate.payments.tariffs import METHODS, RULES, TARIFFS, NoTariff, fee_of, methods_of, minimum, rule_for

DAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("amount", "methods"),
    [
        (99, ()),
        (100, ("alipay", "wechat_pay")),
        (399, ("alipay", "wechat_pay")),
        (400, METHODS),
        (99_999_999, METHODS),
        (100_000_000, ()),
    ],
)
def test_methods_by_amount_in_yuan(amount: int, methods: tuple[str, ...]) -> None:
    taking = (rule_for(method, "CNY", DAY) for method in methods_of("CNY", DAY))
    assert tuple(rule.method for rule in taking if rule.minimum_minor <= amount <= rule.largest_minor) == methods


@pytest.mark.parametrize(
    ("method", "amount", "fee"),
    [
        ("alipay", 100, 1),
        ("alipay", 83, 0),
        ("alipay", 84, 1),
        ("alipay", 1500, 9),
        ("wechat_pay", 250, 2),
        ("wechat_pay", 249, 1),
        ("card", 400, 42),
        ("card", 1500, 74),
        ("card", 10_000, 320),
    ],
)
def test_fees_are_rounded_half_up(method: str, amount: int, fee: int) -> None:
    assert fee_of(method, "CNY", amount, DAY) == fee


def test_a_fee_is_never_above_the_amount() -> None:
    assert fee_of("card", "CNY", 20, DAY) == 20


def test_overseas_wallets_cost_what_a_card_costs() -> None:
    assert fee_of("alipay", "CNY", 1500, DAY, "overseas") == fee_of("card", "CNY", 1500, DAY, "overseas")
    assert minimum("wechat_pay", "USD", DAY, "overseas") == 50


def test_what_no_rule_knows_is_refused() -> None:
    for method, currency in (("alipay", "USD"), ("gold", "CNY"), ("card", "XXX")):
        with pytest.raises(NoTariff):
            minimum(method, currency, DAY)
    with pytest.raises(NoTariff):
        minimum("card", "CNY", date(1999, 1, 1))


def test_a_later_rule_holds_from_its_day_on() -> None:
    old = rule_for("card", "CNY", DAY)
    new = replace(old, starts_on=date(2027, 1, 1), minimum_minor=500)
    rules = (*RULES, new)
    assert rule_for("card", "CNY", date(2026, 12, 31), rules=rules).minimum_minor == 400
    assert rule_for("card", "CNY", date(2027, 1, 1), rules=rules).minimum_minor == 500


def test_every_rule_makes_sense() -> None:
    for rule in RULES:
        assert rule.tariff in TARIFFS
        assert rule.currency in EXPONENTS
        assert 0 < rule.minimum_minor < rule_for(rule.method, rule.currency, DAY, rule.tariff).largest_minor
        assert rule.fee(rule.minimum_minor * 10) < rule.minimum_minor * 2
        assert rule.source
