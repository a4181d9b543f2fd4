"""The charity's bank statement as its treasurer uploaded it, and what each line was matched with."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from donate import clock
from donate.db import Base, Id
from donate.errors import N_


class BankMatch(StrEnum):
    """What a bank line is. `sentence` is what the treasurer reads."""

    SETTLEMENT = "settlement"
    SETTLEMENT_RETURNED = "settlement_returned"
    RECORDED_DONATION = "recorded_donation"
    RECORDED_BATCH = "recorded_batch"
    RECORDED_REFUND = "recorded_refund"
    RECORDED_REFUND_RETURNED = "recorded_refund_returned"
    COVER_FILL = "cover_fill"
    DISBURSEMENT = "disbursement"
    DISBURSEMENT_RETURNED = "disbursement_returned"
    BANK_CHARGE = "bank_charge"
    INTEREST = "interest"
    EXPLAINED = "explained"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    BankMatch.SETTLEMENT: N_("Settlement of the payment provider"),
    BankMatch.SETTLEMENT_RETURNED: N_("A settlement that the bank turned back"),
    BankMatch.RECORDED_DONATION: N_("Recorded donation"),
    BankMatch.RECORDED_BATCH: N_("What another platform paid out"),
    BankMatch.RECORDED_REFUND: N_("Sent back to a donor"),
    BankMatch.RECORDED_REFUND_RETURNED: N_("Sent back to a donor, and returned by their bank"),
    BankMatch.COVER_FILL: N_("Money for the fund that pays processing fees"),
    BankMatch.DISBURSEMENT: N_("Paid to a school or supplier"),
    BankMatch.DISBURSEMENT_RETURNED: N_("Sent back by a school or supplier"),
    BankMatch.BANK_CHARGE: N_("Bank charge"),
    BankMatch.INTEREST: N_("Interest"),
    BankMatch.EXPLAINED: N_("Something else, explained in a note"),
}


class BankStatement(Base, kw_only=True):
    """One uploaded file. Its text is not kept: its lines are."""

    __tablename__ = "bank_statement"
    __table_args__ = (CheckConstraint("octet_length(file_sha256) = 32", name="file_sha256"), Index(None, "book_id"))

    id: Mapped[Id] = mapped_column(init=False)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    file_sha256: Mapped[bytes]
    line_count: Mapped[int]
    new_count: Mapped[int]  # lines that no earlier file had
    uploaded_by: Mapped[int]
    uploaded_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class BankLine(Base, kw_only=True):
    """One line of the bank's statement; `amount_minor` is positive for money that came in."""

    __tablename__ = "bank_line"
    __table_args__ = (
        UniqueConstraint(
            "book_id", "booked_on", "amount_minor", "reference", "running_number", name="bank_line_once_key"
        ),
        CheckConstraint("amount_minor <> 0", name="amount"),
        CheckConstraint(
            "met IN ('settlement', 'settlement_returned', 'recorded_donation', 'recorded_batch', 'disbursement',"
            " 'bank_charge', 'interest', 'explained', 'disbursement_returned', 'recorded_refund',"
            " 'recorded_refund_returned', 'cover_fill')",
            name="met",
        ),
        CheckConstraint("(met IS NULL) = (met_at IS NULL)", name="met_at"),
        Index("bank_line_unmatched_ix", "book_id", "booked_on", "id", postgresql_where="met IS NULL"),
        Index("bank_line_met_key", "book_id", "met", "subject", unique=True, postgresql_where="subject IS NOT NULL"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    statement_id: Mapped[int] = mapped_column(ForeignKey("bank_statement.id"))
    booked_on: Mapped[date]
    amount_minor: Mapped[int]
    reference: Mapped[str]  # as the bank prints it, empty where it prints none
    # The statement's own number of the line; where it has none, which one of several equal lines of the file: "~2".
    running_number: Mapped[str]
    balance_minor: Mapped[int | None] = mapped_column(default=None)  # after the line, where the statement prints it
    met: Mapped[str | None] = mapped_column(default=None)
    # What it was matched with: the provider's payout, the recorded donation's public id, an entry's reference.
    subject: Mapped[str | None] = mapped_column(default=None)
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id"), default=None)  # of a charge or interest
    # Empty: nobody but the program. Of a line that waits: who took back what was said of it.
    met_by: Mapped[int | None] = mapped_column(default=None)
    met_at: Mapped[datetime | None] = mapped_column(default=None)


class BankLinePrivate(Base, kw_only=True):
    """The bank's words on a line and the treasurer's note: both may name people. Erasable."""

    __tablename__ = "bank_line_private"

    line_id: Mapped[int] = mapped_column(ForeignKey("bank_line.id"), primary_key=True, autoincrement=False)
    words: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
