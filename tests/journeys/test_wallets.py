"""A wallet on two devices and on one: scanned, waited for, confirmed, refused, left; and payments that take a while."""

import re

import pytest

from tests.journeys.conftest import Site, Visitor, Windows
from tests.journeys.test_donor import WORDS, give, ledger, open_wallet, quiet_ledger, wait_for_lines, wait_for_text
from tests.journeys.test_every_page import look_at

ZH, EN = WORDS["zh"], WORDS["en"]


def show_code(visitor: Visitor, locale: str = "zh") -> str:
    """From the campaign's page to the page with the code; the address in it."""
    give(visitor, locale)
    page = visitor.page
    page.get_by_role("button", name=WORDS[locale]["pay"]).click()
    page.wait_for_url(re.compile("/waiting$"))
    return page.locator(".hash").inner_text().removeprefix(visitor.site.url)


def look(visitor: Visitor, path: str) -> None:
    """Axe and the width, on a phone; the page is opened once more for it."""
    answer = visitor.page.goto(visitor.site.url + path)
    assert look_at(visitor, answer, path) == []


@pytest.mark.parametrize("scripts", [True, False])
def test_scanned_by_another_device_the_first_page_goes_on_by_itself(visit: Windows, site: Site, scripts: bool) -> None:
    first, phone = visit(scripts=scripts), visit(scripts=False)
    wallet = show_code(first)
    said = first.page.get_by_role("main").inner_text()
    assert "等待支付宝" in said
    assert "还没有付款" in said
    if scripts:
        look(first, first.page.url.removeprefix(site.url))
    page = phone.open(wallet)
    assert "15.00" in page.get_by_role("main").inner_text()
    page.get_by_role("button", name=ZH["yes"], exact=True).click()
    assert "已支付" in page.get_by_role("main").inner_text()
    first.page.wait_for_url(re.compile("/(paid|r)/"))
    assert "15.00" in wait_for_text(first, r"\d{4}-\d{6}")
    first.assert_no_faults()
    phone.assert_no_faults()


def test_the_sites_own_page_says_that_the_wallet_is_waited_for(visit: Windows, site: Site) -> None:
    first, phone = visit(), visit(scripts=False)
    page = first.page
    give(first, "zh")
    page.get_by_role("button", name="不付款，返回").click()
    page.wait_for_url(re.compile("/paid/"))
    own = page.url.removeprefix(site.url)
    page.get_by_role("link", name="继续付款").click()
    page.get_by_role("button", name=ZH["pay"]).click()
    wallet = page.locator(".hash").inner_text().removeprefix(site.url)
    look(first, own)  # turned back to the site, with the wallet still asking
    said = page.get_by_role("main").inner_text()
    assert "请在支付宝里确认" in said
    assert "还没有付款" in said
    page.get_by_role("link", name="返回支付页面").click()
    page.wait_for_url(re.compile("/waiting$"))
    page.goto(site.url + own)
    phone.open(wallet).get_by_role("button", name=ZH["yes"], exact=True).click()
    page.wait_for_url(re.compile("/r/"))
    first.assert_no_faults()


def test_a_first_page_that_was_closed_is_booked_all_the_same(visit: Windows, site: Site) -> None:
    before = quiet_ledger(site)
    first, phone = visit(), visit(scripts=False)
    wallet = show_code(first, "en")
    first.page.close()
    phone.open(wallet).get_by_role("button", name=EN["yes"], exact=True).click()
    wait_for_lines(site, len(before) + 2)


def test_refused_on_the_other_device_it_is_tried_again_on_the_same_one(visit: Windows, site: Site) -> None:
    before = quiet_ledger(site)
    first, phone = visit(), visit(scripts=False)
    wallet = show_code(first)
    phone.open(wallet).get_by_role("button", name=ZH["no"]).click()
    assert "你拒绝了付款" in phone.page.get_by_role("main").inner_text()
    first.page.wait_for_url(re.compile(r"/sandbox/pay/[^/]+$"))
    assert "在钱包里被拒绝了" in first.page.get_by_role("main").inner_text()
    assert ledger(site) == before
    open_wallet(first, "zh")
    look(first, first.page.url.removeprefix(site.url))
    first.page.get_by_role("button", name=ZH["yes"], exact=True).click()
    first.page.wait_for_url(re.compile("/(paid|r)/"))
    wait_for_lines(site, len(before) + 2)


@pytest.mark.parametrize(("words", "last"), [("succeed", "Booked"), ("fail", "Nothing was charged")])
def test_what_is_worked_on_is_told_until_it_is_certain(visit: Windows, words: str, last: str) -> None:
    visitor = visit(scripts=False)
    give(visitor)
    open_wallet(visitor)
    visitor.page.get_by_role("button", name=f"Be worked on for ten seconds, then {words}").click()
    visitor.page.wait_for_url(re.compile("/paid/"))
    said = visitor.page.get_by_role("main").inner_text()
    assert "You have done your part and need not pay again" in said
    wait_for_text(visitor, last, 40)
