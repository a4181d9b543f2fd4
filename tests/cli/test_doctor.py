"""`donate stripe doctor`, the real command against the sandbox: what is missing is told with what to do."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import stripe
from click.testing import CliRunner, Result

from donate import clock
from donate.cli.commands import donate
from donate.db import Database, Role, transaction
from donate.ledger.books import open_book, open_merchant_account
from donate.payments.facts import AccountSeen, EndpointSeen
from donate.payments.sandbox import store
from donate.payments.sandbox.account import method
from donate.payments.stripe import API_VERSION
from donate.settings import Settings
from donate.settling.doctor import Patient, _Exam
from donate.settling.messages import handlers
from tests.cli.factories import clean_environment
from tests.payments import factories as make
from tests.payments.annotations import faults_of

Doctor = Callable[..., Result]
METHODS = "payment_method_configuration"


@pytest.fixture
def doctor(database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    def ask(*arguments: str, **environ: str) -> Result:
        own = {"DONATE_INSTANCE": str(settings.instance), "DONATE_SECRET_KEY": settings.secret_key}
        complete = clean_environment(**(own | {"DONATE_DATABASE_URL": database.url} | environ))
        for name, value in complete.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(donate, ["stripe", "doctor", *arguments])

    return ask


def account(ref: str, *, currency: str = "CNY", provider: str = "sandbox") -> None:
    with transaction(Role.OWNER) as session:
        book = open_book(session, ref=ref, host=ref, currency=currency, mode="sandbox", time_zone="Asia/Shanghai")
        open_merchant_account(session, book_id=book.id, ref=ref, provider=provider, livemode=False, tariff="mainland")


def plant(kind: str, merchant: str, of: Settings, /, **changes: Any) -> None:
    """Let the sandbox's account or endpoint differ from what a careful operator set up."""
    client = make.sdk(of, make.merchant(merchant)).v1
    as_it_is: dict[str, Callable[[], Any]] = {
        "account": client.accounts.retrieve_current,
        "payment_method_configuration": lambda: client.payment_method_configurations.list().data[0],
        "webhook_endpoint": lambda: client.webhook_endpoints.list().data[0],
    }
    body = {**json.loads(str(as_it_is[kind]())), **changes}
    with transaction() as session:
        store.add(session, merchant, body, clock.now())


def missing(result: Result) -> dict[str, str]:
    return {found["name"]: found["advice"] for found in json.loads(result.output) if not found["is_ok"]}


def test_an_account_set_up_with_care_lacks_nothing(doctor: Doctor) -> None:
    account("lunch")
    account("rice", currency="HKD")
    answer = doctor()
    assert (answer.exit_code, "Nothing is missing." in answer.output) == (0, True), answer.output
    assert "missing " not in answer.output
    assert "ok      lunch: payout schedule: daily" in answer.output
    assert "ok      lunch: page offers wechat_pay: yes" in answer.output
    assert "ok      lunch: clock: 0 s from the provider's" in answer.output
    assert "ok      rice: currency: settles in HKD, the book is in HKD" in answer.output


