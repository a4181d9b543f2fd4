"""Requests for large donations in every state, payments that were split, and an alert about them."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from donate.db import transaction
from donate.giving import large
from donate.giving.forms import ChosenDonation, GiveForm
from donate.giving.large_models import LargeRequest, SplitAlert, SplitKind, SplitPart
from donate.ledger.models import MerchantAccount
from tests.giving import recorded_factories as recording

THRESHOLD = 5_000_000
CAMPAIGN = "yunxi"


def asked(*, amount_minor: int = THRESHOLD, **changes: Any) -> LargeRequest:
    """A request that nobody has accepted."""
    book = recording.book_of(CAMPAIGN)
    give = GiveForm(
        lines=(ChosenDonation(CAMPAIGN, amount_minor),),
        method="alipay",
        name=None,
        name_is_public=False,
        email=None,
        words=None,
    )
    with transaction() as session:
        merchant_id = session.scalars(select(MerchantAccount.id).filter_by(book_id=book.id)).one()
        facts: dict[str, Any] = {
            "public_id": uuid4(),
            "book_id": book.id,
            "merchant_account_id": merchant_id,
            "currency": "CNY",
            "locale": "en",
            "give": give,
            "name": "陈大川",
            "contact": "0451 555 0101",
            "identity": "身份证末四位0019",
            "agreement": "We agree.",
            "content_sha256": b"content",
        }
        return large.ask(session, large.NewLarge(**(facts | changes)))


def accepted(*, by: tuple[int, int] = (801, 802), **changes: Any) -> LargeRequest:
    """A request that two people have accepted."""
    made = asked(**changes)
    for one in by:
        accept(made.public_id, by=one)
    return again(made.public_id)


def accept(public_id: UUID, *, by: int) -> None:
    with transaction() as session:
        large.accept(session, session.scalars(select(LargeRequest).filter_by(public_id=public_id)).one(), by=by)


def again(public_id: UUID) -> LargeRequest:
    with transaction() as session:
        return session.scalars(select(LargeRequest).filter_by(public_id=public_id)).one()


def alert(book_id: int) -> int:
    """An open alert about one recorded donation; its id."""
    recorded = recording.confirmed(name="陈大川")
    with transaction() as session:
        made = SplitAlert(book_id=book_id, kind=SplitKind.PAYER.value, key_hash=b"key")
        session.add(made)
        session.flush()
        session.add(
            SplitPart(
                alert_id=made.id,
                checkout_id=None,
                recorded_id=recorded.id,
                amount_minor=recorded.amount_minor,
                paid_at=recorded.entered_at,
            )
        )
        return made.id
