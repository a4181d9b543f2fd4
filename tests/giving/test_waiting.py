"""What our own page says while the provider waits for the donor, or works on the payment; and what comes of both."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from donate import clock
from donate.db import transaction
from donate.giving.models import Checkout
from donate.payments.models import SandboxObject
from donate.payments.sandbox import delayed, outcomes, store, wallets
from donate.payments.sandbox.wallets import Answer
from donate.settings import Settings
from tests.giving import factories as make


def own_page(client: FlaskClient, made: Checkout, locale: str = "en") -> str:
    answer = client.get(f"/{locale}/paid/{made.secret}", follow_redirects=True)
    assert answer.status_code == 200
    return answer.text


def begun(made: Checkout) -> str:
    with transaction() as session:
        return wallets.begin(session, make.MERCHANT, made.session_id or "", made.method)


def answered(code: str, given: Answer) -> None:
    with transaction() as session:
        wallets.answer(session, code, given)


@pytest.mark.parametrize(
    ("locale", "method", "words"),
    [
        ("en", "alipay", ("Confirm in Alipay", "Nothing has been paid yet", "Back to the payment page")),
        ("zh", "wechat_pay", ("请在微信支付里确认", "还没有付款", "返回支付页面")),
    ],
)
def test_our_page_says_which_wallet_is_waited_for(
    client: FlaskClient, settings: Settings, locale: str, method: str, words: tuple[str, ...]
) -> None:
    make.raising()
    made = make.opened(settings, method=method)
    before = own_page(client, made, locale)
    code = begun(made)
    page = own_page(client, made, locale)
    for said in words:
        assert said in page
    assert words[0] not in before
    assert '<meta http-equiv="refresh" content="5">' in page
    answered(code, Answer.NO)
    assert words[0] not in own_page(client, made, locale)


def test_a_bank_that_wants_the_donor_to_confirm_is_called_a_bank(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = make.opened(settings, method="card")
    with transaction() as session:
        outcomes.decline(session, make.MERCHANT, made.session_id or "")
        intent = session.scalars(select(SandboxObject).filter_by(kind="payment_intent")).one()
        store.change(intent, status="requires_action")
    page = own_page(client, made)
    assert "Your bank wants you to confirm" in page
    assert "in its app" not in page


def test_a_wallet_that_is_confirmed_while_nobody_looks_is_booked(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = make.opened(settings)
    answered(begun(made), Answer.YES)
    make.deliver(client, settings)
    assert make.booked() == [make.DONATION]


def test_the_time_that_runs_out_while_a_wallet_is_waited_for_charges_nothing(
    client: FlaskClient, settings: Settings
) -> None:
    make.raising()
    made = make.opened(settings)
    begun(made)
    with clock.frozen_at(clock.now() + timedelta(minutes=45)):
        make.deliver(client, settings)
        assert "The time to pay ran out" in own_page(client, made)
    assert make.booked() == []


@pytest.mark.parametrize(("given", "last"), [(Answer.LATER_YES, "Booked"), (Answer.LATER_NO, "Nothing was charged")])
@pytest.mark.parametrize("hears", [True, False], ids=["by message", "by asking"])
def test_what_is_worked_on_is_told_and_booked_once_it_is_certain(
    client: FlaskClient, settings: Settings, given: Answer, last: str, hears: bool
) -> None:
    make.raising()
    made = make.opened(settings)
    answered(begun(made), given)
    if hears:
        make.deliver(client, settings)
    page = own_page(client, made)
    assert "You have done your part and need not pay again" in page
    assert "Go on to pay" not in page
    assert make.booked() == []
    with clock.frozen_at(clock.now() + delayed.WORKED_ON + timedelta(seconds=1)):
        if hears:
            make.deliver(client, settings)
        assert last in own_page(client, made)
    assert [entry.reason for entry in make.booked()] == ["donation"] * (given is Answer.LATER_YES)
