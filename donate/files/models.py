"""What is known of a stored file beside its bytes."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from donate.db import Base


class StoredFile(Base, kw_only=True):
    """A file as we keep it: re-encoded by us, named by the SHA-256 of the bytes that we serve.

    It belongs to nobody; the rows that point at it say who may see it.
    """

    __tablename__ = "stored_file"
    __table_args__ = (CheckConstraint("octet_length(sha256) = 32", name="sha256"),)

    sha256: Mapped[bytes] = mapped_column(primary_key=True)
    extension: Mapped[str]  # without a dot; names the content type that we serve
    byte_count: Mapped[int]
    width: Mapped[int | None]  # pixels; none for what is no picture
    height: Mapped[int | None]
    stored_at: Mapped[datetime]
