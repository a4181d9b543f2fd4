"""What was erased for whom: by ids of rows that name nobody any more, so that this itself may stay.

User ids are plain numbers, so that a user can be erased while what they did stays.
"""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from donate import clock
from donate.db import Base, Id


class SubjectKind(StrEnum):
    """What of a donor an erasure is about."""

    CHECKOUT = "checkout"
    RECORDED = "recorded"
    LARGE = "large"
    COMPLAINT = "complaint"


class Erasure(Base, kw_only=True):
    """One donor's data, erased by staff; open while a law keeps some of it, or more of it may still arrive."""

    __tablename__ = "erasure"

    id: Mapped[Id] = mapped_column(init=False)
    asked_by: Mapped[int]
    asked_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    # Something of it could not be erased yet, such as a message that nobody has handled: looked at every night.
    is_waiting: Mapped[bool] = mapped_column(default=False)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (Index("erasure_open_ix", "id", postgresql_where="closed_at IS NULL"),)


class ErasureSubject(Base, kw_only=True):
    """A checkout, recorded donation, large request or complaint of that donor."""

    __tablename__ = "erasure_subject"

    kind: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    erasure_id: Mapped[int] = mapped_column(ForeignKey("erasure.id"))

    __table_args__ = (
        CheckConstraint("kind IN ('checkout', 'recorded', 'large', 'complaint')", name="kind"),
        Index(None, "erasure_id"),
    )


class ErasureHold(Base, kw_only=True):
    """A row that a rule keeps, and the day on which it is erased; fixed when the donor's data was erased."""

    __tablename__ = "erasure_hold"

    erasure_id: Mapped[int] = mapped_column(ForeignKey("erasure.id"), primary_key=True, autoincrement=False)
    place: Mapped[str] = mapped_column(primary_key=True)
    row_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rule: Mapped[str]
    erase_on: Mapped[date]
    erased_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (Index("erasure_hold_due_ix", "erase_on", postgresql_where="erased_at IS NULL"),)


class ErasureStep(Base, kw_only=True):
    """How many rows of one place were erased, when and by whom (nobody: the nightly job). Never changed."""

    __tablename__ = "erasure_step"

    id: Mapped[Id] = mapped_column(init=False)
    erasure_id: Mapped[int] = mapped_column(ForeignKey("erasure.id"))
    place: Mapped[str]
    row_count: Mapped[int]
    user_id: Mapped[int | None] = mapped_column(default=None)
    at: Mapped[datetime] = mapped_column(default_factory=clock.now)

    __table_args__ = (CheckConstraint("row_count > 0", name="row_count"), Index(None, "erasure_id", "id"))
