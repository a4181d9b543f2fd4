"""Legal bodies: who holds a licence and the money, who runs the work, and what they agreed.

An organisation is named elsewhere by its `ref` (book.host, membership.organisation). Text that pages print comes as
`_zh` and `_en`.
"""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from donate.db import Base, Id


class Organisation(Base, kw_only=True):
    """A legal body: a *host* holds a licence to raise money and the money itself, a *partner* runs the work."""

    __tablename__ = "organisation"
    __table_args__ = (
        CheckConstraint("kind IN ('host', 'partner')", name="kind"),
        CheckConstraint("ref ~ '^[a-z0-9-]{1,40}$'", name="ref"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    ref: Mapped[str] = mapped_column(unique=True)  # public, in addresses
    kind: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    about_zh: Mapped[str] = mapped_column(default="")  # safe Markdown
    about_en: Mapped[str] = mapped_column(default="")
    credit_code: Mapped[str | None] = mapped_column(default=None)  # unified social credit code, 18 characters
    address_zh: Mapped[str] = mapped_column(default="")
    address_en: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")  # public
    email: Mapped[str] = mapped_column(default="")  # public
    registered_at: Mapped[datetime]


class Licence(Base, kw_only=True):
    """A host's public fundraising licence for one span of days. Renewing it adds a row."""

    __tablename__ = "licence"
    __table_args__ = (
        CheckConstraint("valid_from_on <= valid_to_on", name="span"),
        Index(None, "organisation_id", "valid_to_on"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    number: Mapped[str]
    issued_by_zh: Mapped[str] = mapped_column(default="")
    issued_by_en: Mapped[str] = mapped_column(default="")
    valid_from_on: Mapped[date]
    valid_to_on: Mapped[date]  # the last day on which it counts
    revoked_on: Mapped[date | None] = mapped_column(default=None)  # from this day on it counts no longer
    recorded_at: Mapped[datetime]


class Agreement(Base, kw_only=True):
    """The written agreement under which a host accepts a partner's campaigns, and its copy on file."""

    __tablename__ = "agreement"
    __table_args__ = (
        CheckConstraint("host_id <> partner_id", name="two_parties"),
        Index(None, "host_id", "partner_id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    host_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    partner_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    signed_on: Mapped[date]
    ends_on: Mapped[date | None] = mapped_column(default=None)
    document_sha256: Mapped[bytes | None] = mapped_column(default=None)
    recorded_at: Mapped[datetime]
