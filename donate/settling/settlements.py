"""Settlements: the provider's payout meets its lines, is booked against the bank, and turned round when it fails.

Order-free: the payout is read as it stands now, so of "paid" and "failed" that arrive the wrong way round the second
finds everything done. One that failed before we ever saw it paid brought nothing to the bank, and books nothing.
A settlement whose lines do not sum to its amount is booked all the same (the bank has the money), releases nothing,
and stands as a difference. So does one that somebody asked for by hand, of which the provider lists no lines.
"""

from collections.abc import Sequence
from datetime import date

import structlog
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.ledger import journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg, NewEntry
from donate.payments.facts import BalanceLine, PayoutSeen
from donate.payments.gateway import Event, MerchantRef
from donate.payments.merchants import gateway_for
from donate.settings import Settings
from donate.settling import shares, taken
from donate.settling.lines import Home, home_of, meet_waiting, store_lines
from donate.settling.models import ProviderLine, Settlement, SettlementLine, SettlementState

# A state that was read earlier never replaces a later one.
_RANKS = {"pending": 0, "in_transit": 1, "paid": 2, "canceled": 3, "failed": 3}

log = structlog.get_logger("donate.settling")


def take_payout_event(merchant: MerchantRef, event: Event, settings: Settings) -> None:
    """Anything that the provider says of a payout: look for ourselves."""
    take_payout(merchant, event.object_id, settings)


def take_payout(merchant: MerchantRef, payout_id: str, settings: Settings) -> None:
    """Read a payout and its lines as they stand now, and book what is new about it."""
    gateway = gateway_for(merchant, settings)
    seen = gateway.read_payout(payout_id)
    lines = list(gateway.payout_lines(payout_id)) if seen.is_automatic and _needs_lines(merchant, payout_id) else []
    keep_payout(merchant, seen, lines, settings)


def keep_payout(merchant: MerchantRef, seen: PayoutSeen, lines: Sequence[BalanceLine], settings: Settings) -> None:
    """Store what was read, tell the lines what they are, and book."""
    with transaction() as session:
        home = home_of(session, merchant.ref)
        _keep(session, home, seen)
        store_lines(session, home, lines)
        _attach(session, home, seen.payout_id, lines)
    meet_waiting(merchant, settings)
    with transaction() as session:
        book_settlement(session, home, seen.payout_id)


def book_settlement(session: Session, home: Home, payout_id: str) -> None:
    """Book, release and turn round as far as is known by now. Asking again changes nothing."""
    shares.lock(session, home.book_id)
    row = _locked(session, home, payout_id)
    if row.currency != home.currency:
        return
    if row.state == SettlementState.PAID and row.entry_id is None:
        row.entry_id = _post(session, home, row, is_return=False)
    if row.state in (SettlementState.FAILED, SettlementState.CANCELED) and row.entry_id and not row.returned_entry_id:
        shares.release_cleared(session, home.merchant_id, home.book_id)  # its fund got it before it loses it
        row.returned_entry_id = _post(session, home, row, is_return=True)
    lines = shares.lines_of(session, row.id)
    if not row.entry_id or row.lines_minor != row.amount_minor or any(line.met is None for line in lines):
        session.flush()
        return
    if row.released_at is None and row.returned_entry_id is None:
        _hand_out(session, home, row, row.entry_id, lines, is_return=False)
        row.released_at = clock.now()
    if row.returned_entry_id is not None and row.released_at is not None and row.taken_back_at is None:
        _hand_out(session, home, row, row.returned_entry_id, lines, is_return=True)
        row.taken_back_at = clock.now()
    session.flush()


def _hand_out(
    session: Session, home: Home, row: Settlement, entry_id: int, lines: Sequence[ProviderLine], *, is_return: bool
) -> None:
    """Give every account its share of a settlement, or take it back: its payments first, then the funds' stock."""
    sign = -1 if is_return else 1
    paid_out = taken.paid_out(session, lines)
    payments = taken.lock_payments(session, home.book_id, paid_out)
    if not is_return:
        session.execute(_SETTLE_CHECKOUTS, {"settlement_id": row.id})
    due = {code: sign * minor for code, minor in shares.shares_of(session, home.book_id, lines).items()}
    shares.hand_out(session, home.book_id, row.id, entry_id, due, is_return=is_return)
    taken.tell(session, paid_out, payments, sign=sign)


