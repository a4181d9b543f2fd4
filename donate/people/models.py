"""Users, their memberships in organisations, and the counters behind every limit."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from donate import clock
from donate.db import Base, Id


class GlobalRole(StrEnum):
    """What a user may do on the whole installation."""

    ADMIN = "admin"
    AUDITOR = "auditor"


class MembershipRole(StrEnum):
    """What a user may do for one organisation."""

    OWNER = "owner"
    EDITOR = "editor"
    TREASURER = "treasurer"
    REVIEWER = "reviewer"


class User(Base, kw_only=True):
    """Somebody who can sign in: an organiser, a reviewer, staff. Donors need not be one."""

    __tablename__ = "users"  # not `user`, which PostgreSQL reserves
    __table_args__ = (
        UniqueConstraint("public_id"),
        UniqueConstraint("email"),
        CheckConstraint("email = lower(email)", name="email_is_lower"),
        CheckConstraint("role IN ('admin', 'auditor')", name="role_is_known"),
        CheckConstraint("locale IN ('zh', 'en')", name="locale_is_known"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    # The only name of a user in addresses, cookies and log lines.
    public_id: Mapped[UUID] = mapped_column(default_factory=uuid4)
    email: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    # Argon2's own text with its parameters; without one the user cannot sign in by password.
    password_hash: Mapped[str | None] = mapped_column(Text, default=None)
    role: Mapped[str | None] = mapped_column(Text, default=None)
    locale: Mapped[str] = mapped_column(Text, default="zh")
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    # Raised to end every session of the user at once.
    session_version: Mapped[int] = mapped_column(default=1)


class Membership(Base, kw_only=True):
    """One role of a user in one organisation, named by its public reference; a user may have several."""

    __tablename__ = "membership"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'editor', 'treasurer', 'reviewer')", name="role_is_known"),
        Index(None, "organisation"),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    organisation: Mapped[str] = mapped_column(Text, primary_key=True)
    role: Mapped[str] = mapped_column(Text, primary_key=True)
    since_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class LimitCount(Base, kw_only=True):
    """How often something guarded was tried by one key in one stretch of time. The key is only kept as a keyed hash."""

    __tablename__ = "limit_count"
    __table_args__ = (
        CheckConstraint("count > 0", name="count_is_positive"),
        Index(None, "ends_at"),
    )

    scope: Mapped[str] = mapped_column(Text, primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    begins_at: Mapped[datetime] = mapped_column(primary_key=True)
    ends_at: Mapped[datetime] = mapped_column()
    count: Mapped[int] = mapped_column()
