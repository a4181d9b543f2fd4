"""A promise from a phone: the first month paid by card, its receipt, and one step that stops it."""

import re

import pytest

from tests.journeys.conftest import Site, Visitor, Windows
from tests.journeys.test_donor import wait_for_text
from tests.journeys.test_every_page import look_at

WORDS = {
    "zh": {"pay": "用银行卡付款", "stop": "停止月捐", "over": "您在这里停止了月捐"},
    "en": {"pay": "Pay by card", "stop": "Stop the monthly donation", "over": "You stopped it here"},
}


def look(visitor: Visitor) -> None:
    """Axe and the width, where scripts run; the page is left as wide as a phone."""
    assert look_at(visitor, visitor.page.reload(), visitor.page.url) == []
    visitor.page.set_viewport_size({"width": 390, "height": 844})


@pytest.mark.parametrize(("locale", "scripts"), [("zh", False), ("en", True)])
def test_a_monthly_donation_is_begun_and_stopped_from_a_phone(
    visit: Windows, site: Site, locale: str, scripts: bool
) -> None:
    words = WORDS[locale]
    visitor = visit(scripts=scripts)
    page = visitor.open(f"/{locale}/give/{site.campaign}?amount=15")
    assert page.locator("input[name=rhythm][value=once]").is_checked()
    page.locator("input[name=rhythm][value=monthly]").check()
    page.locator("input[name=method][value=card]").check()
    page.get_by_role("main").locator("form button").last.click()
    page.wait_for_url(re.compile("/sandbox/pay/"))
    page.get_by_role("button", name=words["pay"]).click()
    page.wait_for_url(re.compile("/r/"))
    if scripts:
        look(visitor)
    page.get_by_role("button", name=words["stop"]).click()
    page.wait_for_url(re.compile("/monthly/"))
    wait_for_text(visitor, words["over"])
    assert page.get_by_role("button", name=words["stop"]).count() == 0
    if scripts:
        look(visitor)


def test_below_the_card_minimum_the_form_comes_back_with_several_months(visit: Windows, site: Site) -> None:
    visitor = visit()
    page = visitor.open(f"/zh/give/{site.campaign}?amount=3")
    page.locator("input[name=rhythm][value=monthly]").check()
    page.locator("input[name=method][value=card]").check()
    with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        page.get_by_role("main").locator("form button").last.click()
    visitor.faults.clear()  # the browser counts an answer of 422 among its errors
    assert look_at(visitor, sent.value, page.url, 422) == []
    page.locator("input[name=rhythm][value=months-6]").check()
    page.locator("input[name=method][value=alipay]").check()
    page.get_by_role("main").locator("form button").last.click()
    page.wait_for_url(re.compile("/sandbox/pay/"))
    assert "一次支付6个月" in page.get_by_role("main").inner_text()
    assert "18.00" in page.get_by_role("main").inner_text()
