"""The stock row of a host's fee-cover fund."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from donate.db import Base


class CoverStock(Base, kw_only=True):
    """Stock row: what a book's fee-cover fund still holds, of every entry. Tied to the ledger by a check."""

    __tablename__ = "cover_stock"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "book_id"], ["account.id", "account.book_id"]),
        CheckConstraint("available_minor >= 0", name="available_minor"),
    )

    account_id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int]
    available_minor: Mapped[int]
