"""`donate sandbox serve`, the real command in a process of its own."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
import stripe

from donate.db import Database, Role, transaction
from donate.ledger.books import open_book, open_merchant_account
from donate.payments.stripe import API_VERSION
from donate.settings import Settings
from tests.cli.factories import clean_environment
from tests.payments import factories as make


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command(port: int) -> list[str]:
    return [sys.executable, "-m", "donate.cli", "sandbox", "serve", "--port", str(port)]


@pytest.fixture
def environ(database: Database, settings: Settings) -> dict[str, str]:
    own = {"DONATE_INSTANCE": str(settings.instance), "DONATE_SECRET_KEY": settings.secret_key}
    return clean_environment(**own, DONATE_DATABASE_URL=database.url, PYTHONUNBUFFERED="1")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def served(environ: dict[str, str], port: int) -> Iterator[subprocess.Popen[str]]:
    with transaction(Role.OWNER) as session:
        book = open_book(session, ref="lunch", host="lunch", currency="CNY", mode="sandbox", time_zone="Asia/Shanghai")
        open_merchant_account(
            session, book_id=book.id, ref="lunch", provider="sandbox", livemode=False, tariff="mainland"
        )
    process = subprocess.Popen(command(port), env=environ, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_it_prints_address_and_keys_answers_the_sdk_and_ends_by_a_signal(
    served: subprocess.Popen[str], port: int
) -> None:
    assert served.stdout is not None
    assert f"http://127.0.0.1:{port} " in served.stdout.readline()
    merchant, _, key = served.stdout.readline().strip().partition(": ")
    assert merchant == "lunch"
    address = f"http://127.0.0.1:{port}"
    client = stripe.StripeClient(key, base_addresses={"api": address}, stripe_version=API_VERSION)
    made = client.v1.checkout.sessions.create(make.sdk_params())
    assert client.v1.checkout.sessions.retrieve(made.id).id == made.id
    served.send_signal(signal.SIGTERM)
    assert served.wait(timeout=20) == 0


def refused(environ: dict[str, str], port: int) -> str:
    ran = subprocess.run(command(port), env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1, ran
    return ran.stderr


def test_where_a_key_of_a_provider_is_set_it_is_refused(environ: dict[str, str], port: int) -> None:
    key = {"DONATE_STRIPE_LUNCH_KEY": "sk_test_" + "4eC39HqLyjWD"}
    assert "The sandbox does not run in production" in refused(environ | key, port)


def test_in_production_it_is_refused(environ: dict[str, str], port: int) -> None:
    live = {
        "DONATE_ENVIRONMENT": "production",
        "DONATE_BASE_URL": "https://donate.example.org",
        "DONATE_SECRET_KEY": "0123456789abcdef0123456789abcdef",
        "DONATE_STRIPE_LUNCH_KEY": "sk_live_" + "4eC39HqLyjWD",
        "DONATE_STRIPE_LUNCH_WEBHOOK_SECRETS": "whsec_1",
    }
    assert "The sandbox does not run in production" in refused(environ | live, port)


def test_a_taken_port_is_told(environ: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "is taken by another program" in refused(environ, taken.getsockname()[1])
