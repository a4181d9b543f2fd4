"""From a phone to the public ledger."""

import csv
import io
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.journeys.conftest import Site, Visitor

WORDS = {
    "zh": {"pay": "用支付宝付款", "open": "在这部手机上打开支付宝", "yes": "确认付款", "no": "拒绝付款"},
    "en": {"pay": "Pay with Alipay", "open": "Open Alipay on this phone", "yes": "Confirm the payment", "no": "Refuse"},
}


def give(visitor: Visitor, locale: str = "en", amount: str = "15.00", ref: str | None = None) -> None:
    """From the campaign's page to the provider's page."""
    page = visitor.open(f"/{locale}/c/{ref or visitor.site.campaign}")
    page.locator(f"form input[name=amount][value='{amount}']").first.check()
    page.locator("form[action*='/give/'] button").first.click()
    page.wait_for_url(re.compile("/give/"))
    pay(visitor)


def pay(visitor: Visitor) -> None:
    """From the filled give page to the provider's page."""
    page = visitor.page
    page.locator("input[name=method][value=alipay]").check()
    page.get_by_role("main").locator("form button").last.click()
    page.wait_for_url(re.compile("/sandbox/pay/"))


def open_wallet(visitor: Visitor, locale: str = "en") -> None:
    """From the provider's page to the wallet's app on the same phone."""
    page, words = visitor.page, WORDS[locale]
    page.get_by_role("button", name=words["pay"]).click()
    page.get_by_role("link", name=words["open"]).click()
    page.wait_for_url(re.compile("/sandbox/wallet/"))


def pay_by_wallet(visitor: Visitor, locale: str = "en") -> None:
    """From the provider's page back to ours, paid on the same phone."""
    open_wallet(visitor, locale)
    visitor.page.get_by_role("button", name=WORDS[locale]["yes"], exact=True).click()
    visitor.page.wait_for_url(re.compile("/(paid|r)/"))


def wait_for_text(visitor: Visitor, pattern: str, seconds: float = 20) -> str:
    """The page's text once it shows `pattern`, reloading as a patient donor would."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        said = visitor.page.get_by_role("main").inner_text()
        if re.search(pattern, said):
            return said
        time.sleep(0.5)
        visitor.page.reload()
    raise AssertionError(f"{pattern!r} never appeared on {visitor.page.url}: {said}")


def ledger(site: Site) -> list[dict[str, str]]:
    with urlopen(f"{site.url}/ledger.csv") as answer:
        return list(csv.DictReader(io.StringIO(answer.read().decode("utf-8"))))


def quiet_ledger(site: Site, seconds: float = 20) -> list[dict[str, str]]:
    """The ledger once every donation of earlier tests has its fee, which the provider tells later."""
    until = time.monotonic() + seconds
    while True:
        lines = ledger(site)
        reasons = Counter(line["reason"] for line in lines)
        if reasons["donation"] == reasons["processing_fee"]:
            return lines
        assert time.monotonic() < until, lines
        time.sleep(0.3)


@pytest.mark.parametrize(("locale", "scripts"), [("zh", False), ("en", True)])
def test_fifteen_yuan_from_a_phone_to_the_ledger(visit, site, locale, scripts):
    before = quiet_ledger(site)
    visitor = visit(scripts=scripts)
    give(visitor, locale)
    pay_by_wallet(visitor, locale)
    said = wait_for_text(visitor, r"\d{4}-\d{6}|No\. ?\d|编号|Number")
    assert "15.00" in said
    wait_for_lines(site, len(before) + 2)
    new = ledger(site)[len(before) :]
    booked = {(row["reason"], row["debit"], row["credit"], row["amount_minor"]) for row in new}
    assert booked == {
        ("donation", "clearing", "fund:yunxi", "1500"),
        ("processing_fee", "fund:yunxi", "clearing", "9"),
    }
    visitor.assert_no_faults()


def wait_for_lines(site: Site, count: int, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while len(ledger(site)) < count:
        assert time.monotonic() < until, ledger(site)
        time.sleep(0.3)


def test_the_campaign_counts_the_meals_of_a_donation(visit, site):
    visitor = visit(scripts=False)
    before = meals(visitor)
    give(visitor)
    pay_by_wallet(visitor)
    until = time.monotonic() + 20
    while meals(visitor) != before + 5:
        assert time.monotonic() < until
        time.sleep(0.5)


def meals(visitor: Visitor, ref: str | None = None) -> int:
    """The large figure of the campaign's page: meals funded."""
    page = visitor.open(f"/en/c/{ref or visitor.site.campaign}")
    return int(page.locator(".big").first.inner_text().replace(",", ""))


def test_a_declined_payment_books_nothing_and_may_be_tried_again(visit, site):
    before = quiet_ledger(site)
    visitor = visit(scripts=False)
    give(visitor)
    open_wallet(visitor)
    visitor.page.get_by_role("button", name=WORDS["en"]["no"]).click()
    visitor.page.get_by_text("refused in the wallet").wait_for()
    assert ledger(site) == before
    pay_by_wallet(visitor)
    wait_for_lines(site, len(before) + 2)


def test_a_donor_who_never_comes_back_is_booked_all_the_same(visit, site):
    before = quiet_ledger(site)
    visitor = visit(scripts=False)
    give(visitor)
    open_wallet(visitor)
    visitor.page.get_by_role("button", name="Confirm, and never come back").click()
    visitor.page.get_by_text("Paid, and gone.").wait_for()
    wait_for_lines(site, len(before) + 2)


def test_the_same_form_sent_twice_at_once_is_one_checkout(site):
    with urlopen(f"{site.url}/en/give/{site.campaign}") as answer:
        found = re.search(r'name="token" value="([^"]+)"', answer.read().decode())
    assert found is not None
    form = urlencode({"token": found[1], "amount": "15.00", "method": "alipay"})

    def send(_: int) -> tuple[int, str | None]:
        connection = HTTPConnection("127.0.0.1", site.port, timeout=30)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": site.url}
        connection.request("POST", f"/en/give/{site.campaign}", form, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location")

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(send, range(4)))
    assert len(answers) == 1
    status, location = answers.pop()
    assert (status, "/sandbox/pay/" in (location or "")) == (303, True)


@pytest.mark.parametrize("typed", ["abc", "-3", "1.005", "0", "999999999999", "5 USD", "<b>"])
def test_an_absurd_amount_is_told_at_its_field_and_stays_typed(visit, site, typed):
    visitor = visit(scripts=False)
    page = visitor.open(f"/en/give/{site.campaign}")
    page.locator("#own").fill(typed)
    page.get_by_role("main").locator("form button").last.click()
    assert page.locator(".errsum").is_visible()
    assert page.locator("#own").input_value() == typed
    assert page.locator(".err").first.is_visible()