@pytest.mark.parametrize(
    ("kind", "changes", "name", "advice"),
    [
        ("account", {"default_currency": "usd"}, "currency", "Settle this account in CNY"),
        ("account", {"charges_enabled": False}, "takes payments", "Finish the account"),
        ("account", {"payouts_enabled": False}, "pays out", "name its bank account"),
        ("account", {"capabilities": {"card_payments": "pending"}}, "cards", "right to take cards"),
        ("account", {"settings": None}, "payout schedule", "Choose automatic payouts"),
        (
            METHODS,
            {"wechat_pay": method(available=False, wanted=False)},
            "page offers wechat_pay",
            "Switch wechat_pay on",
        ),
        (METHODS, {"alipay": method(available=False)}, "page offers alipay", "ask for the right to it"),
        (METHODS, {"alipay": None}, "page offers alipay", "Switch alipay on"),
        (METHODS, {"card": method(available=False)}, "page offers card", "Switch card on"),
        ("webhook_endpoint", {"url": "https://elsewhere.example/hook"}, "endpoint", "/webhooks/sandbox/lunch"),
        ("webhook_endpoint", {"status": "disabled"}, "endpoint", "Switch it on"),
        ("webhook_endpoint", {"enabled_events": ["charge.updated"]}, "kinds of messages", "checkout.session.completed"),
        ("webhook_endpoint", {"api_version": "2020-08-27"}, "API version", API_VERSION),
        ("webhook_endpoint", {"api_version": None}, "API version", API_VERSION),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(
    doctor: Doctor, settings: Settings, kind: str, changes: dict[str, Any], name: str, advice: str
) -> None:
    account("lunch")
    account("noise")
    plant(kind, "lunch", settings, **changes)
    answer = doctor("--json")
    assert answer.exit_code == 1
    found = missing(answer)
    assert list(found) == [name]
    assert advice in found[name]


@pytest.mark.parametrize("changes", [{"is_default": False}, {"active": False}, {"application": "ca_1"}])
def test_a_configuration_that_pages_do_not_use_offers_nothing(
    doctor: Doctor, settings: Settings, changes: dict[str, Any]
) -> None:
    account("lunch")
    plant(METHODS, "lunch", settings, **changes)
    found = missing(doctor("--json"))
    assert list(found) == ["page offers alipay", "page offers wechat_pay", "page offers card"]


def test_a_right_that_is_lacking_is_told_from_a_switch_that_is_off(doctor: Doctor, settings: Settings) -> None:
    account("lunch")
    plant(METHODS, "lunch", settings, alipay=method(available=False), card=method(available=False, wanted=False))
    answer = doctor().output
    assert "missing lunch: page offers alipay: switched on, without the right to it" in answer
    assert "missing lunch: page offers card: switched off" in answer


def test_an_endpoint_for_all_kinds_is_enough(doctor: Doctor, settings: Settings) -> None:
    account("lunch")
    plant("webhook_endpoint", "lunch", settings, enabled_events=["*"])
    assert doctor().exit_code == 0


def test_one_account_may_be_asked_about(doctor: Doctor, settings: Settings) -> None:
    account("lunch")
    account("noise")
    plant("account", "noise", settings, charges_enabled=False)
    assert doctor("--merchant", "lunch").exit_code == 0
    assert doctor("--merchant", "noise").exit_code == 1
    unknown = doctor("--merchant", "nobody")
    assert (unknown.exit_code, "no merchant account “nobody”" in unknown.output) == (1, True)


def test_two_hosts_on_one_account_are_found_whatever_their_keys(doctor: Doctor, settings: Settings) -> None:
    account("lunch")
    account("noise")
    for ref in ("lunch", "noise"):
        plant("account", ref, settings, id="acct_same")
    assert "own account" in missing(doctor("--json"))


def test_without_a_merchant_account_the_next_step_is_told(doctor: Doctor) -> None:
    answer = doctor()
    assert (answer.exit_code, "donate organisation host" in answer.output) == (1, True)


def test_a_missing_key_and_a_key_of_the_other_mode_are_named(doctor: Doctor) -> None:
    account("lunch", provider="stripe")
    keyless = doctor("--json", DONATE_STRIPE_NOISE_KEY="sk_test_1")
    assert list(missing(keyless)) == ["key"]
    assert "DONATE_STRIPE_LUNCH_KEY: is missing" in keyless.output


def test_a_sandbox_account_beside_keys_is_named(doctor: Doctor) -> None:
    account("lunch")
    assert list(missing(doctor("--json", DONATE_STRIPE_NOISE_KEY="sk_test_1"))) == ["key"]


def seen(**changes: Any) -> AccountSeen:
    facts: dict[str, Any] = {
        "account_id": "acct_1",
        "currency": "CNY",
        "may_charge": True,
        "may_pay_out": True,
        "payout_interval": "weekly",
        "takes_cards": True,
        "answered_at": clock.now(),
    }
    return AccountSeen(**(facts | changes))


@pytest.mark.parametrize(("seconds", "is_ok"), [(0, True), (29, True), (-31, False), (400, False)])
def test_a_clock_that_goes_wrong_is_found(settings: Settings, seconds: int, is_ok: bool) -> None:
    exam = _Exam(Patient(merchant=make.merchant(), currency="CNY"), settings)
    now = clock.now()
    exam.account(seen(answered_at=now + timedelta(seconds=seconds)), now)
    assert [found.is_ok for found in exam.findings if found.name == "clock"] == [is_ok]


@pytest.mark.parametrize(("interval", "is_ok"), [("daily", True), ("monthly", True), ("manual", False), (None, False)])
def test_payouts_must_come_by_themselves(settings: Settings, interval: str | None, is_ok: bool) -> None:
    exam = _Exam(Patient(merchant=make.merchant(), currency="CNY"), settings)
    exam.account(seen(payout_interval=interval), clock.now())
    assert [found.is_ok for found in exam.findings if found.name == "payout schedule"] == [is_ok]


def test_a_live_account_wants_its_webhook_secret(settings: Settings) -> None:
    live = make.merchant(provider="stripe", livemode=True)
    exam = _Exam(Patient(merchant=live, currency="CNY"), settings)
    exam.key_and_secrets()
    assert [found.advice for found in exam.findings if not found.is_ok] == [
        "Set DONATE_STRIPE_LUNCH_WEBHOOK_SECRETS to the endpoint's signing secret (whsec_…)."
    ]


def test_the_address_looked_for_is_the_one_that_is_served(settings: Settings) -> None:
    exam = _Exam(Patient(merchant=make.merchant(provider="stripe"), currency="CNY"), settings)
    url = f"{settings.base_url}/webhooks/stripe/lunch"
    kinds = tuple(handlers(settings))
    exam.endpoints([EndpointSeen(url=url, kinds=kinds, is_enabled=True, api_version=API_VERSION)])
    assert all(found.is_ok for found in exam.findings)


def test_the_sandboxs_account_and_endpoint_are_what_the_sdk_says(database: Database, settings: Settings) -> None:
    account("lunch")
    client = make.sdk(settings).v1
    account_body, endpoints, methods = (
        json.loads(str(found))
        for found in (
            client.accounts.retrieve_current(),
            client.webhook_endpoints.list(),
            client.payment_method_configurations.list(),
        )
    )
    capabilities = account_body.pop("capabilities")  # its class is one that the checker does not read
    assert (faults_of(account_body), faults_of(endpoints), faults_of(methods)) == ([], [], [])
    assert set(capabilities) <= set(stripe.Account.Capabilities.__annotations__)
