"""A donor who left something in every place, and a search for what is left of it in all tables and files."""

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy import text

from donate import clock
from donate.campaigns import complaints
from donate.db import Role, reading, transaction
from donate.files.photo import read_photo
from donate.files.service import keep_photo
from donate.files.store import Store
from donate.giving import large, official, recorded, wishes
from donate.giving.forms import ChosenDonation, GiveForm
from donate.giving.large_models import LargeRequest
from donate.giving.large_payment import pay_large
from donate.giving.models import Checkout
from donate.giving.official_models import OfficialReceipt
from donate.giving.recorded_models import RecordedDonation
from donate.giving.refund_sync import send_refund
from donate.giving.sync import sync_checkout
from donate.payments.inbox import pull
from donate.settings import Settings
from tests.files.factories import picture
from tests.giving import back, large_factories
from tests.giving import factories as make
from tests.giving import recorded_factories as recording
from tests.payments import factories as payments
from tests.people import factories as people
from tests.settling import factories as settling

ADMIN = "admin@example.org"


@dataclass(frozen=True)
class Person:
    """What one donor types, and what others write about them."""

    name: str
    email: str
    phone: str
    identity: str
    message: str
    wish: str
    company: str
    note: str  # of staff
    tag: str  # tells references of two donors apart

    @property
    def strings(self) -> tuple[str, ...]:
        return (self.name, self.email, self.phone, self.identity, self.message, self.wish, self.company, self.note)


XIAOYU = Person(
    name="王小雨",
    email="xiaoyu.wang@mail.example",
    phone="13800138765",
    identity="110101199003078888",
    message="愿孩子们都吃得饱",
    wish="我给错了请退一点",
    company="小雨面馆有限公司",
    note="来电人自称住在柳树巷",
    tag="x",
)
# A name that is nearly the same, and an address that ends in the other's.
NEIGHBOUR = Person(
    name="王晓雨",
    email="not.xiaoyu.wang@mail.example.net",
    phone="13900139765",
    identity="110101199003079999",
    message="愿孩子们天天开心",
    wish="麻烦退回一部分给我",
    company="晓雨书店有限公司",
    note="本人到访说明情况",
    tag="n",
)


@dataclass(frozen=True)
class Left:
    """What a donor left, as far as tests name it."""

    given: Checkout
    recorded: RecordedDonation
    proof_sha256: bytes


def admin() -> int:
    """The administrator who erases; made once."""
    with transaction() as session:
        return people.user(session, email=ADMIN, role="admin").id


def leave_everything(settings: Settings, who: Person) -> Left:
    """Everything that a donor can leave, with nothing under way in the end but a message that fails."""
    given = _give(settings, who)
    _large(settings, who)
    booked, sha256 = _recorded(settings, who)
    _messages(settings, given, who)
    with transaction() as session:
        secret = complaints.receive(
            session, token=uuid4(), message=f"{who.name}：饭凉了", contact=f"{who.name} {who.email}",
            campaign_ref=None, locale="zh",
        )  # fmt: skip
        complaint = complaints.complaint_by_secret(session, secret)
        complaints.answer(session, complaint_id=complaint.id, user_id=1, text=f"{who.name}您好")
    return Left(given, booked, sha256)


def _give(settings: Settings, who: Person) -> Checkout:
    typed = {"name": who.name, "name_is_public": True, "email": who.email, "words": who.message}
    given = back.paid(settings, method="card", **typed)
    back.paid(settings, ("yunxi", 700), email=who.email.upper())
    send_refund(back.asked_for(given, 100, note=who.note).public_id, settings)
    with transaction() as session:
        wish = wishes.ask(session, given.secret, donation=None, words=who.wish, wish_id=None, days=30)
        wishes.decline(session, wish, by=1, answer=f"{who.name}：不行")
    mistaken = _official(given.secret, who)
    with transaction() as session:
        official.void(session, session.get_one(OfficialReceipt, mistaken), reason=who.note, by=902)
    again = _official(given.secret, who)
    with transaction() as session:
        official.issue(session, session.get_one(OfficialReceipt, again), number=f"00{who.tag}", by=902)
        statement = """
            INSERT INTO unbooked_money (merchant_account_id, session_id, checkout_id, is_own, amount_minor, currency,
              is_in_suspense, seen_at, explained_at, explanation, explained_by, outcome)
            SELECT merchant_account_id, 'cs_twice_' || id, id, false, 100, 'CNY', false, now(), now(), :note, 1, 'noted'
            FROM checkout WHERE id = :id
            """
        session.execute(text(statement), {"note": who.note, "id": given.id})
        statement = """
            INSERT INTO provider_line (merchant_account_id, line_id, kind, source_id, amount_minor, fee_minor, net_minor,
              currency, occurred_at, available_at, seen_at, met, checkout_id, explained_at, explained_by, explanation)
            SELECT merchant_account_id, 'txn_' || id, 'charge', charge_id, 100, 0, 100, 'CNY', now(), now(), now(),
              'unbooked', id, now(), 1, :note
            FROM checkout WHERE id = :id
            """
        session.execute(text(statement), {"note": who.note, "id": given.id})
    return given


