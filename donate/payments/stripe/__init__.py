"""The border itself: our Gateway spoken to Stripe through its official SDK, which only this package and the sandbox see."""

from donate.payments.stripe.client import API_VERSION, client_for, key_is_live, patient_client
from donate.payments.stripe.gateway import StripeGateway

__all__ = ["API_VERSION", "StripeGateway", "client_for", "key_is_live", "patient_client"]
