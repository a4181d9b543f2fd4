"""The pull twins: what the provider would have told us, fetched by ourselves, from where the last run got to.

Each reader goes forward in the provider's own order and moves its cursor after every block, so that a run that broke
off goes on there. Everything is stored and handled as if it had been delivered, and doing so twice changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.giving.messages import at_once
from donate.ledger.models import MerchantAccount
from donate.payments import inbox
from donate.payments.events import read_event
from donate.payments.gateway import Event, MerchantRef
from donate.payments.merchants import gateway_for
from donate.payments.silence import Silence
from donate.settings import Settings
from donate.settling.lines import Home, home_of, meet_waiting, store_lines
from donate.settling.messages import handlers
from donate.settling.models import Settlement, SettlementState
from donate.settling.run_models import ReconcileCursor
from donate.settling.settlements import book_waiting, take_payout

# The provider keeps its messages for 30 days.
KEPT = timedelta(days=30)
# Read again each time: the provider's lists may show a thing some moments after its own time stamp.
EVENT_OVERLAP = timedelta(minutes=10)
# Balance lines are written by batches at the provider; three days cover every delay that it speaks of.
LINE_OVERLAP = timedelta(days=3)
UNDELIVERED_FOR = timedelta(days=3)
BLOCK = 100

T = TypeVar("T")

_FINAL = (SettlementState.PAID.value, SettlementState.FAILED.value, SettlementState.CANCELED.value)


def pull_events(merchant: MerchantRef, settings: Settings, since: datetime | None = None) -> int:
    """Store and handle messages that never arrived; how many.

    All messages since the cursor are compared by their ids (one that was answered with success and then lost with a
    restored backup is found so); older ones, where the provider still counts them as undelivered.
    """
    now = clock.now()
    begin, may_move = _begin(merchant, "events_until", since, EVENT_OVERLAP)
    begin = max(begin, now - KEPT)
    gateway, kinds = gateway_for(merchant, settings), tuple(handlers(settings))
    take = partial(_take_events, merchant, settings)
    move = partial(_move, merchant, "events_until") if may_move else None
    pulled = 0
    for block in blocks(gateway.events_since(begin, kinds=kinds)):
        pulled += take(block)
        if move is not None:
            move(read_event(block[-1]).created_at)
    if move is not None:
        move(now)
    older = max(begin - UNDELIVERED_FOR, now - KEPT)
    for block in blocks(gateway.events_since(older, kinds=kinds, undelivered=True)):
        pulled += take(block)
    return pulled


def _take_events(merchant: MerchantRef, settings: Settings, block: tuple[bytes, ...]) -> int:
    """Raises ProviderUnavailable or ProviderKeyRefused where it falls silent over their handling; they are kept."""
    missing = inbox.unknown(merchant, block)
    silence = Silence()
    watched = {kind: partial(_watched, handler, silence) for kind, handler in handlers(settings).items()}
    for body in missing:
        inbox.pull(merchant, body, watched, at_once(settings))
        if silence.is_total and silence.last is not None:
            raise silence.last
    return len(missing)


def _watched(
    handler: Callable[[MerchantRef, Event], None], silence: Silence, merchant: MerchantRef, event: Event
) -> None:
    with silence.noted():
        handler(merchant, event)


def pull_lines(merchant: MerchantRef, settings: Settings, since: datetime | None = None) -> int:
    """Store the movements of the balance and tell them what they are; how many were new. To be run after pull_events."""
    begin, may_move = _begin(merchant, "lines_until", since, LINE_OVERLAP)
    with reading() as session:
        home = home_of(session, merchant.ref)
    new = 0
    for block in blocks(gateway_for(merchant, settings).balance_lines_since(begin)):
        with transaction() as session:
            new += store_lines(session, home, block)
        if may_move:
            _move(merchant, "lines_until", block[-1].created_at)
    meet_waiting(merchant, settings, has_messages=True)
    return new


def pull_payouts(merchant: MerchantRef, settings: Settings, since: datetime | None = None) -> int:
    """Read payouts that are new, or that had not come to their end; how many."""
    begin, may_move = _begin(merchant, "payouts_until", since, LINE_OVERLAP)
    with reading() as session:
        home = home_of(session, merchant.ref)
        begin = min([begin, *_unfinished(session, home)])
        known = {
            payout: (state, is_done)
            for payout, state, is_done in session.execute(
                select(Settlement.payout_id, Settlement.state, Settlement.released_at.is_not(None)).where(
                    Settlement.merchant_account_id == home.merchant_id, Settlement.created_at >= begin
                )
            )
        }
    taken = 0
    for seen in list(gateway_for(merchant, settings).payouts_since(begin)):
        if known.get(seen.payout_id) != (seen.status, True):
            take_payout(merchant, seen.payout_id, settings)
            taken += 1
        if may_move:
            _move(merchant, "payouts_until", seen.created_at)
    with transaction() as session:
        book_waiting(session, home)
    return taken


def _unfinished(session: Session, home: Home) -> list[datetime]:
    """When the oldest payout was made that has not come to its end."""
    oldest = session.scalar(
        select(func.min(Settlement.created_at)).where(
            Settlement.merchant_account_id == home.merchant_id, Settlement.state.not_in(_FINAL)
        )
    )
    return [] if oldest is None else [oldest]


def _begin(merchant: MerchantRef, cursor: str, since: datetime | None, overlap: timedelta) -> tuple[datetime, bool]:
    """Where to read from, and whether the cursor may move: not past a gap that a later `since` would leave."""
    with reading() as session:
        merchant_id, opened_at = session.execute(
            select(MerchantAccount.id, MerchantAccount.opened_at).where(MerchantAccount.ref == merchant.ref)
        ).one()
        row = session.get(ReconcileCursor, merchant_id)
    until: datetime = (getattr(row, cursor) if row else None) or opened_at
    if since is None:
        return until - overlap, True
    return since, since <= until


def _move(merchant: MerchantRef, cursor: str, to: datetime) -> None:
    """Forward only."""
    column = getattr(ReconcileCursor, cursor)
    with transaction() as session:
        merchant_id = session.scalars(select(MerchantAccount.id).where(MerchantAccount.ref == merchant.ref)).one()
        session.execute(
            insert(ReconcileCursor)
            .values(merchant_account_id=merchant_id, **{cursor: to})
            .on_conflict_do_update(index_elements=["merchant_account_id"], set_={cursor: func.greatest(column, to)})
        )


def blocks(things: Iterable[T]) -> Iterator[tuple[T, ...]]:
    """What the provider lists, as much at once as one transaction takes."""
    source = iter(things)
    while block := tuple(islice(source, BLOCK)):
        yield block
