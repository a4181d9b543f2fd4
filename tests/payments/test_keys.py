"""Keys, modes and secrets that must not meet."""

from pathlib import Path
from typing import Any

import pytest
import stripe

from donate.errors import BadSetting
from donate.payments.merchants import SandboxClosed, gateway_for, require_usable
from donate.payments.sandbox import keys
from donate.payments.stripe import StripeGateway, client_for
from donate.settings import Settings, read_settings
from tests.payments import factories as make

LIVE, TEST = "sk_live_1234567890", "sk_test_1234567890"


def environment(tmp_path: Path, **changes: str) -> dict[str, str]:
    return {"DONATE_INSTANCE": str(tmp_path), "DONATE_SECRET_KEY": "0123456789abcdef" * 2, **changes}


def production(tmp_path: Path, **changes: str) -> dict[str, str]:
    return environment(
        tmp_path,
        DONATE_ENVIRONMENT="production",
        DONATE_BASE_URL="https://give.example",
        DONATE_DATABASE_URL="postgresql://db/donate",
        DONATE_STRIPE_LUNCH_KEY=LIVE,
        DONATE_STRIPE_LUNCH_WEBHOOK_SECRETS="whsec_new,whsec_old",
        **changes,
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DONATE_STRIPE_LUNCH_KEY", "", "is empty"),
        ("DONATE_STRIPE_LUNCH_KEY", "  ", "is empty"),
        ("DONATE_STRIPE_LUNCH_KEY", LIVE, "a live key wants"),
        ("DONATE_STRIPE_LUNCH_KEY", "rk_live_1", "a live key wants"),
        ("DONATE_STRIPE_LUNCH_KEY", "pk_test_1", "is no secret key"),
        ("DONATE_STRIPE_LUNCH_KEY", "whsec_1", "is no secret key"),
        ("DONATE_STRIPE_LUNCH_WEBHOOK_SECRETS", "sk_test_1", "webhook secret"),
    ],
)
def test_unsafe_keys_are_refused_at_the_start(tmp_path: Path, name: str, value: str, words: str) -> None:
    with pytest.raises(BadSetting) as caught:
        read_settings(environment(tmp_path, **{name: value}))
    assert name in str(caught.value)
    assert words in str(caught.value)
    assert "1234567890" not in str(caught.value)


def test_two_merchant_accounts_never_share_a_key_or_a_secret(tmp_path: Path) -> None:
    same_key = {"DONATE_STRIPE_LUNCH_KEY": TEST, "DONATE_STRIPE_NOISE_KEY": TEST}
    with pytest.raises(BadSetting, match="two merchant accounts"):
        read_settings(environment(tmp_path, **same_key))
    same_secret = {
        "DONATE_STRIPE_LUNCH_WEBHOOK_SECRETS": "whsec_1,whsec_2",
        "DONATE_STRIPE_NOISE_WEBHOOK_SECRETS": "whsec_2",
    }
    with pytest.raises(BadSetting, match="count twice"):
        read_settings(environment(tmp_path, **same_secret))


def test_production_takes_a_live_key_with_its_secrets(tmp_path: Path) -> None:
    assert not read_settings(production(tmp_path)).is_sandbox


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DONATE_STRIPE_LUNCH_KEY": TEST}, "a test key"),
        ({"DONATE_STRIPE_NOISE_KEY": f"{LIVE}2"}, "DONATE_STRIPE_NOISE_WEBHOOK_SECRETS"),
    ],
)
def test_production_refuses_what_would_fail_later(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        read_settings(production(tmp_path) | changes)


def test_production_refuses_the_sandbox(tmp_path: Path) -> None:
    given = production(tmp_path)
    del given["DONATE_STRIPE_LUNCH_KEY"]
    with pytest.raises(BadSetting, match="sandbox"):
        read_settings(given)
    with pytest.raises(SandboxClosed):
        gateway_for(make.merchant(), read_settings(production(tmp_path)))


@pytest.mark.parametrize(("key", "livemode"), [(LIVE, False), (TEST, True), ("", False), (" ", True)])
def test_the_client_refuses_an_empty_key_and_the_other_mode(key: str, livemode: bool) -> None:
    with pytest.raises(BadSetting):
        client_for(key, livemode)


def test_the_client_is_patient_but_not_for_ever() -> None:
    options = client_for(TEST, False)._requestor
    assert options._options.max_network_retries == 2
    assert options._client._timeout == (2, 10)
    assert stripe.enable_telemetry is False


def test_a_stripe_account_without_its_key_is_told(settings: Settings) -> None:
    account = make.merchant("school-lunch", provider="stripe")
    with pytest.raises(BadSetting, match="DONATE_STRIPE_SCHOOL_LUNCH_KEY"):
        gateway_for(account, settings)


def test_accounts_that_cannot_work_are_refused_at_the_start(tmp_path: Path) -> None:
    settings = read_settings(environment(tmp_path, DONATE_STRIPE_LUNCH_KEY=TEST))
    require_usable([make.merchant(provider="stripe")], settings)
    for account in (make.merchant(provider="stripe", livemode=True), make.merchant("noise", provider="stripe")):
        with pytest.raises(BadSetting):
            require_usable([account], settings)
    with pytest.raises(SandboxClosed):
        require_usable([make.merchant()], read_settings(production(tmp_path)))


def test_sandbox_keys_name_their_account_and_cannot_be_guessed(settings: Settings) -> None:
    key = keys.api_key(settings.secret_key, make.merchant("school_lunch-2"))
    found = keys.merchant_of(settings.secret_key, key)
    assert found == make.merchant("school_lunch-2")
    assert keys.merchant_of("another installation", key) is None
    assert keys.merchant_of(settings.secret_key, key.replace("mainland", "overseas")) is None
    assert keys.merchant_of(settings.secret_key, "") is None


def test_the_sandbox_never_is_a_live_account(settings: Settings) -> None:
    account: Any = make.merchant(livemode=True)
    with pytest.raises(BadSetting):
        gateway_for(account, settings)
    assert isinstance(gateway_for(make.merchant(), settings), StripeGateway)
