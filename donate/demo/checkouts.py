"""The rows of giving for the planned past, written by one statement a table."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.demo.past import Past, PlannedCheckout, PlannedDonation, settled_until
from donate.giving.models import CheckoutState


@dataclass(frozen=True, slots=True)
class BookOfHost:
    """Where a host's money is booked."""

    book_id: int
    merchant_account_id: int


def write_checkouts(session: Session, past: Past, books: dict[str, BookOfHost]) -> list[list[UUID]]:
    """The rows of giving for every planned checkout; the public ids of each one's donations, in its order."""
    checkout_ids = _write_checkouts(session, past, books)
    public_ids = [[uuid4() for _ in given.lines] for given in past.checkouts]
    lines = [
        (given, checkout_id, line, public_id)
        for given, checkout_id, own_ids in zip(past.checkouts, checkout_ids, public_ids, strict=True)
        for line, public_id in zip(given.lines, own_ids, strict=True)
    ]
    _write_donations(session, lines)
    return public_ids


def _write_checkouts(session: Session, past: Past, books: dict[str, BookOfHost]) -> list[int]:
    settled = {host: settled_until(past, host) for host in books}
    given = past.checkouts
    public_ids = [uuid4() for _ in given]
    begun_at = [one.paid_at - timedelta(seconds=40 + one.amount_minor % 160) for one in given]
    written = session.execute(
        _WRITE_CHECKOUTS,
        {
            "public_id": public_ids,
            "book_id": [books[one.host].book_id for one in given],
            "merchant": [books[one.host].merchant_account_id for one in given],
            "amount": [one.amount_minor for one in given],
            "method": [one.method for one in given],
            "secret": [secrets.token_urlsafe(24) for _ in given],
            "content": [hashlib.sha256(public_id.bytes).digest() for public_id in public_ids],
            "locale": [one.locale for one in given],
            "state": [
                (CheckoutState.SETTLED if one.day <= settled[one.host] else CheckoutState.PAID).value for one in given
            ],
            "fee": [one.fee_minor for one in given],
            "begun_at": begun_at,
            "paid_at": [one.paid_at for one in given],
        },
    )
    ids = dict(cast("Sequence[tuple[UUID, int]]", written.all()))
    return [ids[public_id] for public_id in public_ids]


def _write_donations(session: Session, lines: Sequence[tuple[PlannedCheckout, int, PlannedDonation, UUID]]) -> None:
    session.execute(
        _WRITE_DONATIONS,
        {
            "public_id": [public_id for *_, public_id in lines],
            "checkout": [checkout_id for _, checkout_id, _, _ in lines],
            "campaign": [line.campaign for _, _, line, _ in lines],
            "amount": [line.amount_minor for _, _, line, _ in lines],
            "is_public": [given.name_is_public for given, *_ in lines],
            "name": [given.name for given, *_ in lines],
            "words": [given.words for given, *_ in lines],
        },
    )


_WRITE_CHECKOUTS = text(
    """
    INSERT INTO checkout (public_id, book_id, merchant_account_id, amount_minor, currency, method, secret,
                          content_sha256, locale, state, fee_minor, booked_as, created_at, expires_at, paid_at,
                          fee_booked_at)
    SELECT public_id, book_id, merchant, amount, 'CNY', method, secret, content, locale, state, fee, 'donations',
           begun_at, begun_at + interval '40 minutes', paid_at, paid_at + interval '3 seconds'
    FROM unnest(
      CAST(:public_id AS uuid[]), CAST(:book_id AS bigint[]), CAST(:merchant AS bigint[]), CAST(:amount AS bigint[]),
      CAST(:method AS text[]), CAST(:secret AS text[]), CAST(:content AS bytea[]), CAST(:locale AS text[]),
      CAST(:state AS text[]), CAST(:fee AS bigint[]), CAST(:begun_at AS timestamptz[]), CAST(:paid_at AS timestamptz[])
    ) AS given(public_id, book_id, merchant, amount, method, secret, content, locale, state, fee, begun_at, paid_at)
    RETURNING public_id, id
    """
)

_WRITE_DONATIONS = text(
    """
    WITH given AS (
      SELECT * FROM unnest(
        CAST(:public_id AS uuid[]), CAST(:checkout AS bigint[]), CAST(:campaign AS text[]), CAST(:amount AS bigint[]),
        CAST(:is_public AS boolean[]), CAST(:name AS text[]), CAST(:words AS text[])
      ) AS t(public_id, checkout, campaign, amount, is_public, name, words)
    ), written AS (
      INSERT INTO donation (public_id, checkout_id, campaign_ref, amount_minor, name_is_public)
      SELECT public_id, checkout, campaign, amount, is_public FROM given ORDER BY checkout
      RETURNING id, public_id
    )
    INSERT INTO donation_private (donation_id, name, message)
    SELECT written.id, given.name, given.words FROM written JOIN given USING (public_id)
    WHERE given.name IS NOT NULL OR given.words IS NOT NULL
    """
)
