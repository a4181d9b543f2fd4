"""How often a donor gives, over the app: once, every month by card, several months in one payment; and stopping."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from donate.db import transaction
from donate.giving.models import Donation
from donate.giving.recurring_models import Recurring
from donate.payments.sandbox import outcomes
from donate.settings import Settings
from tests.giving import factories as make
from tests.giving.test_recurring import deliver_all, only, pass_months, promised

OURS = {"Sec-Fetch-Site": "same-origin"}


def promises() -> int:
    with transaction() as session:
        return len(session.scalars(select(Recurring)).all())


def test_every_month_goes_to_the_card_and_charges_the_first_month(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    answer = client.post("/en/give/yunxi", data=make.fresh_form(client, rhythm="monthly", method="card"))
    assert answer.status_code == 303
    page = client.get(make.path_of(answer.location))
    assert "Pay by card" in page.text
    assert "again every month until it is stopped" in page.text
    assert "Pay with Alipay" not in page.text
    with transaction() as session:
        outcomes.pay(session, make.MERCHANT, make.only_checkout().session_id or "", "card")
    deliver_all(client, settings)
    receipt = client.get(f"/en/r/{make.only_checkout().secret}").text
    assert "One month of your monthly donation" in receipt
    assert f'action="/en/monthly/{only().secret}"' in receipt


def test_the_same_form_sent_twice_promises_once(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    form = make.fresh_form(client, rhythm="monthly", method="card")
    first, second = (client.post("/en/give/yunxi", data=form) for _ in range(2))
    assert (first.status_code, first.location) == (303, second.location)
    assert promises() == 1


def test_a_form_that_turns_monthly_after_it_was_sent_is_refused(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    form = make.fresh_form(client, method="card")
    client.post("/en/give/yunxi", data=form)
    assert client.post("/en/give/yunxi", data={**form, "rhythm": "monthly"}).status_code == 409
    assert promises() == 0


def test_a_card_need_not_be_chosen_where_only_it_is_possible(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    form = make.fresh_form(client, rhythm="monthly")
    del form["method"]
    assert client.post("/en/give/yunxi", data=form).status_code == 303
    assert make.only_checkout().method == "card"


@pytest.mark.parametrize(
    ("locale", "reason", "offered"),
    [
        ("en", "Only a card can be charged every month by itself", ("3 months in one payment", "¥45 now", "¥180 now")),
        ("zh", "只有银行卡可以每月自动扣款", ("一次支付3个月", "现在支付45元", "现在支付180元")),
    ],
)
def test_a_wallet_is_offered_several_months_in_place_of_every_month(
    client: FlaskClient, settings: Settings, locale: str, reason: str, offered: tuple[str, ...]
) -> None:
    make.raising()
    path = f"/{locale}/give/yunxi"
    form = make.fresh_form(client, path, rhythm="monthly", method="alipay")
    page = client.post(path, data=form)
    assert page.status_code == 422
    for words in (reason, *offered, 'name="months-for" value="15.00"'):
        assert words in page.text, words
    assert 'name="rhythm" value="monthly" checked' in page.text, "nothing else is chosen for the donor"
    again = {**form, "token": make.token_in(page), "rhythm": "months-3", "months-for": "15.00"}
    answer = client.post(path, data=again)
    assert answer.status_code == 303
    assert (make.only_checkout().amount_minor, make.only_checkout().method, promises()) == (4500, "alipay", 0)


def test_the_form_says_before_that_a_wallet_takes_several_months(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    assert "you are offered several months in one payment" in client.get("/en/give/yunxi").text


def test_a_wallet_below_the_cards_least_hears_of_both(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    form = make.fresh_form(client, rhythm="monthly", method="alipay", amount="0.50")
    page = client.post("/en/give/yunxi", data=form).text
    assert "The smallest monthly donation is ¥4.00" in page
    assert "Only a card can be charged every month by itself" in page
    assert "¥1.50 now" in page


def test_where_several_months_would_be_too_much_nothing_is_promised(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    form = make.fresh_form(client, rhythm="monthly", method="alipay", amount="20000")
    page = client.post("/en/give/yunxi", data=form)
    assert page.status_code == 422
    assert "A monthly donation can be paid by card only" in page.text
    assert "months in one payment" not in page.text.replace("several months in one payment", "")


def test_below_the_card_minimum_several_months_are_offered_with_their_sums(
    client: FlaskClient, settings: Settings
) -> None:
    make.raising()
    form = make.fresh_form(client, rhythm="monthly", amount="3.00", method="card")
    page = client.post("/en/give/yunxi", data=form)
    assert page.status_code == 422
    assert "The smallest monthly donation is ¥4.00" in page.text
    for words in ("3 months in one payment", "¥9 now", "¥18 now", "¥36 now", 'name="months-for" value="3.00"'):
        assert words in page.text


def test_several_months_are_one_payment_by_any_way(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    form = {**make.fresh_form(client, amount="3.00"), "rhythm": "months-6", "months-for": "3.00"}
    answer = client.post("/en/give/yunxi", data=form)
    assert answer.status_code == 303
    assert "(6 months in one payment)" in client.get(make.path_of(answer.location)).text
    assert (make.only_checkout().amount_minor, make.only_checkout().method, promises()) == (1800, "alipay", 0)
    with transaction() as session:
        assert session.scalars(select(Donation.amount_minor)).all() == [1800]


def test_an_amount_changed_after_its_sums_were_shown_is_shown_again(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    form = {**make.fresh_form(client, amount="15.00"), "rhythm": "months-6", "months-for": "3.00"}
    page = client.post("/en/give/yunxi", data=form)
    assert page.status_code == 422
    assert "The amount has changed" in page.text
    assert "¥90 now" in page.text


@pytest.mark.parametrize("rhythm", ["weekly", "months-", "months-7", "months-06", "monthly\0"])
def test_an_unknown_rhythm_is_refused(client: FlaskClient, settings: Settings, rhythm: str) -> None:
    make.raising()
    form = make.fresh_form(client, rhythm=rhythm)
    assert client.post("/en/give/yunxi", data=form).status_code == 422


def test_several_campaigns_are_given_to_once(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    make.raising("second", beside="yunxi")
    path = "/en/give/yunxi?c=second"
    form = {**make.fresh_form(client, path), "own-1": "5", "own-2": "5", "rhythm": "monthly", "method": "card"}
    assert 'name="rhythm"' not in client.get(path).text
    assert client.post(path, data=form).status_code == 422


def test_no_new_promise_to_a_closed_campaign(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    form = make.fresh_form(client, rhythm="monthly", method="card")
    with transaction() as session:
        make._campaign(session, "yunxi").state = "executing"
    assert client.post("/en/give/yunxi", data=form).status_code == 409
    assert promises() == 0


def test_one_step_stops_it_and_the_page_says_so(client: FlaskClient, settings: Settings) -> None:
    recurring = promised(settings)
    deliver_all(client, settings)
    address = f"/en/monthly/{recurring.secret}"
    assert "Stop the monthly donation" in client.get(address).text
    assert client.post(address, headers=OURS).status_code == 303
    page = client.get(address)
    assert "Nothing more is charged" in page.text
    assert "You stopped it here" in page.text
    assert "Stop the monthly donation" not in page.text
    assert (only().state, only().stop_reason) == ("ended", "donor")
    assert client.post(address, headers=OURS).status_code == 303  # again is no error


def test_only_who_has_the_link_can_stop_it_and_only_from_our_page(client: FlaskClient, settings: Settings) -> None:
    recurring = promised(settings)
    deliver_all(client, settings)
    address = f"/en/monthly/{recurring.secret}"
    assert client.post("/en/monthly/guessed", headers=OURS).status_code == 404
    assert client.post(address, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert only().state == "active"


def test_the_page_lists_every_month_with_its_receipt(client: FlaskClient, settings: Settings) -> None:
    recurring = promised(settings)
    deliver_all(client, settings)
    pass_months(settings, 2)
    deliver_all(client, settings)
    page = client.get(f"/en/monthly/{recurring.secret}")
    assert page.text.count("Receipt of ") == 3
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "Next charge on" in page.text
    for path in {part.split('"')[0] for part in page.text.split('href="')[1:] if part.startswith("/en/r/")}:
        receipt = client.get(path).text
        assert "One month of your monthly donation" in receipt


def test_the_page_of_one_that_is_not_paid_yet_asks_and_says_so(client: FlaskClient, settings: Settings) -> None:
    recurring = promised(settings)
    page = client.get(f"/zh/monthly/{recurring.secret}")  # no message has come, so the page asks for itself
    assert "您的月捐正在进行" in page.text
    assert only().state == "active"
