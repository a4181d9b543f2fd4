"""From what the provider says to our row and the ledger: who paid, what is booked, what nobody can explain.

Recording what happened never fails: whether the campaign still raises or the licence still counts is not asked here.
The row of one checkout is locked by the update that moves it, so two messages about it book once; the keys of the
entries, derived from stored rows, hold even without that.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.db import Statement
from donate.giving.models import Booked, Checkout, CheckoutState, UnbookedMoney
from donate.giving.service import FIRST_SYNC
from donate.ledger import journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.models import Book, MerchantAccount
from donate.payments.gateway import OtherAccountsEvent, ProviderCheckout

log = structlog.get_logger("donate.giving")

_STATES = {
    "open": CheckoutState.OPEN,
    "processing": CheckoutState.PROCESSING,
    "expired": CheckoutState.EXPIRED,
    "failed": CheckoutState.FAILED,
}


def move_towards(connection: Connection, merchant: str, seen: ProviderCheckout) -> None:
    """Move our checkout to where the provider says it stands; the state only rises. Books what was paid.

    `merchant` is the account under which the provider said so. Saying it again changes nothing.
    """
    if seen.status != "paid":
        if seen.reference is not None:
            _raise_state(connection, merchant, seen, _STATES[seen.status])
    elif not _book_donations(connection, [(merchant, seen)]):
        _explain(connection, merchant, seen)


def move_all_towards(connection: Connection, seen_at: Sequence[tuple[str, ProviderCheckout]]) -> None:
    """The same for several, each with its merchant account: what was paid as agreed is booked by two statements."""
    # Two processes with messages about the same checkouts take them in one order, so none waits for one that waits.
    seen_at = sorted(seen_at, key=lambda item: item[1].session_id)
    if len(seen_at) > 1:
        _LOCK_IN_ORDER.rows(connection, {"references": [seen.reference for _, seen in seen_at]})
    first: dict[tuple[str, UUID], ProviderCheckout] = {}
    for merchant, seen in seen_at:
        if seen.status == "paid" and seen.reference is not None:
            first.setdefault((merchant, seen.reference), seen)
    booked = _book_donations(connection, [(merchant, seen) for (merchant, _), seen in first.items()])
    for merchant, seen in seen_at:
        if seen.reference is None or first.get((merchant, seen.reference)) is not seen:
            move_towards(connection, merchant, seen)
        elif (merchant, seen.reference) not in booked:
            _explain(connection, merchant, seen)


def _explain(connection: Connection, merchant: str, seen: ProviderCheckout) -> None:
    with Session(connection) as session:  # in the same transaction
        _look_closer(session, merchant, seen)
        session.flush()


def _book_donations(connection: Connection, seen_at: Sequence[tuple[str, ProviderCheckout]]) -> set[tuple[str, UUID]]:
    """The usual case in two statements: our rows rise to paid, and every donation gets its entry.

    No two of `seen_at` about one checkout of one account. Account and public id of the checkouts that were booked.
    """
    if not seen_at:
        return set()
    now = clock.now()
    moved = _MOVE_TO_PAID.rows(
        connection,
        {
            "merchant": [merchant for merchant, _ in seen_at],
            "reference": [seen.reference for _, seen in seen_at],
            "session_id": [seen.session_id for _, seen in seen_at],
            "amount_minor": [seen.amount_minor for _, seen in seen_at],
            "currency": [seen.currency for _, seen in seen_at],
            "charge_id": [seen.charge_id for _, seen in seen_at],
            "paid_at": [seen.paid_at or now for _, seen in seen_at],
            "sync_at": now + FIRST_SYNC,
        },
    )
    journal.post(connection, [donation_entry(*facts) for _, _, *facts in moved])
    return {(merchant, reference) for merchant, reference, *_ in moved}


def donation_entry(
    book_id: int, time_zone: str, paid_at: datetime, public_id: UUID, campaign: str, amount_minor: int
) -> NewEntry:
    """Donation: clearing / fund. Nothing public names the checkout, so donations paid together are not tied together."""
    return NewEntry(
        book_id=book_id,
        reason=Reason.DONATION,
        idempotency_key=f"donation:{public_id}",
        effective_on=paid_at.astimezone(ZoneInfo(time_zone)).date(),
        legs=(Leg(debit="clearing", credit=fund_code(campaign), amount_minor=amount_minor),),
        campaign=campaign,
        private={"donation": str(public_id)},
    )


def _raise_state(connection: Connection, merchant: str, seen: ProviderCheckout, state: CheckoutState) -> None:
    lower = [other.value for other in CheckoutState if other.rank < state.rank]
    connection.execute(
        _RAISE_STATE,
        {
            "merchant": merchant,
            "reference": seen.reference,
            "session_id": seen.session_id,
            "state": state.value,
            "lower": lower,
            "is_over": state in (CheckoutState.EXPIRED, CheckoutState.FAILED),
        },
    )


def _look_closer(session: Session, merchant: str, seen: ProviderCheckout) -> None:
    """Money arrived, but not as agreed: it was booked before, or the sum, currency or checkout is not ours.

    Raises OtherAccountsEvent where the very same payment is one of another merchant account: two accounts of ours
    then hear of one at the provider, and booking it here as well would double it.
    """
    checkout = None
    if seen.reference is not None:
        checkout = session.scalars(
            select(Checkout)
            .join(MerchantAccount, MerchantAccount.id == Checkout.merchant_account_id)
            .where(Checkout.public_id == seen.reference, MerchantAccount.ref == merchant)
            .with_for_update(of=Checkout)
        ).one_or_none()
    if checkout is not None and checkout.booked_as is not None and checkout.session_id == seen.session_id:
        if checkout.charge_id is None:
            checkout.charge_id = seen.charge_id
        return
    if checkout is None and _is_of_another(session, merchant, seen.session_id):
        raise OtherAccountsEvent
    booked_as = keep_unexplained(session, merchant, seen, checkout)
    if checkout is not None and checkout.booked_as is None:
        checkout.state = CheckoutState.PAID.value
        checkout.booked_as = booked_as.value
        checkout.paid_at = seen.paid_at or clock.now()
        checkout.session_id = seen.session_id
        checkout.charge_id = seen.charge_id
        if booked_as is Booked.UNBOOKED or seen.amount_minor <= 0:
            checkout.next_sync_at = None  # its fee is in no currency of the book, or there is none
        else:
            checkout.next_sync_at = checkout.next_sync_at or clock.now() + FIRST_SYNC


def _is_of_another(session: Session, merchant: str, session_id: str) -> bool:
    owner = session.scalar(
        select(MerchantAccount.ref)
        .join(Checkout, Checkout.merchant_account_id == MerchantAccount.id)
        .where(Checkout.session_id == session_id)
    )
    return owner is not None and owner != merchant


def keep_unexplained(session: Session, merchant: str, seen: ProviderCheckout, checkout: Checkout | None) -> Booked:
    """A row for staff, and an entry against suspense where the book can hold the currency.

    Of a checkout that is not booked yet it becomes the payment; of one that is, it is a second one.
    """
    merchant_id, book_id, currency, time_zone = session.execute(
        select(MerchantAccount.id, Book.id, Book.currency, Book.time_zone)
        .join(Book, Book.id == MerchantAccount.book_id)
        .where(MerchantAccount.ref == merchant)
    ).one()
    booked_as = Booked.SUSPENSE if seen.currency == currency else Booked.UNBOOKED
    if seen.amount_minor <= 0:
        return booked_as
    found = session.scalar(
        insert(UnbookedMoney)
        .values(
            merchant_account_id=merchant_id,
            session_id=seen.session_id,
            checkout_id=checkout.id if checkout else None,
            is_own=checkout is not None and checkout.booked_as is None,
            amount_minor=seen.amount_minor,
            currency=seen.currency,
            is_in_suspense=booked_as is Booked.SUSPENSE,
            seen_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["session_id"])
        .returning(UnbookedMoney.id)
    )
    if booked_as is Booked.SUSPENSE:
        journal.post(session, [_suspense_entry(book_id, time_zone, seen)])
    if found is not None:
        log.warning("money_unexplained", merchant=merchant, session=seen.session_id, booked_as=booked_as.value)
    return booked_as


def _suspense_entry(book_id: int, time_zone: str, seen: ProviderCheckout) -> NewEntry:
    return NewEntry(
        book_id=book_id,
        reason=Reason.PROVIDER_ADJUSTMENT,
        idempotency_key=f"suspense:{seen.session_id}",
        effective_on=(seen.paid_at or clock.now()).astimezone(ZoneInfo(time_zone)).date(),
        legs=(Leg(debit="clearing", credit="suspense", amount_minor=seen.amount_minor),),
    )


_LOCK_IN_ORDER = Statement(
    """
    SELECT id FROM checkout WHERE public_id = ANY (CAST(%(references)s AS uuid[])) ORDER BY id FOR NO KEY UPDATE
    """
)

_MOVE_TO_PAID = Statement(
    """
    WITH moved AS (
      UPDATE checkout
      SET state = 'paid', booked_as = 'donations', paid_at = given.paid_at, session_id = given.session_id,
          charge_id = coalesce(given.charge_id, checkout.charge_id),
          -- Paid after all: nobody asks any more once it is expired or failed, and its fee is still to come.
          next_sync_at = coalesce(next_sync_at, CAST(%(sync_at)s AS timestamptz))
      FROM unnest(
        CAST(%(merchant)s AS text[]), CAST(%(reference)s AS uuid[]), CAST(%(session_id)s AS text[]),
        CAST(%(amount_minor)s AS bigint[]), CAST(%(currency)s AS text[]), CAST(%(charge_id)s AS text[]),
        CAST(%(paid_at)s AS timestamptz[])
      ) AS given(merchant, reference, session_id, amount_minor, currency, charge_id, paid_at),
        merchant_account AS merchant, book
      WHERE checkout.public_id = given.reference AND merchant.id = checkout.merchant_account_id
        AND merchant.ref = given.merchant AND book.id = checkout.book_id AND checkout.booked_as IS NULL
        AND checkout.amount_minor = given.amount_minor AND checkout.currency = given.currency
      RETURNING given.merchant, checkout.public_id, checkout.id, checkout.book_id, book.time_zone, checkout.paid_at
    )
    SELECT moved.merchant, moved.public_id, moved.book_id, moved.time_zone, moved.paid_at, donation.public_id,
           donation.campaign_ref, donation.amount_minor
    FROM moved JOIN donation ON donation.checkout_id = moved.id
    ORDER BY donation.id
    """
)

_RAISE_STATE = text(
    """
    UPDATE checkout
    SET state = :state, session_id = coalesce(session_id, :session_id),
        next_sync_at = CASE WHEN :is_over THEN NULL ELSE next_sync_at END
    FROM merchant_account AS merchant
    WHERE checkout.public_id = :reference AND merchant.id = checkout.merchant_account_id AND merchant.ref = :merchant
      AND checkout.state = ANY (CAST(:lower AS text[]))
      AND (checkout.session_id IS NULL OR checkout.session_id = :session_id)
    """
)
