"""The tree over the log's lines: its nodes, signed checkpoints, keys, and what is published of it."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from donate.db import Base


class LogNode(Base, kw_only=True):
    """The hash over a full tile of the level below; level 0 stands in the leaves themselves."""

    __tablename__ = "log_node"
    __table_args__ = (
        CheckConstraint("level BETWEEN 1 AND 7", name="level"),
        CheckConstraint("octet_length(hash) = 32", name="hash"),
    )

    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)  # heights 8, 16, 24, …
    node_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 0, from the left
    hash: Mapped[bytes]


class SignedCheckpoint(Base, kw_only=True):
    """What the log signed of itself at one size, verbatim; two for a size cannot be."""

    __tablename__ = "checkpoint"
    __table_args__ = (CheckConstraint("octet_length(root) = 32", name="root"),)

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes]
    note: Mapped[bytes]
    signed_at: Mapped[datetime]


class LogKey(Base, kw_only=True):
    """A public key under which the log signs, from its first checkpoint with it on."""

    __tablename__ = "log_key"

    vkey: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[str]
    added_at: Mapped[datetime]


class LogHead(Base, kw_only=True):
    """One row: how far the log is published. What is signed beyond it is in no reader's hands yet."""

    __tablename__ = "log_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    published_size: Mapped[int]


class BookClose(Base, kw_only=True):
    """How far a book's days are closed: the last `close` line, before which every entry is under one."""

    __tablename__ = "book_close"

    book_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    log_index: Mapped[int]
    day: Mapped[date]
