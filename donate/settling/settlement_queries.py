"""What owners and treasurers of a host read of its settlements: their lines, what differs, where the money went."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, NotFound
from donate.giving.recorded_queries import MAY_CONFIRM
from donate.ledger.models import Book, MerchantAccount
from donate.people.queries import SignedIn
from donate.settling.bank_models import BankLine, BankMatch
from donate.settling.differences import Difference
from donate.settling.models import (
    LateShare,
    Met,
    ProviderLine,
    Settlement,
    SettlementLine,
    SettlementShare,
    SettlementState,
)
from donate.settling.run_models import ReconcileDifference, ReconcileRun

MOST = 50
MOST_LINES = 500
# A bank shows what the provider sent some days later, and a statement is uploaded some days after that.
BANK_PATIENCE = timedelta(days=7)

MISSING_AT_BANK = N_("The provider says that it was sent, and no line of the bank shows it.")
TURNED_BACK = N_("The bank turned it back.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSettlement:
    """A settlement in a list. `differences` are sentences; `line_count` and `lines_minor` of what it pays out."""

    row: Settlement
    merchant: str
    book: Book
    line_count: int
    lines_minor: int
    bank_line_id: int | None
    differences: tuple[str, ...]

    @property
    def state(self) -> SettlementState:
        return SettlementState(self.row.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementFile:
    """One settlement with everything about it; `lines` are the first of those that it pays out."""

    shown: ShownSettlement
    lines: Sequence[ProviderLine]
    shares: Sequence[SettlementShare]
    late: Sequence[LateShare]
    published: Sequence[ReconcileDifference]  # of the last finished run that looked at its account

    @staticmethod
    def met(line: ProviderLine) -> Met | None:
        """What one of the lines turned out to be."""
        return None if line.met is None else Met(line.met)

    @staticmethod
    def kind(found: ReconcileDifference) -> Difference:
        return Difference(found.kind)


def settlement_of(session: Session, user: SignedIn, settlement_id: int) -> Settlement:
    """The settlement, if it is of a host whose treasurer or owner the user is. Raises NotFound."""
    found = session.get(Settlement, settlement_id)
    if found is None:
        raise NotFound
    merchant = session.get_one(MerchantAccount, found.merchant_account_id)
    if not user.is_in(session.get_one(Book, merchant.book_id).host, *MAY_CONFIRM):
        raise NotFound
    return found


def settlements(session: Session, book_ids: Collection[int]) -> list[ShownSettlement]:
    """The newest settlements of these books."""
    newest = session.scalars(
        select(Settlement.id)
        .join(MerchantAccount, MerchantAccount.id == Settlement.merchant_account_id)
        .where(MerchantAccount.book_id.in_(book_ids))
        .order_by(Settlement.id.desc())
        .limit(MOST)
    ).all()
    return _shown(session, newest)


def settlement_file(session: Session, found: Settlement) -> SettlementFile:
    (shown,) = _shown(session, [found.id])
    is_of_it = or_(
        ReconcileRun.merchant_account_id.is_(None), ReconcileRun.merchant_account_id == found.merchant_account_id
    )
    last = select(func.max(ReconcileRun.id)).where(ReconcileRun.finished_at.is_not(None), is_of_it).scalar_subquery()
    return SettlementFile(
        shown=shown,
        lines=session.scalars(
            select(ProviderLine)
            .join(SettlementLine, SettlementLine.line_id == ProviderLine.id)
            .where(SettlementLine.settlement_id == found.id)
            .order_by(ProviderLine.id)
            .limit(MOST_LINES)
        ).all(),
        shares=session.scalars(
            select(SettlementShare)
            .where(SettlementShare.settlement_id == found.id)
            .order_by(SettlementShare.is_return, SettlementShare.code)
        ).all(),
        late=session.scalars(
            select(LateShare)
            .where(LateShare.settlement_id == found.id)
            .order_by(LateShare.line_id, LateShare.code)
            .limit(MOST_LINES)
        ).all(),
        published=session.scalars(
            select(ReconcileDifference)
            .where(
                ReconcileDifference.run_id == last,
                ReconcileDifference.merchant_account_id == found.merchant_account_id,
                ReconcileDifference.subject == found.payout_id,
            )
            .order_by(ReconcileDifference.id)
        ).all(),
    )


def _shown(session: Session, ids: Sequence[int]) -> list[ShownSettlement]:
    paid_out = (
        select(
            SettlementLine.settlement_id,
            func.count().label("count"),
            func.sum(ProviderLine.net_minor).label("minor"),
        )
        .join(ProviderLine, ProviderLine.id == SettlementLine.line_id)
        .where(SettlementLine.settlement_id.in_(ids))
        .group_by(SettlementLine.settlement_id)
        .subquery()
    )
    rows = session.execute(
        select(Settlement, MerchantAccount.ref, Book, paid_out.c.count, paid_out.c.minor, BankLine.id)
        .join(MerchantAccount, MerchantAccount.id == Settlement.merchant_account_id)
        .join(Book, Book.id == MerchantAccount.book_id)
        .outerjoin(paid_out, paid_out.c.settlement_id == Settlement.id)
        .outerjoin(
            BankLine,
            and_(
                BankLine.book_id == Book.id,
                BankLine.met == BankMatch.SETTLEMENT.value,
                BankLine.subject == Settlement.payout_id,
            ),
        )
        .where(Settlement.id.in_(ids))
        .order_by(Settlement.id.desc())
    ).all()
    return [_one(*cast("tuple[Any, ...]", row)) for row in rows]


def _one(
    row: Settlement, ref: str, book: Book, line_count: int | None, minor: Decimal | None, bank_line_id: int | None
) -> ShownSettlement:
    lines_minor = int(minor or 0)
    return ShownSettlement(
        row=row,
        merchant=ref,
        book=book,
        line_count=line_count or 0,
        lines_minor=lines_minor,
        bank_line_id=bank_line_id,
        differences=tuple(_differences(row, book, lines_minor, bank_line_id)),
    )


def _differences(row: Settlement, book: Book, lines_minor: int, bank_line: int | None) -> list[str]:
    found = []
    if row.state == SettlementState.PAID and not row.is_automatic:
        found.append(Difference.SETTLEMENT_WITHOUT_LINES.sentence)
    elif row.state == SettlementState.PAID and lines_minor != row.amount_minor:
        found.append(Difference.SETTLEMENT_DIFFERS.sentence)
    is_overdue = row.arrives_on + BANK_PATIENCE < clock.today(book.time_zone)
    if row.state == SettlementState.PAID and bank_line is None and row.entry_id is not None and is_overdue:
        found.append(MISSING_AT_BANK)
    if row.state == SettlementState.FAILED:
        found.append(TURNED_BACK)
    return found
