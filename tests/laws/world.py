"""A world with one of everything that an address can name, and somebody of every role, here and elsewhere."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from donate.campaigns import complaints, updates
from donate.campaigns.models import Campaign
from donate.campaigns.photos import declare
from donate.cli.log_keys import publisher_for
from donate.db import Database, transaction
from donate.files.photo import read_photo
from donate.files.store import Store
from donate.giving import official, wishes
from donate.giving.booking import move_towards
from donate.giving.models import Donation, UnbookedMoney
from donate.giving.official_models import OfficialReceipt
from donate.giving.recurring_models import Recurring
from donate.giving.rhythm import Rhythm
from donate.ledger.models import Book
from donate.organisations.models import Organisation
from donate.payments.sandbox import wallets
from donate.publiclog.models import LogLeaf
from donate.sequencer import drain
from donate.settings import Settings
from donate.settling.lines import meet_waiting
from donate.settling.models import Met
from donate.settling.settlements import keep_payout
from tests.campaigns import factories as campaigns
from tests.files.factories import picture
from tests.giving import back
from tests.giving import factories as giving
from tests.giving import large_factories as large
from tests.giving import recorded_factories as recording
from tests.organisations import factories as organisations
from tests.people import factories as people
from tests.settling import factories as settling

CANARY_NAME = "金丝雀李"
CANARY_EMAIL = "canary.li@example.org"
CANARY_WORDS = "只给金丝雀看的话"
CANARIES = (CANARY_NAME, CANARY_EMAIL, "canary.li", CANARY_WORDS)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody signed in, with the token that their forms carry."""

    client: FlaskClient
    token: str

    def open(self, path: str, method: str = "GET", form: dict[str, str] | None = None) -> TestResponse:
        """The answer; a form carries its token, so that a refusal is for the role and for nothing else."""
        if method == "GET":
            return self.client.get(path)
        return self.client.open(path, method=method, data={"csrf_token": self.token, **(form or {})})


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """One of each thing that an address can name."""

    campaign: str
    submitted: str
    host: str
    partner: str
    update_id: int
    photo_id: int
    sha256: str
    complaint_secret: str
    complaint_id: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """Donations that came outside, one waiting and one booked, a batch, an official receipt that was asked for, and a
    transfer by which a part of the booked one is said to have gone back."""

    waiting: UUID
    booked: UUID
    secret: str
    batch: UUID
    official: UUID
    sent_back: UUID


@dataclass(frozen=True, slots=True)
class MoneyBack:
    """A payment with a refund of one donation, and its donor's wish for the other."""

    payment: UUID
    secret: str
    refund: UUID
    wish: UUID
    unbooked: int


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement, a line of the bank and one of the provider that wait to be explained, and a run that compared."""

    settlement: int
    bank_line: int
    provider_line: int
    run: int


@dataclass(frozen=True, slots=True)
class Large:
    """The request for a large donation that waits, and an alert about split ones."""

    waiting: UUID
    secret: str
    alert: int


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """References of one of each thing, and people of every role."""

    app: Flask
    things: Things
    recorded: Recorded
    large: Large
    money_back: MoneyBack
    settled: Settled
    secret: str
    log_index: int
    book: str
    month: str
    open_session: str
    waiting_session: str
    wallet_code: str
    monthly: str
    merchant: str
    people: dict[str, Person]

    @property
    def anonymous(self) -> FlaskClient:
        return self.app.test_client()


def build(app: Flask, database: Database, settings: Settings) -> World:
    """The world, with a donation that is paid, booked and numbered; its donor's name, e-mail and words are private."""
    with transaction() as session:
        things = _things(session, Store(settings.instance / "files"))
    giving.noise()
    paid = giving.paid_in_sandbox(
        settings, email=CANARY_EMAIL, name=CANARY_NAME, name_is_public=False, words=CANARY_WORDS
    )
    giving.deliver(app.test_client(), settings)
    recorded = _recorded(paid.public_id, bytes.fromhex(things.sha256))
    publisher = publisher_for(settings, database)
    publisher.start(database)
    drain(database, publisher)
    money_back = _money_back(settings)
    open_page, waiting = giving.opened(settings), giving.opened(settings)
    giving.opened(settings, method="card", name=CANARY_NAME, rhythm=Rhythm(is_monthly=True))
    with transaction() as session:
        other_host, other_partner = _organisations_of(session, "noise")
        log_index = session.scalars(select(LogLeaf.log_index).where(LogLeaf.reason == "donation")).one()
        monthly = session.scalars(select(Recurring.secret)).one()
        line = session.get_one(LogLeaf, log_index)
        book = session.get_one(Book, line.book_id).ref
        code = wallets.begin(session, giving.MERCHANT, waiting.session_id or "", "alipay")
    return World(
        app=app,
        things=things,
        recorded=recorded,
        large=_large(),
        settled=_settled(settings),
        money_back=money_back,
        secret=giving.checkout(paid.public_id).secret,
        log_index=log_index,
        book=book,
        month=f"{line.month:%Y-%m}",
        open_session=open_page.session_id or "",
        waiting_session=waiting.session_id or "",
        wallet_code=code,
        monthly=monthly,
        merchant=giving.MERCHANT,
        people=_people(app, things.host, things.partner, other_host, other_partner),
    )


