"""The planned past: the same for the same moment, never in the future, and sound as accounts before it is booked."""

from collections import Counter
from datetime import UTC, datetime
from statistics import median

import pytest

from donate.demo.content import campaigns, host_of
from donate.demo.past import PAID_AFTER, Past, last_donation_day, plan_past
from donate.payments.tariffs import fee_of, minimum

NOW = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def past() -> Past:
    return plan_past(campaigns(), NOW)


def test_the_same_moment_makes_the_same_past(past):
    assert plan_past(campaigns(), NOW) == past


def test_several_thousand_donations_lie_in_the_past_ten_months(past):
    assert 4_500 < len(past.checkouts) <= 6_000
    assert min(given.day for given in past.checkouts) < -290
    assert all(given.paid_at < NOW for given in past.checkouts)


def test_donations_come_in_order_of_time(past):
    moments = [given.paid_at for given in past.checkouts]
    assert moments == sorted(moments)


def test_most_donations_are_small(past):
    amounts = [line.amount_minor for given in past.checkouts for line in given.lines]
    assert min(amounts) == 100
    assert max(amounts) == 50_000
    assert median(amounts) <= 2_000
    assert sum(amount <= 10_000 for amount in amounts) > len(amounts) * 9 // 10


def test_the_busiest_campaign_has_several_times_the_donations_of_the_quietest(past):
    count = Counter(line.campaign for given in past.checkouts for line in given.lines)
    assert count["yunxi"] > 4 * count["wuchuan"]


def test_fees_are_those_of_the_tariff_for_the_whole_checkout(past):
    for given in past.checkouts:
        assert given.amount_minor >= minimum(given.method, "CNY", given.paid_at.date())
        assert given.fee_minor == fee_of(given.method, "CNY", given.amount_minor, given.paid_at.date())
        assert all(line.fee_minor >= 0 for line in given.lines)


def test_a_checkout_goes_to_one_host(past):
    host = {text.ref: host_of(text).ref for text in campaigns()}
    assert all({host[line.campaign] for line in given.lines} == {given.host} for given in past.checkouts)
    assert any(len(given.lines) > 1 for given in past.checkouts)


def test_nobody_gives_outside_the_days_of_raising(past):
    text_of = {text.ref: text for text in campaigns()}
    for given in past.checkouts:
        for line in given.lines:
            text = text_of[line.campaign]
            assert text.first_day <= given.day <= last_donation_day(text)


def test_some_donations_are_given_back_and_some_transfers_typed_wrongly(past):
    assert 0 < sum(line.is_refunded for given in past.checkouts for line in given.lines) < 60
    assert 0 < sum(given.is_wrong for given in past.transfers) < 12


def test_no_campaign_pays_out_more_than_reached_the_bank(past):
    for text in campaigns():
        for given in past.disbursements:
            if given.campaign != text.ref:
                continue
            approved = sum(
                one.amount_minor for one in past.disbursements if one.campaign == text.ref and one.day <= given.day
            )
            settled = sum(one.shares.get(text.ref, 0) for one in past.settlements if one.day < given.day)
            settled += sum(
                one.amount_minor for one in past.transfers if one.campaign == text.ref and one.day < given.day
            )
            assert approved <= settled


def test_an_ended_campaign_reached_its_goal_and_a_closed_one_spent_all_but_fees_and_refunds(past):
    for text in campaigns():
        online = [line for given in past.checkouts for line in given.lines if line.campaign == text.ref]
        by_bank = sum(given.amount_minor for given in past.transfers if given.campaign == text.ref)
        received = sum(line.amount_minor for line in online) + by_bank
        if text.has_ended:
            assert received >= text.goal_minor
        if text.state == "closed":
            kept = sum(line.amount_minor for line in online if not line.is_refunded) + by_bank
            assert past.paid_minor(text.ref, 0) == kept - sum(line.fee_minor for line in online)


def test_a_new_campaign_has_paid_out_nothing_yet(past):
    assert past.paid_minor("xiji", 0) == 0


def test_paid_counts_what_has_left_the_bank_by_the_day(past):
    first = next(given for given in past.disbursements if given.campaign == "yunxi")
    assert past.paid_minor("yunxi", first.day + PAID_AFTER - 1) == 0
    assert past.paid_minor("yunxi", first.day + PAID_AFTER) == first.amount_minor
