"""Until when a law keeps something, by rule pack."""

from datetime import date

import pytest

from donate.erasing.laws import Rule, erase_on


@pytest.mark.parametrize(
    ("rule", "since", "currency", "day"),
    [
        (Rule.VOUCHER, date(2026, 1, 1), "CNY", date(2057, 1, 1)),
        (Rule.VOUCHER, date(2026, 12, 31), "CNY", date(2057, 1, 1)),
        (Rule.VOUCHER, date(2026, 12, 31), "EUR", date(2037, 1, 1)),
        (Rule.STATEMENT, date(2026, 11, 28), "CNY", date(2037, 1, 1)),
        (Rule.OFFICIAL, date(2026, 11, 28), "CNY", date(2031, 11, 28)),
        (Rule.IDENTITY, date(2026, 11, 28), "CNY", date(2036, 11, 28)),
        (Rule.IDENTITY, date(2028, 2, 29), "USD", date(2033, 3, 1)),
        (Rule.FUNDRAISING, date(2026, 11, 28), "CNY", date(2028, 11, 28)),
        (Rule.COMPLAINT, date(2026, 11, 28), "CNY", date(2028, 11, 29)),
        (Rule.SPLITTING, date(2026, 11, 28), "CNY", date(2026, 12, 28)),
    ],
)
def test_each_clock_ends_on_its_day(rule: Rule, since: date, currency: str, day: date) -> None:
    assert erase_on(rule, since, currency) == day


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("currency", ["CNY", "USD"])
def test_every_rule_has_its_clock_and_its_sentence(rule: Rule, currency: str) -> None:
    assert erase_on(rule, date(2026, 11, 28), currency) > date(2026, 11, 28)
    assert rule.sentence
