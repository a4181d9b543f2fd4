"""What a donor takes along from the receipt: the proof file once the log is signed over it, before that a promise."""

from datetime import timedelta
from urllib.parse import urlsplit

from flask import Response, current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.db import reading
from donate.errors import NotFound
from donate.giving.brought import cleared_key
from donate.giving.models import Checkout, Donation
from donate.giving.receipts import receipt_page
from donate.giving.recorded_models import RecordedDonation
from donate.giving.recorded_receipt import recorded_receipt_page
from donate.ledger.models import Book, Entry
from donate.publiclog import tree
from donate.publiclog.promises import promise, promise_key
from donate.publiclog.proofs import proof_of
from donate.settings import Settings
from donate.tlog.note import SigningKey


def proof(secret: str, seq: int) -> Response:
    """The `.tlog-proof` of one of the receipts behind this link."""
    with reading() as session:
        page = receipt_page(session, secret)
        if page is None or seq not in {receipt.log_index for receipt in page.receipts}:
            raise NotFound
        data = bytes(proof_of(session, seq))
    return _download(data, f"donation-{seq}.tlog-proof")


def promise_note(secret: str, place: int) -> Response:
    """The promise for one of the donations behind this link, by its place on the receipt, from 1."""
    with reading() as session:
        data = _promise(session, *_entry(session, secret, place))
    return _download(data, f"promise-{place}.note")


def recorded_proof_file(secret: str) -> Response:
    """The `.tlog-proof` of the recorded donation behind this link."""
    with reading() as session:
        seq = recorded_receipt_page(session, secret).log_index
        if seq is None:
            raise NotFound
        data = bytes(proof_of(session, seq))
    return _download(data, f"donation-{seq}.tlog-proof")


def recorded_promise(secret: str) -> Response:
    """The promise for the recorded donation behind this link."""
    with reading() as session:
        recorded_receipt_page(session, secret)
        entry, book = session.execute(
            select(Entry, Book.ref)
            .join(RecordedDonation, RecordedDonation.entry_id == Entry.id)
            .join(Book, Book.id == Entry.book_id)
            .where(RecordedDonation.secret == secret)
        ).one()
        data = _promise(session, entry, book)
    return _download(data, "promise.note")


def _promise(session: Session, entry: Entry, book: str) -> bytes:
    settings: Settings = current_app.config["SETTINGS"]
    signed = tree.published(session)
    note = promise(
        key_of(settings),
        origin=signed.origin if signed else None,
        book=book,
        commitment=entry.commitment,
        booked_at=entry.recorded_at,
        within=timedelta(seconds=settings.merge_delay_seconds),
    )
    return bytes(note)


def key_of(settings: Settings) -> SigningKey:
    return promise_key(settings.secret_key, urlsplit(settings.base_url).netloc)


def promise_vkey() -> Response:
    """The public key of the web's promises."""
    key = key_of(current_app.config["SETTINGS"]).verifier
    return Response(
        f"{key}\n", content_type="text/plain; charset=utf-8", headers={"Cache-Control": "public, max-age=300"}
    )


def _entry(session: Session, secret: str, place: int) -> tuple[Entry, str]:
    """The booked entry of the donation at this place, and its book's reference. Raises NotFound."""
    donations = session.execute(
        select(Donation, Checkout.book_id)
        .join(Checkout, Checkout.id == Donation.checkout_id)
        .where(Checkout.secret == secret)
        .order_by(Donation.id)
    ).all()
    if not 1 <= place <= len(donations):
        raise NotFound
    donation, book_id = donations[place - 1]
    row = session.execute(
        select(Entry, Book.ref)
        .join(Book, Book.id == Entry.book_id)
        .where(Entry.book_id == book_id, Entry.idempotency_key.in_((donation.entry_key, cleared_key(donation))))
        .order_by(Entry.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        raise NotFound
    entry, book = row
    return entry, book


def _download(data: bytes, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
    }
    return Response(data, content_type="text/plain; charset=utf-8", headers=headers)


ROUTES = [
    ("/r/<secret>/proof/<int:seq>", proof, ["GET"]),
    ("/r/<secret>/promise/<int:place>", promise_note, ["GET"]),
    ("/recorded/<secret>/proof", recorded_proof_file, ["GET"]),
    ("/recorded/<secret>/promise", recorded_promise, ["GET"]),
]
BARE_ROUTES = [("/log/promise-vkey", promise_vkey, ["GET"])]
