"""The invented organisations, campaigns and donors: complete in both languages, plausible, and marked as samples."""

import csv
import re
from collections import Counter

import pytest

from donate.campaigns import plan
from donate.campaigns.updates import MOST_BODY, MOST_TITLE
from donate.demo.content import campaigns, donors, host_of, hosts, partners
from donate.demo.lives import FILED
from donate.demo.past import last_donation_day
from donate.demo.still_lifes import STILL_LIFES
from donate.organisations.service import credit_code_checks
from donate.places.loading import PLACES

CAMPAIGNS = [pytest.param(text, id=text.ref) for text in campaigns()]


def test_there_are_sixteen_campaigns_in_all_states_that_a_newcomer_should_see():
    assert Counter(text.state for text in campaigns()) == {
        "raising": 10,
        "executing": 2,
        "closed": 2,
        "submitted": 1,
        "draft": 1,
    }


@pytest.mark.parametrize("text", CAMPAIGNS)
def test_a_campaign_is_in_a_real_county_with_invented_schools(text):
    with open(PLACES, encoding="utf-8", newline="") as file:
        counties = {row["code"] for row in csv.DictReader(file) if row["level"] == "county"}
    assert text.county in counties
    for name_zh, name_en in text.schools:
        assert name_zh.endswith("（示例）")
        assert name_en.endswith("(sample)")


@pytest.mark.parametrize("text", CAMPAIGNS)
def test_every_text_of_a_campaign_is_there_in_both_languages_and_fits(text):
    for column, words in text.texts.items():
        if text.state == "draft" and not words:
            continue  # the draft shows what is still missing
        assert 0 < len(words) <= plan.TEXT_OF_COLUMN[column].most, column
        assert bool(re.search(r"[\u4e00-\u9fff]", words)) == column.endswith("_zh"), column


@pytest.mark.parametrize("text", CAMPAIGNS)
def test_a_unit_costs_between_two_and_six_yuan_from_the_first_day_on(text):
    assert text.prices[0].day == text.first_day
    assert [price.day for price in text.prices] == sorted(price.day for price in text.prices)
    assert all(200 <= price.fen <= 600 for price in text.prices)


@pytest.mark.parametrize("text", CAMPAIGNS)
def test_updates_are_posted_while_they_may_be_and_in_order(text):
    days = [update.day for update in text.updates]
    assert days == sorted(days)
    assert all(text.first_day + FILED < day <= -1 for day in days)
    for update in text.updates:
        assert update.picture in {*STILL_LIFES, "road"}
        assert max(len(update.title_zh), len(update.title_en)) <= MOST_TITLE
        assert max(len(update.body_zh), len(update.body_en)) <= MOST_BODY


@pytest.mark.parametrize("text", CAMPAIGNS)
def test_both_languages_of_an_update_name_the_same_figures(text):
    for update in text.updates:
        names = [set(re.findall(r"{(\w+)}", body)) for body in (update.body_zh, update.body_en)]
        assert names[0] == names[1] <= {"paid", "meals", "donations"}
        assert bool(names[0]) == update.has_figures


def test_every_organisation_says_that_it_is_a_sample():
    for facts in [host.facts for host in hosts()] + [partner.facts for partner in partners()]:
        assert facts["name_zh"].endswith("（示例）")
        assert facts["name_en"].endswith("(sample)")


def test_a_hosts_credit_code_checks_and_belongs_to_nobody():
    for host in hosts():
        assert credit_code_checks(host.facts["credit_code"])
        assert "MJ000000" in host.facts["credit_code"]


def test_one_host_has_a_licence_and_one_has_just_lost_it():
    assert {host.ref: host.licence.last_day > 0 for host in hosts()} == {"xiangxinan": True, "beiling": False}


def test_nobody_gives_after_the_hosts_licence_ran_out():
    jiaxian = next(text for text in campaigns() if text.ref == "jiaxian")
    assert last_donation_day(jiaxian) == host_of(jiaxian).licence.last_day < 0 < jiaxian.last_day


def test_donors_have_nicknames_only_and_each_once():
    for names in donors().names.values():
        assert len(names) == len(set(names))
    # A surname and one or two characters: how most people here are called.
    surnames = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林罗郑梁谢宋唐许韩冯邓曹彭曾"
    assert [name for name in donors().names["zh"] if re.fullmatch(f"[{surnames}][\u4e00-\u9fff]{{1,2}}", name)] == [
        "胡萝卜"
    ]
    assert [name for name in donors().names["en"] if re.fullmatch(r"[A-Z][a-z]+ [A-Z][a-z]+", name)] == [
        "Noodle Sunday"
    ]
