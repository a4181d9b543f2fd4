"""A message's body read into our own Event, without the SDK: the hot path of the webhook."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from donate.payments.gateway import Event, OtherAccountsEvent, UnreadableEvent


def read_event(body: bytes) -> Event:
    """The event in a body whose signature was checked before. Raises UnreadableEvent, OtherAccountsEvent."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):  # no JSON, no UTF-8, or nested beyond reason
        raise UnreadableEvent from None
    if not isinstance(message, dict) or message.get("object") != "event":
        raise UnreadableEvent
    if message.get("account") is not None:
        # An account's own messages lack this field; it marks those of another account connected to it.
        raise OtherAccountsEvent
    return _event(message)


def _event(message: dict[str, Any]) -> Event:
    data = message.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    event_id, kind, created = message.get("id"), message.get("type"), message.get("created")
    livemode = message.get("livemode")
    if not isinstance(subject, dict) or not isinstance(livemode, bool):
        raise UnreadableEvent
    if not isinstance(event_id, str) or not isinstance(kind, str) or not 0 < len(event_id) <= 255 or not kind:
        raise UnreadableEvent
    if "\0" in event_id or "\0" in kind or type(created) is not int or not 0 <= created < 1 << 33:
        raise UnreadableEvent
    return Event(
        id=event_id,
        kind=kind[:100],
        livemode=livemode,
        api_version=str(message.get("api_version") or "").replace("\0", ""),
        created_at=datetime.fromtimestamp(created, UTC),
        object_id=str(subject.get("id") or "").replace("\0", ""),
        object=subject,
        reference=reference_of(subject),
    )


def reference_of(subject: Mapping[str, Any]) -> UUID | None:
    """The checkout that a session, intent or charge belongs to: we wrote its public id on all three."""
    metadata = subject.get("metadata")
    noted = metadata.get("checkout") if isinstance(metadata, Mapping) else None
    return as_uuid(subject.get("client_reference_id") or noted)


def recurring_of(subject: Mapping[str, Any]) -> UUID | None:
    """The standing promise that a subscription or an invoice belongs to: we wrote its public id on the former."""
    parent = subject.get("parent")
    details = parent.get("subscription_details") if isinstance(parent, Mapping) else None
    holder = details if isinstance(details, Mapping) else subject
    metadata = holder.get("metadata")
    return as_uuid(metadata.get("recurring")) if isinstance(metadata, Mapping) else None


def as_uuid(given: object) -> UUID | None:
    """A UUID from text, or None: other software may use the same merchant account with references of its own."""
    if not isinstance(given, str):
        return None
    try:
        return UUID(given)
    except ValueError:
        return None
