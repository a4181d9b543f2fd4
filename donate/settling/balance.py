"""The provider's balance against ours.

What our clearing account holds = the provider's balance + settlements under way (they have left its balance and not
reached the bank) + what is booked and has no balance line yet (a fee that is not known, a refund of this minute).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from donate.settling.models import ProviderLine

# The provider's moments are whole seconds, and its clock is not ours.
SECONDS_APART = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingParts:
    """The parts of one book's clearing account, in one snapshot of the database."""

    book: str
    currency: str
    clearing_minor: int
    lines_minor: int
    under_way_minor: int
    unlined_minor: int

    @property
    def expected_minor(self) -> int:
        return self.lines_minor + self.under_way_minor + self.unlined_minor


def clearing_parts(session: Session) -> dict[int, ClearingParts]:
    """By book, for books with a merchant account that has been read at least once."""
    rows = cast("Sequence[tuple[int, str, str, int, int, int, int]]", session.execute(_PARTS).all())
    return {
        book_id: ClearingParts(
            book=book,
            currency=currency,
            clearing_minor=int(clearing),
            lines_minor=int(lines),
            under_way_minor=int(under_way),
            unlined_minor=int(unlined),
        )
        for book_id, book, currency, clearing, lines, under_way, unlined in rows
    }


_PARTS = text(
    """
    SELECT book_id, book, currency, clearing_minor, lines_minor, under_way_minor, unlined_minor
    FROM clearing_part ORDER BY book_id
    """
)


def lines_at(session: Session, merchant_id: int, currency: str, total_minor: int, taken_at: datetime) -> int:
    """What the lines sum to at the moment of the provider's total.

    While donors give, lines are added around that very moment. Taken one by one in their order, their sum passes
    through the total; where it does not, the sum up to the moment is the answer, and the two differ.
    """
    ours = (ProviderLine.merchant_account_id == merchant_id, ProviderLine.currency == currency)
    sum_of = func.coalesce(func.sum(ProviderLine.net_minor), 0)
    before = int(
        session.scalars(select(sum_of).where(*ours, ProviderLine.occurred_at < taken_at - SECONDS_APART)).one()
    )
    around = session.execute(
        select(ProviderLine.net_minor, ProviderLine.occurred_at)
        .where(*ours, ProviderLine.occurred_at >= taken_at - SECONDS_APART)
        .order_by(ProviderLine.occurred_at, ProviderLine.id)
    )
    running, until = before, before
    sums = {running}
    for net_minor, occurred_at in around:
        running += net_minor
        sums.add(running)
        if occurred_at <= taken_at:
            until = running
    return total_minor if total_minor in sums else until
