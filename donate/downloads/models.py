"""What is kept of a finished month, so that nothing of it is ever added up or hashed again."""

from datetime import date
from typing import Any

from sqlalchemy import CheckConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from donate.db import Base


class DownloadMonth(Base, kw_only=True):
    """A book's finished month in one format of the files; all of it follows from the leaves, so it is never changed.

    `trial` is the book's trial balance at the month's end, the text whose hash the month's last close leaf carries: the
    next month opens with it. `files` hold name, bytes and sha256 of each file, as the manifest has them.
    """

    __tablename__ = "download_month"
    __table_args__ = (CheckConstraint("octet_length(root) = 32", name="root"),)

    book_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    month: Mapped[date] = mapped_column(primary_key=True)  # its first day
    format: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    log_size: Mapped[int]  # with the month's last close leaf as its last
    root: Mapped[bytes]
    trial: Mapped[str]
    files: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
