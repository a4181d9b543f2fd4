"""Which gateway serves a merchant account: Stripe with its own key, or the sandbox."""

from collections.abc import Iterable
from functools import lru_cache

from donate.errors import N_, BadSetting, DonateError
from donate.payments.gateway import Gateway, MerchantRef
from donate.payments.sandbox import keys
from donate.payments.sandbox.client import SandboxClient
from donate.payments.stripe import StripeGateway, client_for
from donate.settings import Settings


class SandboxClosed(DonateError):
    """A book of the sandbox meets an installation that has keys of a provider: the two are never mixed."""

    sentence = N_(
        "This book belongs to the sandbox, and here a key of a payment provider is set (DONATE_STRIPE_…_KEY); the two "
        "are never mixed."
    )
    status = 409


def gateway_for(merchant: MerchantRef, settings: Settings) -> Gateway:
    """The way to the provider of this account. Kept per account, since the SDK's client holds its connections.

    Raises BadSetting when its key is missing or of the other mode, SandboxClosed where keys are set.
    """
    if merchant.provider == "sandbox":
        if not settings.is_sandbox:
            raise SandboxClosed
        return _sandbox_gateway(merchant, settings.secret_key, settings.base_url)
    name = _name_of(merchant)
    setting = f"DONATE_STRIPE_{name.upper()}_KEY"
    key = settings.stripe_keys.get(name)
    if key is None:
        raise BadSetting(name=setting, problem="is missing")
    return _stripe_gateway(merchant, key, settings.stripe_webhook_secrets.get(name, ()), setting)


def _name_of(merchant: MerchantRef) -> str:
    """As the environment's names have it."""
    return merchant.ref.lower().replace("-", "_")


def setting_of(merchant: MerchantRef, kind: str | None = None) -> str:
    """The name of the account's setting of this kind (KEY, WEBHOOK_SECRETS); without one, what settings know it by."""
    name = _name_of(merchant)
    return name if kind is None else f"DONATE_STRIPE_{name.upper()}_{kind}"


def require_usable(merchants: Iterable[MerchantRef], settings: Settings) -> None:
    """Refuse at start-up what would fail at the first donation. Raises BadSetting or SandboxClosed."""
    held: dict[str, str] = {}
    for merchant in merchants:
        gateway_for(merchant, settings)
        if merchant.provider == "stripe" and held.setdefault(_name_of(merchant), merchant.ref) != merchant.ref:
            raise BadSetting(
                name=f"DONATE_STRIPE_{_name_of(merchant).upper()}_KEY",
                problem=f"would serve two merchant accounts, {held[_name_of(merchant)]} and {merchant.ref}",
            )


@lru_cache(maxsize=64)
def _sandbox_gateway(merchant: MerchantRef, secret_key: str, base_url: str) -> Gateway:
    client = client_for(keys.api_key(secret_key, merchant), merchant.livemode, SandboxClient(secret_key, base_url))
    return StripeGateway(merchant, client, (keys.webhook_secret(secret_key, merchant.ref),))


@lru_cache(maxsize=64)
def _stripe_gateway(merchant: MerchantRef, key: str, secrets: tuple[str, ...], setting: str) -> Gateway:
    return StripeGateway(merchant, client_for(key, merchant.livemode, setting=setting), secrets)
