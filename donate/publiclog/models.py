"""The public log's lines and the sequencer's one row."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from donate.db import Base


class LogLeaf(Base, kw_only=True):
    """One line of the public log, stored verbatim once and never made anew.

    `leaf` is the truth; the other columns repeat parts of it so that lines can be found. `entry_id` has no foreign
    key: entries are never deleted, and the check would lock every entry's row once more.
    """

    __tablename__ = "log_leaf"
    __table_args__ = (
        CheckConstraint("kind IN ('entry', 'open', 'document', 'day', 'close')", name="kind"),
        CheckConstraint("(kind = 'entry') = (entry_id IS NOT NULL)", name="entry"),
        CheckConstraint("(kind = 'open') = (opens IS NOT NULL)", name="opens"),
        CheckConstraint("octet_length(leaf) <= 1024", name="leaf"),
        CheckConstraint("octet_length(leaf_hash) = 32", name="leaf_hash"),
        Index("log_leaf_entry_id_ix", "entry_id", unique=True, postgresql_where=text("entry_id IS NOT NULL")),
        Index("log_leaf_opens_ix", "opens", unique=True, postgresql_where=text("opens IS NOT NULL")),
        Index("log_leaf_reference_ix", "reference", "log_index", postgresql_where=text("reference IS NOT NULL")),
        # What opens and closes a book, among a thousand entries for each.
        Index("log_leaf_other_ix", "book_id", "log_index", postgresql_where=text("kind <> 'entry'")),
        Index(None, "campaign", "log_index"),
        Index(None, "reason", "log_index"),
        Index(None, "month", "log_index"),
    )

    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 0, without a gap
    entry_id: Mapped[int | None]
    book_id: Mapped[int]
    kind: Mapped[str]
    opens: Mapped[str | None]  # what an `open` leaf opens, such as account:yunxi-cny:bank
    campaign: Mapped[str | None]
    reason: Mapped[str | None]
    reference: Mapped[str | None]  # the leaf's `ref` or `settle`
    day: Mapped[date]
    month: Mapped[date]  # the first of the day's month
    leaf: Mapped[bytes]
    leaf_hash: Mapped[bytes]


class Sequencer(Base, kw_only=True):
    """The one row that a pass locks: who holds it is the sequencer, and a second one waits."""

    __tablename__ = "sequencer"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    next_index: Mapped[int]
    floor_entry_id: Mapped[int]  # where reading the queue begins; below it only late commits can wait
    passed_at: Mapped[datetime]  # when the last pass ran
