"""Where the flow of payments is tried: the sandbox always, and the real Stripe API where STRIPE_TEST_KEY is set.

What stands for a person or for time differs, and only that:

- *Paying a hosted page* needs a person with a browser: on the sandbox an outcome is chosen in its place. At Stripe the same charge
  is made by a confirmed payment intent with one of Stripe's test cards, so that a session which becomes `paid` is never seen here.
- *Wallets* want their own page or phone: only opening a session with one is tried there.
- *Messages* are sent to a public address, which a test has not: they are fetched, signed by us and read. Whether Stripe's own
  signature under an endpoint's own secret is believed, its first delivery shows.
- *Payouts*, *months of a standing promise* and *the issuer's warnings* take days; bank statements need a bank.

.github/GO_LIVE.md lists what an operator tries by hand for these. Everything made at Stripe carries metadata of its own, and
no test changes a setting of the account.
"""

import os
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol, TypeVar
from uuid import uuid4

import pytest
import stripe

from donate import clock
from donate.db import transaction
from donate.payments.gateway import Gateway, MerchantRef
from donate.payments.merchants import gateway_for
from donate.payments.sandbox import disputes, keys
from donate.payments.stripe import StripeGateway, client_for
from donate.settings import Settings
from tests.payments import factories as make

KEY = "STRIPE_TEST_KEY"
SANDBOX, REAL = "sandbox", "real Stripe API"
PATIENCE_SECONDS = 60
Seen = TypeVar("Seen")


class Stage(Protocol):
    """One merchant account at one provider, and what a person or time does there."""

    merchant: MerchantRef
    gateway: Gateway
    client: stripe.StripeClient
    webhook_secret: str

    def paid_charge(self, amount_minor: int) -> str:
        """The id of a charge by card that was paid a moment ago."""
        ...

    def disputed_charge(self, amount_minor: int) -> str:
        """The id of a charge whose holder disputes it."""
        ...

    def eventually(self, look: Callable[[], Seen | None]) -> Seen:
        """What `look` finds, once the provider has come to it."""
        ...


class SandboxStage:
    def __init__(self, settings: Settings) -> None:
        self.merchant = make.merchant()
        self.gateway = gateway_for(self.merchant, settings)
        self.client = make.sdk(settings)
        self.webhook_secret = keys.webhook_secret(settings.secret_key, self.merchant.ref)
        self._settings = settings

    def paid_charge(self, amount_minor: int) -> str:
        return make.paid_charge(self._settings, amount_minor)

    def disputed_charge(self, amount_minor: int) -> str:
        charge_id = self.paid_charge(amount_minor)
        with transaction() as own:
            disputes.open_dispute(own, self.merchant.ref, charge_id)
        return charge_id

    def eventually(self, look: Callable[[], Seen | None]) -> Seen:
        """A few of its seconds later: the sandbox's time is played."""
        with clock.frozen_at(clock.now() + timedelta(seconds=5)):
            found = look()
        assert found is not None, "the sandbox never came to it"
        return found


class RealStage:
    """An account at Stripe in test mode. Nothing here has ever seen a live key: see `given_key`."""

    webhook_secret = "whsec_of_this_test_only"

    def __init__(self, key: str) -> None:
        self.merchant = make.merchant("real", provider="stripe", tariff="overseas")
        self.client = client_for(key, False, setting=KEY)
        self.gateway = StripeGateway(self.merchant, self.client, (self.webhook_secret,))

    def paid_charge(self, amount_minor: int) -> str:
        return self._charge(amount_minor, "pm_card_visa")

    def disputed_charge(self, amount_minor: int) -> str:
        return self._charge(amount_minor, "pm_card_createDispute")

    def _charge(self, amount_minor: int, card: str) -> str:
        intent = self.client.v1.payment_intents.create(
            {
                "amount": amount_minor,
                "currency": "cny",
                "payment_method": card,
                "payment_method_types": ["card"],
                "confirm": True,
                "metadata": {"checkout": str(uuid4())},
            }
        )
        charge = intent.latest_charge
        assert isinstance(charge, str), intent.status
        return charge

    def eventually(self, look: Callable[[], Seen | None]) -> Seen:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while (found := look()) is None:
            assert time.monotonic() < give_up_at, f"did not happen within {PATIENCE_SECONDS} seconds"
            time.sleep(1)
        return found


def given_key(environ: Mapping[str, str] = os.environ) -> str | None:
    """The key of a real account in test mode, where one is given. Raises UsageError for any other kind of key."""
    key = environ.get(KEY)
    if key is None:
        return None
    if "_live_" in key:
        raise pytest.UsageError(f"{KEY} IS A LIVE KEY: these tests make charges. Nothing was run. Set a test key.")
    if not key.startswith(("sk_test_", "rk_test_")):
        raise pytest.UsageError(f"{KEY} is no secret key in test mode (sk_test_… or rk_test_…). Nothing was run.")
    return key


def stages() -> list[str]:
    """Which stages there are in this run."""
    return [SANDBOX] if given_key() is None else [SANDBOX, REAL]


def summary(reports: Mapping[str, list[pytest.TestReport]]) -> str:
    """One line for the end of every run: whether the real API was asked, and how that went."""
    if given_key() is None:
        return f"{REAL}: not run, {KEY} is not set"
    counts = {
        outcome: sum(f"[{REAL}" in getattr(report, "nodeid", "") for report in reports.get(outcome, ()))
        for outcome in ("passed", "failed", "error", "skipped")
    }
    if not any(counts.values()):
        return f"{REAL}: not run, none of its tests was chosen"
    return f"{REAL}: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