def book_waiting(session: Session, home: Home) -> int:
    """Book again those that were not complete when they were last looked at; how many."""
    waiting = session.scalars(
        select(Settlement.payout_id)
        .where(
            Settlement.merchant_account_id == home.merchant_id,
            Settlement.state == SettlementState.PAID.value,
            Settlement.released_at.is_(None),
        )
        .order_by(Settlement.id)
    ).all()
    for payout_id in waiting:
        book_settlement(session, home, payout_id)
    shares.release_cleared(session, home.merchant_id, home.book_id)
    return len(waiting)


def _needs_lines(merchant: MerchantRef, payout_id: str) -> bool:
    with reading() as session:
        row = _find(session, home_of(session, merchant.ref), payout_id)
    return row is None or row.lines_minor != row.amount_minor


def _find(session: Session, home: Home, payout_id: str) -> Settlement | None:
    return session.scalars(
        select(Settlement).where(Settlement.merchant_account_id == home.merchant_id, Settlement.payout_id == payout_id)
    ).one_or_none()


def _locked(session: Session, home: Home, payout_id: str) -> Settlement:
    return session.scalars(
        select(Settlement)
        .where(Settlement.merchant_account_id == home.merchant_id, Settlement.payout_id == payout_id)
        .with_for_update()
    ).one()


def _keep(session: Session, home: Home, seen: PayoutSeen) -> None:
    session.execute(
        insert(Settlement)
        .values(
            merchant_account_id=home.merchant_id,
            payout_id=seen.payout_id,
            amount_minor=seen.amount_minor,
            currency=seen.currency,
            is_automatic=seen.is_automatic,
            created_at=seen.created_at,
            arrives_on=seen.arrives_on,
            state=seen.status,
            seen_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["merchant_account_id", "payout_id"])
    )
    row = _locked(session, home, seen.payout_id)
    if _RANKS[seen.status] < _RANKS[row.state]:
        return
    row.state, row.arrives_on, row.failure = seen.status, seen.arrives_on, seen.failure
    row.bank_reference = seen.bank_reference or row.bank_reference
    session.flush()


def _attach(session: Session, home: Home, payout_id: str, lines: Sequence[BalanceLine]) -> None:
    """Write down which lines it pays out; its own line is not one of them."""
    row = _locked(session, home, payout_id)
    paid_out = [line for line in lines if line.source_id != payout_id]
    if not paid_out:
        return
    ids = session.scalars(
        select(ProviderLine.id).where(
            ProviderLine.merchant_account_id == home.merchant_id,
            ProviderLine.line_id.in_([line.line_id for line in paid_out]),
        )
    ).all()
    session.execute(
        insert(SettlementLine)
        .values([{"line_id": line, "settlement_id": row.id} for line in ids])
        .on_conflict_do_nothing()
    )
    row.lines_minor = sum(line.net_minor for line in shares.lines_of(session, row.id))
    session.flush()


def _post(session: Session, home: Home, row: Settlement, *, is_return: bool) -> int | None:
    """Bank / clearing for what reached the bank, the other way round for what it gave back; None when it is nothing."""
    if row.amount_minor == 0:
        return None
    inward = (row.amount_minor > 0) != is_return
    debit, credit = ("bank", "clearing") if inward else ("clearing", "bank")
    (posted,) = journal.post(
        session,
        [
            NewEntry(
                book_id=home.book_id,
                reason=Reason.SETTLEMENT_FAILED if is_return else Reason.SETTLEMENT,
                idempotency_key=f"settlement{'-failed' if is_return else ''}:{row.payout_id}",
                effective_on=_day(home, row, is_return=is_return),
                legs=(Leg(debit=debit, credit=credit, amount_minor=abs(row.amount_minor)),),
                reference=row.payout_id,
            )
        ],
    )
    log.info("settlement_booked", merchant=home.merchant, payout=row.payout_id, is_return=is_return)
    return posted.entry_id


def _day(home: Home, row: Settlement, *, is_return: bool) -> date:
    return clock.today(home.time_zone) if is_return else min(row.arrives_on, clock.today(home.time_zone))


# The state only rises: should the bank turn the settlement back, its checkouts stay settled, and the next one pays them.
_SETTLE_CHECKOUTS = text(
    """
    UPDATE checkout SET state = 'settled'
    FROM settlement_line paid_out JOIN provider_line line ON line.id = paid_out.line_id
    WHERE paid_out.settlement_id = :settlement_id AND checkout.id = line.checkout_id AND checkout.state = 'paid'
    """
)
