"""The sandbox's payment page: both languages, every outcome, no card field."""

import pytest
from flask.testing import FlaskClient

from donate.db import Database
from donate.payments.sandbox import deliveries
from donate.settings import Settings
from tests.payments import factories as make


def path_of(url: str, settings: Settings) -> str:
    return url.removeprefix(settings.base_url)


@pytest.mark.parametrize(("locale", "words"), [("zh", "用支付宝付款"), ("en", "Pay with Alipay")])
def test_the_page_speaks_the_language_of_the_session(
    client: FlaskClient, settings: Settings, locale: str, words: str
) -> None:
    _, session, _ = make.opened(settings, locale=locale)
    page = client.get(path_of(session.url, settings))
    assert page.status_code == 200
    assert words in page.text
    assert "15.00" in page.text
    assert 'type="text"' not in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_paying_by_card_leads_back_to_the_site(client: FlaskClient, settings: Settings) -> None:
    gateway, session, _ = make.opened(settings)
    answer = client.post(path_of(session.url, settings), data={"outcome": "pay_card"})
    assert (answer.status_code, answer.location) == (303, "/zh/paid/secret")
    assert gateway.read_session(session.session_id).status == "paid"


def test_paying_and_leaving_leads_nowhere_and_is_paid(client: FlaskClient, settings: Settings) -> None:
    gateway, session, _ = make.opened(settings)
    answer = client.post(path_of(session.url, settings), data={"outcome": "pay_and_leave"})
    assert answer.status_code == 200
    assert "/zh/paid/secret" not in answer.text
    assert gateway.read_session(session.session_id).status == "paid"


def test_a_decline_redraws_the_page_and_cancel_goes_back(client: FlaskClient, settings: Settings) -> None:
    gateway, session, _ = make.opened(settings)
    declined = client.post(path_of(session.url, settings), data={"outcome": "decline"})
    assert (declined.status_code, "银行拒绝了" in declined.text) == (200, True)
    cancelled = client.post(path_of(session.url, settings), data={"outcome": "cancel"})
    assert (cancelled.status_code, cancelled.location) == (303, "/zh/give/yunxi")
    assert gateway.read_session(session.session_id).status == "open"


def test_paying_twice_is_refused(client: FlaskClient, settings: Settings) -> None:
    _, session, _ = make.opened(settings)
    path = path_of(session.url, settings)
    client.post(path, data={"outcome": "pay_card"})
    again = client.post(path, data={"outcome": "pay_card"})
    assert (again.status_code, "不会再付第二次" in again.text) == (409, True)
    assert 'name="outcome"' not in again.text


def test_an_unknown_outcome_is_told(client: FlaskClient, settings: Settings) -> None:
    _, session, _ = make.opened(settings)
    answer = client.post(path_of(session.url, settings), data={"outcome": "steal"})
    assert (answer.status_code, "请选择页面上的一种方式" in answer.text) == (422, True)


def test_an_unknown_session_is_not_found(client: FlaskClient) -> None:
    assert client.get("/zh/sandbox/pay/cs_test_unknown").status_code == 404


def test_a_form_from_elsewhere_is_refused(client: FlaskClient, settings: Settings) -> None:
    gateway, session, _ = make.opened(settings)
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = client.post(path_of(session.url, settings), data={"outcome": "pay_card"}, headers=headers)
    assert answer.status_code == 403
    assert gateway.read_session(session.session_id).status == "open"


def test_the_message_is_sent_once_the_donor_has_the_answer(
    client: FlaskClient, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(deliveries, "post_in_process", lambda app: lambda path, body, headers: sent.append(path) or 200)
    _, session, _ = make.opened(settings)
    answer = client.post(path_of(session.url, settings), data={"outcome": "pay_card"})
    assert sent == []
    answer.close()
    assert sent == ["/webhooks/sandbox/lunch"]
