"""What start-up refuses, each in one line that names the variable."""

from pathlib import Path

import pytest

from donate.errors import BadSetting
from donate.settings import Settings, read_settings

KEY = "0123456789abcdef" * 2


def read(tmp_path: Path, **changes: str) -> Settings:
    return read_settings({"DONATE_INSTANCE": str(tmp_path), "DONATE_SECRET_KEY": KEY, "PATH": "/bin"} | changes)


def in_production(tmp_path: Path, **changes: str) -> Settings:
    given = {
        "DONATE_ENVIRONMENT": "production",
        "DONATE_BASE_URL": "https://give.example",
        "DONATE_DATABASE_URL": "postgresql://db/donate",
        "DONATE_STRIPE_LUNCH_KEY": "sk_live_1",
        "DONATE_STRIPE_LUNCH_WEBHOOK_SECRETS": "whsec_1",
    }
    return read(tmp_path, **(given | changes))


@pytest.mark.parametrize(
    "given", ["http://127.0.0.1:8000", "https://give.example", "https://give.example/", "http://[::1]:8000//"]
)
def test_a_public_address_is_scheme_host_and_port(tmp_path: Path, given: str) -> None:
    assert read(tmp_path, DONATE_BASE_URL=given).base_url == given.rstrip("/")


@pytest.mark.parametrize(
    "given",
    [
        "give.example",
        "//give.example",
        "ftp://give.example",
        "https://",
        "https:///donate",
        "https://give.example/donate",
        "https://give.example?",
        "https://give.example/?a=1",
        "https://give.example/#top",
        "https://give.example:port",
        "https://give.example:99999",
        "https://user:opensesame@give.example",
        "https://give.example evil.example",
        "https://give.example\n",
        "https://[::1",
    ],
)
def test_what_is_no_public_address_is_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(BadSetting, match=r"^Setting DONATE_BASE_URL: ") as refused:
        read(tmp_path, DONATE_BASE_URL=given)
    assert "\n" not in str(refused.value)
    assert "opensesame" not in str(refused.value)


def test_production_has_its_address_under_tls(tmp_path: Path) -> None:
    assert in_production(tmp_path).base_url == "https://give.example"
    with pytest.raises(BadSetting, match="https"):
        in_production(tmp_path, DONATE_BASE_URL="http://give.example")


@pytest.mark.parametrize("given", ["secret", KEY[:31], "x" * 64, "abab" * 16])
def test_a_key_that_can_be_guessed_signs_nothing_in_production(tmp_path: Path, given: str) -> None:
    with pytest.raises(BadSetting, match=r"^Setting DONATE_SECRET_KEY: can be guessed") as refused:
        in_production(tmp_path, DONATE_SECRET_KEY=given)
    assert given not in str(refused.value)
    assert read(tmp_path, DONATE_SECRET_KEY=given).secret_key == given


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("DONATE_BASEURL", "did you mean DONATE_BASE_URL?"),
        ("DONATE_TRUSTED_PROXY", "did you mean DONATE_TRUSTED_PROXIES?"),
        ("DONATE_STRIPE_LUNCH_WEBHOOK_SECRET", "did you mean DONATE_STRIPE_LUNCH_WEBHOOK_SECRETS?"),
        ("DONATE_STRIPE_SCHOOL_LUNCH_KEYS", "did you mean DONATE_STRIPE_SCHOOL_LUNCH_KEY?"),
        ("DONATE_X", "the README lists those that there are"),
        ("DONATE_PORT", "is not a setting"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_closest_that_there_is(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(BadSetting) as refused:
        read(tmp_path, **{name: "8001"})
    assert str(refused.value).startswith(f"Setting {name}: is not a setting; ")
    assert words in str(refused.value)


def test_what_a_cluster_says_of_its_services_is_no_setting(tmp_path: Path) -> None:
    said = {
        "DONATE_PORT": "tcp://10.0.0.7:8000",
        "DONATE_SERVICE_HOST": "10.0.0.7",
        "DONATE_SERVICE_PORT_HTTP": "8000",
        "DONATE_WEB_PORT_8000_TCP_ADDR": "10.0.0.7",
    }
    assert read(tmp_path, **said).base_url == "http://127.0.0.1:8000"
