"""An installation refuses to start where a donation could not be paid."""

from pathlib import Path

import pytest

from donate.db import Database, Role, transaction
from donate.errors import BadSetting
from donate.giving.merchants import require_usable_accounts
from donate.ledger.books import open_book, open_merchant_account
from donate.payments.merchants import SandboxClosed
from donate.settings import Settings, read_settings


def account(ref: str, *, provider: str = "stripe", livemode: bool = False) -> None:
    with transaction(Role.OWNER) as session:
        mode = "live" if livemode else "sandbox"
        book = open_book(session, ref=ref, host=ref, currency="CNY", mode=mode, time_zone="Asia/Shanghai")
        open_merchant_account(
            session, book_id=book.id, ref=ref, provider=provider, livemode=livemode, tariff="overseas"
        )


def with_key(tmp_path: Path) -> Settings:
    return read_settings({"DONATE_INSTANCE": str(tmp_path), "DONATE_STRIPE_LUNCH_KEY": "sk_test_1"})


def test_accounts_with_their_keys_may_start(database: Database, tmp_path: Path) -> None:
    account("lunch")
    require_usable_accounts(with_key(tmp_path))


def test_an_account_without_a_key_may_not(database: Database, tmp_path: Path) -> None:
    account("lunch")
    account("noise")
    with pytest.raises(BadSetting, match="DONATE_STRIPE_NOISE_KEY"):
        require_usable_accounts(with_key(tmp_path))


def test_two_accounts_that_one_key_would_serve_may_not(database: Database, tmp_path: Path) -> None:
    account("lunch")
    account("Lunch")
    with pytest.raises(BadSetting, match="two merchant accounts, lunch and Lunch"):
        require_usable_accounts(with_key(tmp_path))


def test_a_live_account_with_a_test_key_may_not(database: Database, tmp_path: Path) -> None:
    account("lunch", livemode=True)
    with pytest.raises(BadSetting, match="DONATE_STRIPE_LUNCH_KEY: is no live key"):
        require_usable_accounts(with_key(tmp_path))


def test_the_sandbox_beside_a_key_may_not(database: Database, settings: Settings, tmp_path: Path) -> None:
    account("lunch", provider="sandbox")
    require_usable_accounts(settings)
    with pytest.raises(SandboxClosed):
        require_usable_accounts(with_key(tmp_path))