def _official(secret: str, who: Person) -> int:
    """An official receipt that is asked for; its id."""
    to = official.MadeOutTo(who.company, "91110000MA01234567", who.email)
    with transaction() as session:
        official.ask(session, official.donations_behind(session, secret), to)
        return session.scalars(sa.select(sa.func.max(OfficialReceipt.id))).one()


def _large(settings: Settings, who: Person) -> None:
    give = GiveForm(
        lines=(ChosenDonation("yunxi", large_factories.THRESHOLD),), method="alipay", name=who.name,
        name_is_public=False, email=who.email, words=who.message,
    )  # fmt: skip
    asked = large_factories.accepted(give=give, name=who.name, contact=who.phone, identity=who.identity)
    pay_large(asked.secret, settings)
    made = make.checkout(large_factories.again(asked.public_id).checkout_ref)
    make.pay(made)
    sync_checkout(made.public_id, settings)
    declined = large_factories.asked(give=give, name=who.name, contact=who.phone, identity=who.identity)
    with transaction() as session:
        large.decline(session, session.get_one(LargeRequest, declined.id), by=801, reason=who.note)


def _recorded(settings: Settings, who: Person) -> tuple[RecordedDonation, bytes]:
    store = Store(settings.instance / "files")
    with transaction() as session:
        sha256 = keep_photo(session, store, read_photo(picture(size=(60 + ord(who.tag) % 50, 40))))
    booked = recording.confirmed(
        name=who.name, name_is_public=True, reference=f"20261120-7{who.tag}", proof_sha256=sha256, agreement=who.note,
        amount_minor=40_000,
    )  # fmt: skip
    line = settling.row(
        amount_minor=40_000, reference=booked.reference, words=f"{who.name} 转账", booked_on=recording.DAY
    )
    settling.upload(line)
    recording.went_back(booked, note=who.note)
    row = f"TX-{who.tag}-1,6.00,2026-11-20,yunxi,{who.name},yes"
    recording.confirm_batch(recording.enter_batch(recording.uploaded(recording.platform_file(row))))
    mistaken = recording.confirmed(name=who.name, reference=f"20261120-8{who.tag}")
    with transaction() as session:
        found = recorded.recorded_by_public_id(session, mistaken.public_id)
        recorded.ask_reversal(session, found, by=901, reason=who.note)
        recorded.book_reversal(session, found, by=902)
    declined = recording.entered(name=who.name, reference=f"20261120-9{who.tag}")
    with transaction() as session:
        found = recorded.recorded_by_public_id(session, declined.public_id)
        recorded.decline(session, found, by=901, reason=who.note)
    _alert(booked.id, who)
    for made in (booked.id, mistaken.id, declined.id, *_of_batch(who)):
        _join(made, who)
    return booked, sha256


def _join(recorded_id: int, who: Person) -> None:
    """An official receipt that the donor asked to have sent to their own address, voided by a rule."""
    with transaction() as session:
        statement = """
            WITH receipt AS (
              INSERT INTO official_receipt (public_id, host, book_id, recorded_id, amount_minor, state, requested_at)
              SELECT gen_random_uuid(), 'x', book_id, id, amount_minor, 'voided', now() FROM recorded_donation
              WHERE id = :id RETURNING id)
            INSERT INTO official_receipt_private (receipt_id, title, tax_id, email) SELECT id, :title, NULL, :email FROM receipt
            """
        session.execute(text(statement), {"id": recorded_id, "title": who.company, "email": who.email})


def _alert(recorded_id: int, who: Person) -> None:
    with transaction() as session:
        statement = """
            WITH alert AS (
              INSERT INTO split_alert (book_id, kind, key_hash, raised_at, closed_at, closed_by, note)
              SELECT book_id, 'payer', NULL, now(), now(), 1, :note FROM recorded_donation WHERE id = :id RETURNING id)
            INSERT INTO split_part (alert_id, checkout_id, recorded_id, amount_minor, paid_at)
            SELECT alert.id, NULL, :id, 1, now() FROM alert
            """
        session.execute(text(statement), {"id": recorded_id, "note": who.note})


def _of_batch(who: Person) -> list[int]:
    statement = """
        SELECT recorded.id FROM recorded_donation recorded JOIN recorded_private private ON private.recorded_id = recorded.id
        WHERE recorded.batch_id IS NOT NULL AND private.name = :name
        """
    with reading() as session:
        return list(session.scalars(text(statement), {"name": who.name}))


