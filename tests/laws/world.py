"""A world with one of everything that an address can name, and somebody of every role, here and elsewhere."""

from dataclasses import dataclass

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from donate.db import Database, transaction
from donate.sequencer import drain
from donate.settings import Settings
from tests.campaigns import factories as campaigns
from tests.giving import factories as giving
from tests.organisations import factories as organisations
from tests.people import factories as people

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
class World:
    """References of one of each thing, and clients of people."""

    app: Flask
    campaign: str
    submitted: str
    host: str
    partner: str
    update_id: int
    secret: str
    open_session: str
    merchant: str
    people: dict[str, Person]

    @property
    def anonymous(self) -> FlaskClient:
        return self.app.test_client()


def build(app: Flask, database: Database, settings: Settings) -> World:
    """The world, with a donation that is paid, booked and numbered; its donor's name, e-mail and words are private."""
    with transaction() as session:
        host = organisations.host(session)
        campaigns.book(session, host)
        partner = organisations.partner(session, of=host)
        campaign = campaigns.raising(session, host=host, partner=partner, ref="yunxi")
        giving.open_merchant(session, campaign.book_id, giving.MERCHANT)
        submitted = campaigns.submitted(session, host=host, partner=partner, ref="submitted")
        update = campaigns.update(session, campaign)
        refs = campaign.ref, submitted.ref, host.ref, partner.ref, update.id
    giving.noise()
    paid = giving.paid_in_sandbox(
        settings, email=CANARY_EMAIL, name=CANARY_NAME, name_is_public=False, words=CANARY_WORDS
    )
    client = app.test_client()
    giving.deliver(client, settings)
    drain(database)
    waiting = giving.opened(settings)
    campaign_ref, submitted_ref, host_ref, partner_ref, update_id = refs
    return World(
        app=app,
        campaign=campaign_ref,
        submitted=submitted_ref,
        host=host_ref,
        partner=partner_ref,
        update_id=update_id,
        secret=giving.checkout(paid.public_id).secret,
        open_session=waiting.session_id or "",
        merchant=giving.MERCHANT,
        people=_people(app, host_ref, partner_ref),
    )


def _people(app: Flask, host: str, partner: str) -> dict[str, Person]:
    """Signed-in people: each role where it belongs, and the same role in an organisation that has nothing to do here."""
    given: dict[str, tuple[str | None, tuple[tuple[str, str], ...]]] = {
        "nobody": (None, ()),
        "editor": (None, ((partner, "editor"),)),
        "treasurer": (None, ((partner, "treasurer"),)),
        "owner": (None, ((partner, "owner"),)),
        "editor elsewhere": (None, (("elsewhere", "editor"),)),
        "reviewer": (None, ((host, "reviewer"),)),
        "reviewer elsewhere": (None, (("elsewhere", "reviewer"),)),
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