def _recorded(paid: UUID, proof_sha256: bytes) -> Recorded:
    waiting = recording.entered(name=CANARY_NAME, proof_sha256=proof_sha256)
    booked = recording.confirmed(name=CANARY_NAME)
    batch = recording.uploaded(recording.platform_file(f"7,15,2026-11-20,yunxi,{CANARY_NAME},no"))
    with transaction() as session:
        behind = official.donations_behind(session, giving.checkout(paid).secret)
        official.ask(session, behind, official.MadeOutTo(CANARY_NAME, None, CANARY_EMAIL))
        asked = session.scalars(select(OfficialReceipt.public_id)).one()
    sent_back = recording.asked_back(booked, note=CANARY_WORDS)
    return Recorded(waiting.public_id, booked.public_id, booked.secret, batch.public_id, asked, sent_back.public_id)


def _money_back(settings: Settings) -> MoneyBack:
    lines = (("yunxi", 1500), ("yunxi", 700))
    made = back.paid(settings, *lines, email=CANARY_EMAIL, name=CANARY_NAME, name_is_public=False)
    refund = back.asked_for(made, 300)
    with transaction() as session:
        of = session.scalars(select(Donation.public_id).where(Donation.checkout_id == made.id)).first()
        wish = wishes.ask(session, made.secret, donation=of, words=CANARY_WORDS, wish_id=None, days=30).public_id
    less = giving.opened(settings)
    with transaction() as session:
        move_towards(session.connection(), giving.MERCHANT, giving.seen(less, currency="USD"))
        unbooked = session.scalars(select(UnbookedMoney.id)).one()
    return MoneyBack(made.public_id, made.secret, refund.public_id, wish, unbooked)


def _settled(settings: Settings) -> Settled:
    with transaction() as session:
        settling.store(session, settling.line())
    meet_waiting(settling.merchant(), settings)
    keep_payout(settling.merchant(), settling.payout(), [settling.line(line_id="txn_2")], settings)
    settling.upload(settling.row(words=CANARY_NAME, amount_minor=1490))
    suspense = next(line for line in settling.lines() if line.met == Met.SUSPENSE)
    run = settling.published("line_unexplained")
    return Settled(settling.settlement().id, settling.bank_lines()[0].id, suspense.id, run)


def _large() -> Large:
    asked = large.asked(name=CANARY_NAME, contact=CANARY_EMAIL, identity=CANARY_WORDS)
    return Large(asked.public_id, asked.secret, large.alert(asked.book_id))


def _organisations_of(session: Session, ref: str) -> tuple[str, str]:
    """References of the host and the partner of a campaign."""
    campaign = session.scalars(select(Campaign).where(Campaign.ref == ref)).one()
    host, partner = session.get_one(Organisation, campaign.host_id), session.get_one(Organisation, campaign.partner_id)
    return host.ref, partner.ref


def _things(session: Session, store: Store) -> Things:
    host = organisations.host(session)
    campaigns.book(session, host)
    partner = organisations.partner(session, of=host)
    campaign = campaigns.raising(session, host=host, partner=partner, ref="yunxi")
    giving.open_merchant(session, campaign.book_id, giving.MERCHANT)
    submitted = campaigns.submitted(session, host=host, partner=partner, ref="submitted")
    update = campaigns.update(session, campaign)
    photo = updates.add_photo(
        session,
        store,
        campaign,
        update,
        campaigns.ORGANISER,
        read_photo(picture()),
        declare(alt_zh="新灶", alt_en="The new stove", children="none"),
        token=uuid4(),
    )
    complaint_secret = complaints.receive(
        session, token=uuid4(), message=CANARY_WORDS, contact=CANARY_EMAIL, campaign_ref=campaign.ref, locale="zh"
    )
    return Things(
        campaign=campaign.ref,
        submitted=submitted.ref,
        host=host.ref,
        partner=partner.ref,
        update_id=update.id,
        photo_id=photo.id,
        sha256=photo.sha256.hex(),
        complaint_secret=complaint_secret,
        complaint_id=complaints.complaint_by_secret(session, complaint_secret).id,
    )


def _people(app: Flask, host: str, partner: str, other_host: str, other_partner: str) -> dict[str, Person]:
    """Signed-in people: each role where it belongs, and roles in organisations that have nothing to do with it."""
    given: dict[str, tuple[str | None, tuple[tuple[str, str], ...]]] = {
        "nobody": (None, ()),
        "editor": (None, ((partner, "editor"),)),
        "treasurer": (None, ((partner, "treasurer"),)),
        # Of the host as well, whose money it is; not as its owner, who would be its reviewer, too.
        "owner": (None, ((partner, "owner"), (host, "treasurer"))),
        "owner elsewhere": (None, ((other_partner, "owner"),)),
        "reviewer": (None, ((host, "reviewer"),)),
        "reviewer elsewhere": (None, ((other_host, "reviewer"),)),
        "admin": ("admin", ()),
        "auditor": ("auditor", ()),
    }
    signed_in = {}
    for name, (role, memberships) in given.items():
        with transaction() as session:
            user = people.user(session, role=role, memberships=memberships)
        client = app.test_client()
        form = {"email": user.email, "password": people.PASSWORD, "next": "/en/password"}
        page = client.post("/en/sign-in", data=form, follow_redirects=True)
        signed_in[name] = Person(client, page.text.split('name="csrf_token" value="')[1].split('"')[0])
    return signed_in
