"""The signed token in the give form. It stands in for a session: no cookie is set for a donor.

It carries the public id that the checkout will have, so a form sent twice meets the same checkout; the campaigns
that the form was for; and when the page was made.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from itsdangerous import BadData, URLSafeSerializer

from donate import clock
from donate.errors import N_, DonateError

LIFETIME = timedelta(hours=2)


class FormNotOurs(DonateError):
    """The token is missing, altered, or signed by somebody else."""

    sentence = N_("This form was changed on its way, so it was not used. Please look it over and send it again.")


class FormForOtherCampaign(DonateError):
    sentence = N_("This form was made for another campaign, so it was not used. Please look it over and send it again.")


class FormTooOld(DonateError):
    sentence = N_("This page was open for more than two hours. Please look it over and send it again.")


@dataclass(frozen=True, slots=True)
class FormToken:
    """What a token that we signed says."""

    checkout: UUID
    campaigns: tuple[str, ...]
    issued_at: datetime


def issue(secret_key: str, campaigns: Sequence[str]) -> str:
    """A fresh token for a form that gives to these campaigns."""
    facts = {"id": uuid4().hex, "c": list(campaigns), "at": int(clock.now().timestamp())}
    return str(_serializer(secret_key).dumps(facts))


def read(secret_key: str, token: str, campaigns: Sequence[str]) -> FormToken:
    """What the token says. Raises FormNotOurs, FormForOtherCampaign, FormTooOld."""
    try:
        facts = _serializer(secret_key).loads(token)
        read_token = FormToken(
            checkout=UUID(hex=facts["id"]),
            campaigns=tuple(facts["c"]),
            issued_at=datetime.fromtimestamp(facts["at"], UTC),
        )
    except (BadData, KeyError, TypeError, ValueError):
        raise FormNotOurs from None
    if read_token.campaigns != tuple(campaigns):
        raise FormForOtherCampaign
    if clock.now() - read_token.issued_at > LIFETIME:
        raise FormTooOld
    return read_token


def content_hash(secret_key: str, content: object) -> bytes:
    """A hash of everything typed, keyed so that erased names cannot be guessed back from it."""
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hmac.digest(secret_key.encode(), b"give form content\n" + canonical.encode(), hashlib.sha256)


def _serializer(secret_key: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret_key, salt="give form", signer_kwargs={"digest_method": hashlib.sha256})
