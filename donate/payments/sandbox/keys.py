"""The sandbox's keys and webhook secrets: derived from the installation's secret, so that none is stored or shipped."""

import hmac
from hashlib import sha256

from donate.payments.gateway import MerchantRef


def api_key(secret_key: str, merchant: MerchantRef) -> str:
    """A test key that names its merchant account and tariff: `sk_test_<proof>_<tariff>_<ref>`."""
    return f"sk_test_{_proof(secret_key, 'key', merchant.tariff, merchant.ref)}_{merchant.tariff}_{merchant.ref}"


def webhook_secret(secret_key: str, ref: str) -> str:
    return f"whsec_{_proof(secret_key, 'webhook', '', ref)}"


def merchant_of(secret_key: str, key: str) -> MerchantRef | None:
    """The account that a key was made for; None when it was not made here."""
    parts = key.split("_", 4)
    if len(parts) != 5 or parts[:2] != ["sk", "test"]:
        return None
    proof, tariff, ref = parts[2:]
    if not hmac.compare_digest(proof.encode(), _proof(secret_key, "key", tariff, ref).encode()):
        return None
    return MerchantRef(ref=ref, provider="sandbox", livemode=False, tariff=tariff)


def _proof(secret_key: str, purpose: str, tariff: str, ref: str) -> str:
    message = "\0".join(("donate sandbox", purpose, tariff, ref))
    return hmac.new(secret_key.encode(), message.encode(), sha256).hexdigest()[:40]