def _messages(settings: Settings, given: Checkout, who: Person) -> None:
    """As the real provider sends them: one of the page, one of its customer alone, and one that fails."""
    customer = f"cus_{who.tag}0123456789abcdef"
    details = {"email": who.email, "name": who.name, "phone": who.phone}
    page = {"id": given.session_id, "client_reference_id": str(given.public_id), "customer": customer}
    bodies = [
        ("checkout.session.completed", {**page, "customer_details": details}, True),
        ("customer.created", {"id": customer, **details}, False),
        ("invoice.finalized", {"id": f"in_{who.tag}0123456789abcdef", "customer": customer, **details}, True),
    ]
    for kind, found, ascii_only in bodies:
        pull(payments.merchant(make.MERCHANT), message(kind, found, ascii_only=ascii_only), {})
    failing = message("charge.failed", {"metadata": {"checkout": str(given.public_id)}, **details})
    pull(payments.merchant(make.MERCHANT), failing, {"charge.failed": _fail})


def message(kind: str, found: dict[str, Any], *, ascii_only: bool = True) -> bytes:
    facts = {
        "id": f"evt_{uuid4().hex}", "object": "event", "type": kind, "created": int(clock.now().timestamp()),
        "livemode": False, "api_version": "2026", "data": {"object": found},
    }  # fmt: skip
    return json.dumps(facts, ensure_ascii=ascii_only).encode()


def _fail(*_: object) -> None:
    raise RuntimeError


def handle_failed() -> None:
    """Whoever looked into the failing message made it pass."""
    with transaction() as session:
        session.execute(text("UPDATE provider_event SET outcome = 'handled' WHERE outcome = 'failed'"))


def years_later(years: int) -> Any:
    return clock.frozen_at(clock.now() + timedelta(days=366 * years))


def spellings(word: str) -> set[str]:
    """As a dump may hold a word: as it is, escaped, percent-encoded, in base64, and each of these as hexadecimal bytes."""
    plain = {word, json.dumps(word)[1:-1], quote(word), quote(word, safe=""), word.encode("utf-8").hex()}
    for shift in range(3):
        # The first and last signs of base64 depend on what stands beside the word.
        coded = base64.b64encode(b"\0" * shift + word.encode()).decode().rstrip("=")
        plain.add(coded[2 * shift : -1])
    return plain | {one.encode().hex() for one in plain} | {word.encode("gb18030").hex()}


def holds(dump: str, words: Iterable[str], beside: Iterable[str] = ()) -> bool:
    """Whether a dump holds one of these words, and not only as a part of another's, which stand beside them."""
    key = (hashlib.sha256(dump.encode("utf-8", "surrogatepass")).digest(), tuple(words), tuple(beside))
    if key not in _searched:
        _searched[key] = _search(dump, words, beside)
    return _searched[key]


# Most of a database does not change between two searches, and its thousands of places never do.
_searched: dict[tuple[bytes, tuple[str, ...], tuple[str, ...]], bool] = {}


def _search(dump: str, words: Iterable[str], beside: Iterable[str]) -> bool:
    folded = dump.lower()
    for other in {one.lower() for word in beside for one in spellings(word)}:
        folded = folded.replace(other, "")
    return any(one.lower() in folded for word in words for one in spellings(word))


def tables() -> list[tuple[str, list[str]]]:
    """Every table with its columns that is no system's own and no seed."""
    statement = """
        SELECT class.oid::regclass::text, array_agg(quote_ident(attname)::text ORDER BY attnum) FROM pg_class class
        JOIN pg_attribute ON attrelid = class.oid AND attnum > 0 AND NOT attisdropped
        WHERE relkind IN ('r', 'p', 'm') AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'seed')
          AND relnamespace::regnamespace::text NOT LIKE 'pg_toast%' GROUP BY class.oid ORDER BY 1
        """
    with reading(Role.OWNER) as session:
        return [(table, columns) for table, columns in session.execute(text(statement))]


def found_in(words: Iterable[str]) -> set[str]:
    """Which columns of the database hold one of these words, in any spelling."""
    words = tuple(words)
    beside = NEIGHBOUR.strings if words == XIAOYU.strings else ()
    found = set()
    with reading(Role.OWNER) as session:

        def dumped(table: str, what: str) -> str:
            return "\n".join(session.scalars(text(f"SELECT to_json({what})::text FROM {table} AS line")).all())

        for table, columns in tables():
            if holds(dumped(table, "line"), words, beside):
                found |= {
                    f"{table}.{one}"
                    for one in columns
                    if holds(dumped(table, f"coalesce({one}::text, '')"), words, beside)
                }
    return found


def found_in_files(folder: Path, words: Iterable[str]) -> set[str]:
    """Which files below a folder hold one of these words."""
    words = tuple(words)
    beside = NEIGHBOUR.strings if words == XIAOYU.strings else ()
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if holds(content.decode("latin-1") + content.decode("utf-8", "replace"), words, beside):
                found.add(path.name)
    return found
