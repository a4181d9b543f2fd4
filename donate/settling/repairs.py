"""What stands in suspense although its owner is known by now: named in every run, put right where that was asked for.

A repair takes back nothing that happened: the entry against suspense is reversed by a new one, and the line meets
its owner, whose own entries were booked by the message that came late.
"""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.ledger import journal
from donate.settling import owners
from donate.settling.differences import Difference, Found
from donate.settling.lines import Home, book_refund_fee
from donate.settling.models import Met, ProviderLine

NOTE = "The owner of this balance line became known after it was put in suspense."


def standing(home: Home, *, repair: bool) -> list[tuple[Found, bool]]:
    """The unexplained lines of an account, and of each whether it was repaired."""
    with reading() as session:
        lines = _standing(session, home)
        known = owners.known(session, home.merchant_id, home.book_id, lines)
    found = []
    for line in lines:
        is_known = line.id in known and line.met == Met.SUSPENSE
        difference = Found(
            merchant_id=home.merchant_id,
            kind=Difference.LINE_KNOWN_NOW if is_known else Difference.LINE_UNEXPLAINED,
            subject=line.line_id,
            ours_minor=None,
            theirs_minor=line.net_minor,
            currency=line.currency,
        )
        if is_known and repair:
            with transaction() as session:
                give_to_owner(session, home, line, known[line.id])
        found.append((difference, is_known and repair))
    return found


def _standing(session: Session, home: Home) -> Sequence[ProviderLine]:
    return session.scalars(
        select(ProviderLine)
        .where(
            ProviderLine.merchant_account_id == home.merchant_id,
            ProviderLine.met.in_((Met.SUSPENSE.value, Met.UNBOOKED.value)),
            ProviderLine.explained_at.is_(None),
        )
        .order_by(ProviderLine.id)
    ).all()


def give_to_owner(session: Session, home: Home, line: ProviderLine, owner: owners.Owner) -> None:
    """Take a line out of suspense and let it meet the owner whose own entries were booked later."""
    if line.entry_id is not None:
        journal.reverse(
            session,
            book_id=home.book_id,
            entry_id=line.entry_id,
            idempotency_key=f"line-known:{line.line_id}",
            effective_on=clock.today(home.time_zone),
            note=NOTE,
        )
    if owner.met is not None:
        book_refund_fee(session, home, line, owner.met)
    met = None if owner.met is None else owner.met.value
    session.execute(
        update(ProviderLine)
        .where(ProviderLine.id == line.id)
        .values(met=met, checkout_id=owner.checkout_id, entry_id=None)
    )
