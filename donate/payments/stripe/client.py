"""The SDK's client, with patience and retries of our own choosing."""

import stripe

from donate.errors import BadSetting

# The SDK's own version on the day this was written. Pinned, so that an upgrade of the SDK changes no meaning unseen.
API_VERSION = "2026-10-28.endive"

CONNECT_SECONDS, READ_SECONDS = 2, 10

# Nothing about our requests is reported beside them. The SDK offers this only for the whole process.
stripe.enable_telemetry = False


def client_for(
    key: str,
    livemode: bool,
    http_client: stripe.HTTPClient | None = None,
    *,
    setting: str = "DONATE_STRIPE_<REF>_KEY",
) -> stripe.StripeClient:
    """The SDK with patience and retries of our own choosing. Raises BadSetting: the SDK itself takes an empty key."""
    if not key.strip():
        raise BadSetting(name=setting, problem="is empty")
    if key_is_live(key) != livemode:
        mode = "live" if livemode else "test"
        raise BadSetting(name=setting, problem=f"is no {mode} key, but its merchant account is {mode}")
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        max_network_retries=2,
        http_client=http_client or patient_client(),
    )


def patient_client() -> stripe.RequestsClient:
    """HTTP that waits as long as we want to wait, and no longer: the SDK's own would wait 80 seconds."""
    return stripe.RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS))


def key_is_live(key: str) -> bool:
    """Secret and restricted keys alike: sk_live_…, rk_live_…"""
    return "_live_" in key
