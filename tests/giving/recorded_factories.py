"""Members of a host, recorded donations in every state, and files of other platforms."""

from datetime import date, timedelta
from itertools import count
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select, text

from donate.campaigns.models import Campaign
from donate.db import transaction
from donate.giving import recorded, recorded_batch, recorded_refund
from donate.giving.recorded import NewRecorded
from donate.giving.recorded_models import Channel, RecordedBatch, RecordedDonation
from donate.giving.recorded_refund import NewSentBack
from donate.giving.recorded_refund_models import RecordedRefund
from donate.ledger.models import Book
from donate.organisations.models import Organisation
from donate.people.models import MembershipRole
from tests.giving import factories as make
from tests.people import factories as people

_references = count(1)
DAY = date(2026, 11, 20)
CAMPAIGN = "yunxi"
HEADER = "reference,amount,received_on,campaign,name,name_public"


def raising(ref: str = CAMPAIGN) -> str:
    """A campaign that takes donations, beside one of another host."""
    make.raising(ref)
    make.noise()
    return ref


def host_of(ref: str = CAMPAIGN) -> str:
    with transaction() as session:
        query = select(Organisation.ref).join(Campaign, Campaign.host_id == Organisation.id).where(Campaign.ref == ref)
        return session.scalars(query).one()


def partner_of(ref: str = CAMPAIGN) -> str:
    with transaction() as session:
        query = select(Organisation.ref).join(Campaign, Campaign.partner_id == Organisation.id)
        return session.scalars(query.where(Campaign.ref == ref)).one()


def book_of(ref: str = CAMPAIGN) -> Book:
    with transaction() as session:
        return session.scalars(
            select(Book).join(Campaign, Campaign.book_id == Book.id).where(Campaign.ref == ref)
        ).one()


def member(organisation: str, *roles: str, email: str | None = None) -> int:
    """A user of the organisation; their id."""
    with transaction() as session:
        address = email or f"member-{next(_references)}@example.org"
        memberships = tuple((organisation, role) for role in roles)
        return people.user(session, email=address, memberships=memberships).id


def sign_in(client: FlaskClient, *roles: str, organisation: str | None = None) -> str:
    """Sign a new member of the host in; the token of their forms."""
    email = f"signed-in-{next(_references)}@example.org"
    member(organisation or host_of(), *(roles or (MembershipRole.TREASURER.value,)), email=email)
    form = {"email": email, "password": people.PASSWORD, "next": "/en/password"}
    page = client.post("/en/sign-in", data=form, follow_redirects=True)
    return page.text.split('name="csrf_token" value="')[1].split('"')[0]


def new(**changes: Any) -> NewRecorded:
    facts: dict[str, Any] = {
        "channel": Channel.BANK_TRANSFER,
        "source": "中国农业银行",
        "reference": f"20261120-{next(_references):06d}",
        "amount_minor": 30_000,
        "received_on": DAY,
        "campaign_ref": CAMPAIGN,
    }
    return NewRecorded(**(facts | changes))


def entered(*, by: int = 901, proof_sha256: bytes | None = None, **changes: Any) -> RecordedDonation:
    """Entered by one person, and not confirmed."""
    given = new(**changes)
    with transaction() as session:
        book = session.scalars(
            select(Book).join(Campaign, Campaign.book_id == Book.id).where(Campaign.ref == given.campaign_ref)
        ).one()
        return recorded.enter(session, book_id=book.id, by=by, new=given, proof_sha256=proof_sha256)


def confirmed(*, by: int = 901, confirmed_by: int = 902, other_money: str = "", **changes: Any) -> RecordedDonation:
    """Entered by one person, confirmed by another."""
    made = entered(by=by, **changes)
    with transaction() as session:
        found = recorded.recorded_by_public_id(session, made.public_id)
        recorded.confirm(session, found, by=confirmed_by, other_money=other_money)
        return found


def sent_back(**changes: Any) -> NewSentBack:
    """A transfer of 100.00 back to the donor, three days after their money came, unless a test says otherwise."""
    facts: dict[str, Any] = {
        "amount_minor": 10_000,
        "sent_on": DAY + timedelta(days=3),
        "reference": f"TK20261123-{next(_references):06d}",
        "note": "给多了，要求退回",
    }
    return NewSentBack(**(facts | changes))


def asked_back(made: RecordedDonation, *, by: int = 901, **changes: Any) -> RecordedRefund:
    """Money that one person says went back."""
    with transaction() as session:
        found = session.get_one(RecordedDonation, made.id)
        return recorded_refund.ask(session, found, by=by, new=sent_back(**changes))


def went_back(made: RecordedDonation, *, by: int = 901, confirmed_by: int = 902, **changes: Any) -> RecordedRefund:
    """Money that went back, as two people say."""
    asked = asked_back(made, by=by, **changes)
    with transaction() as session:
        found = session.get_one(RecordedRefund, asked.id)
        recorded_refund.confirm(session, found, by=confirmed_by)
        return found


def again(made: RecordedDonation) -> RecordedDonation:
    """The row as it stands now."""
    with transaction() as session:
        return recorded.recorded_by_public_id(session, made.public_id)


def platform_file(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join((header, *rows, "")).encode()


def uploaded(content: bytes, *, by: int = 901, source: str = "腾讯公益", ref: str = CAMPAIGN) -> RecordedBatch:
    """A file that was looked through, and not entered."""
    book = book_of(ref)
    with transaction() as session:
        return recorded_batch.upload(
            session, book=session.get_one(Book, book.id), source=source, content=content, by=by
        )


def enter_batch(batch: RecordedBatch, *, by: int = 901) -> RecordedBatch:
    with transaction() as session:
        found = recorded_batch.batch_by_public_id(session, batch.public_id)
        recorded_batch.enter_batch(session, found, by=by)
        return found


def confirm_batch(batch: RecordedBatch, *, by: int = 902, other_money: str = "") -> RecordedBatch:
    with transaction() as session:
        found = recorded_batch.batch_by_public_id(session, batch.public_id)
        recorded_batch.confirm_batch(session, found, by=by, other_money=other_money)
        return found


def available(ref: str = CAMPAIGN) -> int:
    """What the fund may spend, by its stock row."""
    statement = """
        SELECT available_minor FROM fund_stock JOIN account ON account.id = fund_stock.account_id
        WHERE account.code = 'fund:' || :ref
    """
    with transaction() as session:
        amount: int = session.execute(text(statement), {"ref": ref}).scalar_one()
        return amount
