"""The SDK's values and errors in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import stripe

from donate.payments.gateway import (
    AmountRefused,
    NoSuchSession,
    ProviderKeyRefused,
    ProviderRefused,
    ProviderUnavailable,
    RefundRefused,
    SameKeyOtherRequest,
)


def id_of(named: object) -> str | None:
    """The id of what a field names, whether it was expanded or not."""
    found = named if isinstance(named, str) else getattr(named, "id", None)
    return found if isinstance(found, str) else None


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@contextmanager
def in_our_words() -> Iterator[None]:
    """The SDK's errors become our sentences here; their codes go along for the log, never for a donor."""
    try:
        yield
    except stripe.IdempotencyError as error:
        raise SameKeyOtherRequest(code=error.code) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise ProviderKeyRefused(code=error.code) from error
    except stripe.InvalidRequestError as error:
        raise _refusal(error.code) from error
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError) as error:
        raise ProviderUnavailable(code=error.code) from error
    except stripe.StripeError as error:
        raise ProviderRefused(code=error.code) from error


def _refusal(code: str | None) -> ProviderRefused:
    if code in ("amount_too_small", "amount_too_large"):
        return AmountRefused(code=code)
    if code == "resource_missing":
        return NoSuchSession(code=code)
    return ProviderRefused(code=code)


@contextmanager
def refunds_in_our_words() -> Iterator[None]:
    """What the provider refuses here is a refund, with its own sentence. A changed request keeps its own as well."""
    try:
        with in_our_words():
            yield
    except (SameKeyOtherRequest, ProviderKeyRefused):
        raise
    except ProviderRefused as error:
        raise RefundRefused(**error.facts) from error
