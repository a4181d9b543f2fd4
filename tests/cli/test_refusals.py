"""What the real command refuses to start with: one line each, naming the setting."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from donate import create_app
from donate.cli.commands import donate
from donate.db import Database, Role, transaction
from donate.errors import BadSetting
from donate.ledger.books import open_book, open_merchant_account
from tests.cli.factories import clean_environment, free_port

LIVE = {
    "DONATE_ENVIRONMENT": "production",
    "DONATE_BASE_URL": "https://donate.example.org",
    "DONATE_SECRET_KEY": "0123456789abcdef0123456789abcdef",
    "DONATE_STRIPE_LUNCH_KEY": "sk_live_1",
    "DONATE_STRIPE_LUNCH_WEBHOOK_SECRETS": "whsec_1",
}
Refused = Callable[..., str]


def account(ref: str, *, host: str | None = None, provider: str = "stripe", livemode: bool = True) -> None:
    with transaction(Role.OWNER) as session:
        mode = "live" if livemode else "sandbox"
        book = open_book(session, ref=ref, host=host or ref, currency="CNY", mode=mode, time_zone="Asia/Shanghai")
        open_merchant_account(
            session, book_id=book.id, ref=ref, provider=provider, livemode=livemode, tariff="overseas"
        )


@pytest.fixture
def served(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`donate serve` with an environment of its own, which must not come as far as starting anything."""

    def serve(**environ: str) -> Result:
        complete = clean_environment(DONATE_INSTANCE=str(tmp_path), DONATE_DATABASE_URL=database.url, **environ)
        for name, value in complete.items():
            monkeypatch.setenv(name, value)

        def started(*_: object) -> None:
            raise AssertionError("it started")

        monkeypatch.setattr("donate.processes.Parent.run", started)
        return CliRunner().invoke(donate, ["serve", "--port", str(free_port())])

    return serve


@pytest.fixture
def refused(served: Callable[..., Result]) -> Refused:
    def refuse(**environ: str) -> str:
        answer = served(**environ)
        said = answer.output.strip()
        assert (answer.exit_code, len(said.splitlines())) == (1, 1), said
        return said

    return refuse


def test_a_whole_live_installation_may_start(served: Callable[..., Result]) -> None:
    account("lunch")
    assert isinstance(served(**LIVE).exception, AssertionError)


WITHOUT_DATABASE = {
    "a live key in development": ({"DONATE_STRIPE_LUNCH_KEY": "sk_live_1"}, "DONATE_STRIPE_LUNCH_KEY"),
    "a restricted live key in development": ({"DONATE_STRIPE_LUNCH_KEY": "rk_live_1"}, "DONATE_STRIPE_LUNCH_KEY"),
    "live keys with Flask's debugger": ({**LIVE, "FLASK_DEBUG": "1"}, "FLASK_DEBUG"),
    "production with the sandbox": (
        {name: value for name, value in LIVE.items() if "STRIPE" not in name},
        "DONATE_ENVIRONMENT",
    ),
    "a test key in production": ({**LIVE, "DONATE_STRIPE_LUNCH_KEY": "sk_test_1"}, "DONATE_STRIPE_LUNCH_KEY"),
    "a publishable key": ({**LIVE, "DONATE_STRIPE_LUNCH_KEY": "pk_live_1"}, "DONATE_STRIPE_LUNCH_KEY"),
    "an empty key": ({**LIVE, "DONATE_STRIPE_LUNCH_KEY": ""}, "DONATE_STRIPE_LUNCH_KEY"),
    "a key of blanks": ({**LIVE, "DONATE_STRIPE_LUNCH_KEY": "  "}, "DONATE_STRIPE_LUNCH_KEY"),
    "no webhook secret": (
        {name: value for name, value in LIVE.items() if "WEBHOOK" not in name},
        "DONATE_STRIPE_LUNCH_WEBHOOK_SECRETS",
    ),
    "an empty webhook secret": (
        {**LIVE, "DONATE_STRIPE_LUNCH_WEBHOOK_SECRETS": ""},
        "DONATE_STRIPE_LUNCH_WEBHOOK_SECRETS",
    ),
    "only commas for webhook secrets": (
        {**LIVE, "DONATE_STRIPE_LUNCH_WEBHOOK_SECRETS": ",,"},
        "DONATE_STRIPE_LUNCH_WEBHOOK_SECRETS",
    ),
    "one key for two hosts": (
        {**LIVE, "DONATE_STRIPE_OTHER_KEY": "sk_live_1", "DONATE_STRIPE_OTHER_WEBHOOK_SECRETS": "whsec_2"},
        "KEY",
    ),
    "one webhook secret for two hosts": (
        {**LIVE, "DONATE_STRIPE_OTHER_KEY": "sk_live_2", "DONATE_STRIPE_OTHER_WEBHOOK_SECRETS": "whsec_1"},
        "WEBHOOK_SECRETS",
    ),
    "plain http": ({**LIVE, "DONATE_BASE_URL": "http://donate.example.org"}, "DONATE_BASE_URL"),
    "a challenge that is none": ({**LIVE, "DONATE_CHALLENGE": "nothing"}, "DONATE_CHALLENGE"),
}


@pytest.mark.parametrize("name", WITHOUT_DATABASE)
def test_serve_refuses_unsafe_settings(refused: Refused, name: str) -> None:
    environ, setting = WITHOUT_DATABASE[name]
    said = refused(**environ)
    assert said.startswith("Error: Setting DONATE_STRIPE_") or f"Setting {setting}:" in said
    assert setting in said
    assert "_live_1" not in said, "a key is never told"


@pytest.mark.parametrize("name", WITHOUT_DATABASE)
def test_an_application_refuses_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    environ, setting = WITHOUT_DATABASE[name]
    for variable, value in clean_environment(DONATE_INSTANCE=str(tmp_path), **environ).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("DONATE_DATABASE_URL", database.url)
    with pytest.raises(BadSetting, match=setting):
        create_app()


def test_a_merchant_account_without_a_key(refused: Refused) -> None:
    account("lunch")
    account("noodles")
    assert "DONATE_STRIPE_NOODLES_KEY: is missing" in refused(**LIVE)


def test_a_live_key_for_an_account_of_a_test_book(refused: Refused) -> None:
    account("lunch", livemode=False)
    assert "DONATE_STRIPE_LUNCH_KEY: is no test key, but its merchant account is test" in refused(**LIVE)


def test_a_test_key_for_an_account_of_a_live_book(refused: Refused) -> None:
    account("lunch")
    said = refused(DONATE_STRIPE_LUNCH_KEY="sk_test_1")
    assert "DONATE_STRIPE_LUNCH_KEY: is no live key, but its merchant account is live" in said


def test_a_sandbox_account_in_production(refused: Refused) -> None:
    account("lunch")
    account("play", provider="sandbox", livemode=False)
    assert "DONATE_STRIPE_…_KEY" in refused(**LIVE)


def test_two_hosts_whose_accounts_one_key_would_serve(refused: Refused) -> None:
    account("lunch")
    account("Lunch")
    assert "DONATE_STRIPE_LUNCH_KEY: would serve two merchant accounts, lunch and Lunch" in refused(**LIVE)


def test_two_hosts_in_one_book_of_keys_each_bring_their_own(served: Callable[..., Result]) -> None:
    account("lunch")
    account("noodles")
    both = {**LIVE, "DONATE_STRIPE_NOODLES_KEY": "sk_live_2", "DONATE_STRIPE_NOODLES_WEBHOOK_SECRETS": "whsec_2"}
    assert isinstance(served(**both).exception, AssertionError)
