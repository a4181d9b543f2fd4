"""Tables of the border: the provider's messages, and the sandbox's own small world."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from donate.db import Base, Id


class ProviderEvent(Base, kw_only=True):
    """A verified message from the provider, stored once, before anything is done about it."""

    __tablename__ = "provider_event"
    __table_args__ = (
        UniqueConstraint("merchant", "event_id"),
        CheckConstraint("outcome IN ('new', 'handled', 'ignored', 'failed')", name="outcome"),
        Index(
            "provider_event_waiting_ix",
            "next_attempt_at",
            postgresql_where=text("outcome IN ('new', 'failed')"),
        ),
        Index("provider_event_received_at_ix", "received_at", postgresql_using="brin"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    merchant: Mapped[str] = mapped_column(Text)  # the merchant account's ref
    event_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    api_version: Mapped[str] = mapped_column(Text)
    object_id: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes]  # as it was signed; emptied long after it was handled
    occurred_at: Mapped[datetime]
    received_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime]  # when the job may take it up, unless it was handled before
    outcome: Mapped[str] = mapped_column(Text, default="new")
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text, default=None)  # the class only: messages may hold names
    # Fetched by us, since the provider's own delivery never arrived. The default is the database's: the hot path's
    # statement does not name it.
    was_pulled: Mapped[bool] = mapped_column(server_default=text("false"), default=False)


class SandboxObject(Base, kw_only=True):
    """One object of the sandbox (a session, an intent, a charge, an event…) as its API shows it."""

    __tablename__ = "sandbox_object"
    __table_args__ = (
        UniqueConstraint("merchant", "object_id"),
        Index("sandbox_object_merchant_kind_number_ix", "merchant", "kind", "number"),
        Index("sandbox_object_ripe_at_ix", "ripe_at", postgresql_where=text("ripe_at IS NOT NULL")),
    )

    number: Mapped[Id] = mapped_column(init=False)  # the order of creation, which its lists follow
    merchant: Mapped[str] = mapped_column(Text)
    object_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    private: Mapped[dict[str, Any]] = mapped_column(JSONB)  # what its API does not show: lines, tariff, disturbances
    created_at: Mapped[datetime]
    ripe_at: Mapped[datetime | None] = mapped_column(default=None)  # when time itself changes it: expiry, fee


class SandboxReply(Base, kw_only=True):
    """The answer to a request that carried an idempotency key, replayed when the key comes again."""

    __tablename__ = "sandbox_reply"

    merchant: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    request_sha256: Mapped[bytes]
    status: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    request_id: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class SandboxDelivery(Base, kw_only=True):
    """One attempt-until-taken to hand an event to the webhook path."""

    __tablename__ = "sandbox_delivery"
    __table_args__ = (Index("sandbox_delivery_due_at_ix", "due_at", postgresql_where=text("delivered_at IS NULL")),)

    id: Mapped[Id] = mapped_column(init=False)
    merchant: Mapped[str] = mapped_column(Text)
    event_id: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    due_at: Mapped[datetime]
    lost_first: Mapped[int] = mapped_column(default=0)  # so many first attempts are lost on the way
    attempts: Mapped[int] = mapped_column(default=0)
    last_status: Mapped[int | None] = mapped_column(default=None)
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)
