"""Paying with a wallet in the sandbox: a code, two devices or one, an answer or none, and payments that are worked on."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from donate import clock
from donate.db import Database, transaction
from donate.errors import NotFound
from donate.payments import tariffs
from donate.payments.gateway import OpenedSession
from donate.payments.models import SandboxObject
from donate.payments.sandbox import delayed, outcomes, wallets
from donate.payments.sandbox.wallets import Answer
from donate.qr import qr_code
from donate.settings import Settings
from tests.payments import factories as make
from tests.payments.annotations import faults_of

BACK = "/zh/paid/secret"


def path_of(session: OpenedSession, settings: Settings, more: str = "") -> str:
    return session.url.removeprefix(settings.base_url) + more


def begun(client: FlaskClient, settings: Settings, session: OpenedSession, method: str = "alipay") -> str:
    """The address in the code, once the donor has chosen a wallet on the page."""
    path = path_of(session, settings)
    answer = client.post(path, data={"outcome": f"pay_{method}"})
    assert (answer.status_code, answer.location) == (303, f"{path}/waiting")
    found = re.search(r"http://localhost(/zh/sandbox/wallet/[\w-]+)", client.get(answer.location).text)
    assert found is not None
    return found[1]


def stored(settings: Settings, kind: str) -> list[SandboxObject]:
    with transaction() as own:
        return list(own.scalars(select(SandboxObject).where(SandboxObject.kind == kind).order_by(SandboxObject.number)))


def intent(settings: Settings) -> dict[str, object]:
    return stored(settings, "payment_intent")[-1].body


@pytest.mark.parametrize(("method", "name"), [("alipay", "支付宝"), ("wechat_pay", "微信支付")])
def test_the_page_shows_a_code_and_waits_without_a_script(
    client: FlaskClient, settings: Settings, method: str, name: str
) -> None:
    gateway, session, _ = make.opened(settings)
    wallet = begun(client, settings, session, method)
    page = client.get(path_of(session, settings, "/waiting"))
    assert f"等待{name}" in page.text
    assert f'd="{qr_code(f"http://localhost{wallet}").path}"' in page.text
    assert f'href="{wallet}?here=yes"' in page.text
    assert '<meta http-equiv="refresh" content="5">' in page.text
    assert 'refresh" content' not in client.get(path_of(session, settings, "/waiting?still=yes")).text
    assert page.headers["Cache-Control"] == "no-store"
    seen = gateway.read_session(session.session_id)
    assert (seen.status, seen.awaits_donor) == ("open", True)


def test_the_intent_says_where_the_wallet_is_asked(client: FlaskClient, settings: Settings) -> None:
    for method, word, name in (
        ("alipay", "alipay_handle_redirect", "url"),
        ("wechat_pay", "wechat_pay_display_qr_code", "data"),
    ):
        _, session, _ = make.opened(settings)
        wallet = begun(client, settings, session, method)
        body = intent(settings)
        action = body["next_action"]
        assert isinstance(action, dict)
        assert (body["status"], action["type"]) == ("requires_action", word)
        assert action[word][name] == settings.base_url + wallet
        assert faults_of(body) == []
    assert make.kinds_since(settings).count("payment_intent.requires_action") == 2


def test_confirmed_on_another_device_the_waiting_page_goes_on(client: FlaskClient, settings: Settings) -> None:
    gateway, session, _ = make.opened(settings)
    wallet, phone = begun(client, settings, session), client.application.test_client()
    asked = phone.get(wallet)
    assert "确认付款" in asked.text
    assert "不再返回" not in asked.text
    confirmed = phone.post(wallet, data={"outcome": "yes"})
    assert (confirmed.status_code, confirmed.location) == (303, wallet)
    assert "已支付" in phone.get(wallet).text
    on = client.get(path_of(session, settings, "/waiting"))
    assert (on.status_code, on.location) == (303, BACK)
    seen = gateway.read_session(session.session_id)
    assert (seen.status, seen.method, seen.awaits_donor) == ("paid", "alipay", False)
    assert (intent(settings)["status"], intent(settings)["next_action"]) == ("succeeded", None)


def test_opened_on_the_same_phone_it_leads_back_to_the_site(client: FlaskClient, settings: Settings) -> None:
    _, session, _ = make.opened(settings)
    wallet = begun(client, settings, session, "wechat_pay")
    confirmed = client.post(f"{wallet}?here=yes", data={"outcome": "yes"})
    assert (confirmed.status_code, confirmed.location) == (303, BACK)


def test_on_the_same_phone_a_donor_may_never_come_back(client: FlaskClient, settings: Settings) -> None:
    gateway, session, _ = make.opened(settings)
    wallet = begun(client, settings, session)
    left = client.post(f"{wallet}?here=yes", data={"outcome": "yes_leave"}, follow_redirects=True)
    assert "付了款，人走了" in left.text
    assert BACK not in left.text
    assert gateway.read_session(session.session_id).status == "paid"


@pytest.mark.parametrize("is_here", [False, True])
def test_refused_in_the_wallet_it_may_be_tried_again(client: FlaskClient, settings: Settings, is_here: bool) -> None:
    gateway, session, _ = make.opened(settings)
    wallet = begun(client, settings, session)
    refused = client.post(f"{wallet}?here=yes" if is_here else wallet, data={"outcome": "no"})
    assert refused.location == (path_of(session, settings) if is_here else wallet)
    page = client.get(path_of(session, settings, "/waiting"), follow_redirects=True)
    assert "在钱包里被拒绝了" in page.text
    assert intent(settings)["status"] == "requires_payment_method"
    error = intent(settings)["last_payment_error"]
    assert isinstance(error, dict)
    assert error["code"] == "payment_method_customer_decline"
    assert gateway.read_session(session.session_id).status == "open"
    again = begun(client, settings, session)
    assert again != wallet
    assert client.post(wallet, data={"outcome": "yes"}).status_code == 409, "the code that was refused"
    client.post(again, data={"outcome": "yes"})
    assert gateway.read_session(session.session_id).status == "paid"
    assert make.kinds_since(settings).count("payment_intent.payment_failed") == 1


def test_turning_to_another_way_kills_the_code(client: FlaskClient, settings: Settings) -> None:
    gateway, session, _ = make.opened(settings)
    wallet = begun(client, settings, session)
    back = client.post(path_of(session, settings, "/waiting"))
    assert (back.status_code, back.location) == (303, path_of(session, settings))
    page = client.get(back.location)
    assert (page.status_code, "拒绝了" in page.text) == (200, False)
    dead = client.get(wallet)
    assert (dead.status_code, "已经失效" in dead.text) == (200, True)
    assert 'name="outcome"' not in dead.text
    assert client.post(wallet, data={"outcome": "yes"}).status_code == 409
    seen = gateway.read_session(session.session_id)
    assert (seen.status, seen.awaits_donor) == ("open", False)
    client.post(path_of(session, settings), data={"outcome": "pay_card"})
    assert gateway.read_session(session.session_id).status == "paid"


def test_a_page_that_is_opened_anew_still_waits_for_the_same_code(client: FlaskClient, settings: Settings) -> None:
    _, session, _ = make.opened(settings)
    wallet = begun(client, settings, session)
    again = client.get(path_of(session, settings))
    assert (again.status_code, again.location) == (303, path_of(session, settings, "/waiting"))
    assert begun(client, settings, session) == wallet
    other = begun(client, settings, session, "wechat_pay")
    assert "已经失效" in client.get(wallet).text
    assert "确认付款" in client.get(other).text


def test_the_time_runs_out_while_the_wallet_is_waited_for(client: FlaskClient, settings: Settings) -> None:
    gateway, session, _ = make.opened(settings)
    wallet = begun(client, settings, session)
    with make.later(minutes=32):
        assert client.post(wallet, data={"outcome": "yes"}).status_code == 409
        over = client.get(path_of(session, settings, "/waiting"), follow_redirects=True)
        assert "没有在限定时间内付款" in over.text
        assert "已经失效" in client.get(wallet).text
        seen = gateway.read_session(session.session_id)
    assert (seen.status, seen.awaits_donor) == ("expired", False)
    assert (intent(settings)["status"], intent(settings)["next_action"]) == ("canceled", None)


def test_a_code_is_answered_once_and_only_with_what_it_offers(client: FlaskClient, settings: Settings) -> None:
    _, session, _ = make.opened(settings)
    wallet = begun(client, settings, session)
    assert client.post(wallet, data={"outcome": "steal"}).status_code == 422
    elsewhere = client.post(wallet, data={"outcome": "yes"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert elsewhere.status_code == 403
    assert client.post(wallet, data={"outcome": "yes"}).status_code == 303
    assert client.post(wallet, data={"outcome": "yes"}).status_code == 409
    assert len(stored(settings, "charge")) == 1
    assert client.get("/zh/sandbox/wallet/unknown").status_code == 404


def test_only_a_wallet_that_the_session_offers_has_a_code(database: Database, settings: Settings) -> None:
    _, cards, _ = make.opened(settings, methods=("card",))
    _, both, _ = make.opened(settings)
    for session, method in ((cards, "alipay"), (both, "card")):
        with pytest.raises(tariffs.NoTariff), transaction() as own:
            wallets.begin(own, "lunch", session.session_id, method)
    with pytest.raises(NotFound), transaction() as own:
        wallets.answer(own, "unknown", Answer.YES)


@pytest.mark.parametrize("way", ["page", "wallet"])
@pytest.mark.parametrize(("answer", "last"), [("later_yes", "paid"), ("later_no", "failed")])
def test_what_is_worked_on_succeeds_or_fails_later(
    client: FlaskClient, settings: Settings, way: str, answer: str, last: str
) -> None:
    gateway, session, _ = make.opened(settings)
    path = path_of(session, settings) if way == "page" else f"{begun(client, settings, session)}?here=yes"
    sent = client.post(path, data={"outcome": answer})
    assert (sent.status_code, sent.location) == (303, BACK)
    seen = gateway.read_session(session.session_id)
    assert (seen.status, seen.paid_at) == ("processing", None)
    assert intent(settings)["status"] == "processing"
    assert stored(settings, "charge")[-1].body["status"] == "pending"
    assert "还在处理" in client.get(path_of(session, settings)).text
    with make.later(seconds=9):
        assert gateway.read_session(session.session_id).status == "processing"
    with make.later(seconds=11):
        seen = gateway.read_session(session.session_id)
        assert (seen.status, seen.paid_at is not None) == (last, last == "paid")
        told = make.kinds_since(settings)
        ended = "succeeded" if last == "paid" else "failed"
        assert told.index("checkout.session.completed") < told.index(f"checkout.session.async_payment_{ended}")
        words = "不会再付第二次" if last == "paid" else "没有成功"
        assert words in client.get(path_of(session, settings)).text
    completed = next(row.body for row in stored(settings, "event") if row.body["type"] == "checkout.session.completed")
    assert completed["data"]["object"]["payment_status"] == "unpaid"
    faults = [
        fault
        for kind in ("event", "payment_intent", "charge")
        for row in stored(settings, kind)
        for fault in faults_of(row.body)
    ]
    assert faults == []


def test_the_fee_of_what_was_worked_on_is_known_after_its_success(database: Database, settings: Settings) -> None:
    gateway, session, _ = make.opened(settings)
    with transaction() as own:
        delayed.begin(own, "lunch", session.session_id, "alipay", succeeds=True)
    paid_at = clock.now() + timedelta(seconds=11)
    with clock.frozen_at(paid_at):
        assert gateway.read_session(session.session_id).fee_minor is None
    with clock.frozen_at(paid_at + timedelta(seconds=3)):
        assert gateway.read_session(session.session_id).fee_minor == 9


def test_nothing_of_every_month_is_worked_on(database: Database, settings: Settings) -> None:
    params = make.sdk_params(mode="subscription")
    params["line_items"][0]["price_data"]["recurring"] = {"interval": "month"}
    session = make.sdk(settings).v1.checkout.sessions.create(params)
    with pytest.raises(tariffs.NoTariff), transaction() as own:
        delayed.begin(own, "lunch", session.id, "card", succeeds=True)
    with pytest.raises(tariffs.NoTariff), transaction() as own:
        wallets.begin(own, "lunch", session.id, "alipay")


def test_a_session_that_was_left_while_worked_on_takes_no_second_payment(
    database: Database, settings: Settings
) -> None:
    _, session, _ = make.opened(settings)
    with transaction() as own:
        delayed.begin(own, "lunch", session.session_id, "card", succeeds=False)
    for later in (1, 20):
        with make.later(seconds=later), pytest.raises(outcomes.SessionOver), transaction() as own:
            outcomes.pay(own, "lunch", session.session_id, "card")
