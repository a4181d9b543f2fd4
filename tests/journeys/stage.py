"""Every page that there is to be looked at: each address of the laws' world, and the states that an address can have."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns import complaints
from donate.campaigns.models import Campaign
from donate.db import transaction
from donate.giving import booking
from donate.giving.models import Checkout, CheckoutState
from donate.giving.recurring_models import Recurring, RecurringState, StopReason
from donate.giving.rhythm import Rhythm
from donate.giving.service import start_checkout
from donate.giving.sync import sync_checkout
from donate.organisations.models import Licence, Organisation
from donate.payments.models import ProviderEvent, SandboxObject
from donate.payments.sandbox import delayed, outcomes, wallets
from donate.payments.sandbox.wallets import Answer
from donate.people.models import User
from donate.settings import Settings
from tests.campaigns import factories as campaigns
from tests.giving import factories as giving
from tests.laws.addresses import LETS_IN, addresses
from tests.laws.world import World

# Who of the laws' people opens the pages of an audience; of the others, the first whom it lets in.
OPENS = {"organiser": "owner", "reviewer": "reviewer", "staff": "admin", "auditor": "auditor"}


class Sight(NamedTuple):
    """A page: its path in English, the status that it answers with, and whether a form may be sent to it."""

    path: str
    status: int
    takes_form: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """The world, and its pages by audience."""

    world: World
    pages: dict[str, list[Sight]]

    def person_of(self, audience: str) -> str | None:
        """Whose window opens the pages of an audience; nobody's for those that are open to all."""
        return OPENS.get(audience, min(LETS_IN[audience])) if audience in LETS_IN else None

    def cookie_of(self, person: str) -> tuple[str, str]:
        """The session cookie of somebody who is signed in."""
        name = self.world.app.config["SESSION_COOKIE_NAME"]
        cookie = self.world.people[person].client.get_cookie(name)
        assert cookie is not None
        return name, cookie.value


def set_up(world: World, settings: Settings) -> Stage:
    """The states that no address of the world shows yet, and then every page."""
    stage = Stage(world, {})
    states = _states(world, settings)
    for address in addresses(world):
        if "GET" in address.methods and address.path.startswith("/en/"):
            _add(stage, address.audience, address.path, "POST" in address.methods)
    for audience, paths in states.items():
        for path in paths:
            _add(stage, audience, path, False)
    return stage


def _add(stage: Stage, audience: str, path: str, takes_form: bool) -> None:
    """Add it if it is a page of its own: no file, no redirect to another."""
    person = stage.person_of(audience)
    client = stage.world.anonymous if person is None else stage.world.people[person].client
    answer = client.get(path)
    if answer.mimetype == "text/html" and answer.location is None:
        stage.pages.setdefault(audience, []).append(Sight(path, answer.status_code, takes_form))


def _states(world: World, settings: Settings) -> dict[str, list[str]]:
    confirming, paying = _checkouts(settings)
    refused = _refused_promises(settings)
    with transaction() as session:
        host = session.scalars(select(Organisation).filter_by(ref=world.things.host)).one()
        partner = session.scalars(select(Organisation).filter_by(ref=world.things.partner)).one()
        draft = campaigns.draft(session, host=host, partner=partner, ref="draft", use_zh="", use_en="", goal_minor=None)
        paused = campaigns.raising(session, ref="paused")
        giving.open_merchant(session, paused.book_id, "paused")
        for licence in session.scalars(select(Licence).filter_by(organisation_id=paused.host_id)):
            licence.valid_to_on = date(2026, 1, 2)
        campaign = session.scalars(select(Campaign).filter_by(ref=world.things.campaign)).one()
        unfinished = campaigns.update(session, campaign, publish=False)
        answered = complaints.receive(
            session, token=uuid4(), message="The soup was cold.", contact="", campaign_ref=campaign.ref, locale="en"
        )
        complaints.answer(
            session,
            complaint_id=complaints.complaint_by_secret(session, answered).id,
            user_id=session.scalars(select(User.id).filter_by(role="admin")).one(),
            text="It is warm again since Monday.",
        )
        session.add(_failed_event())
        drafts = f"/en/desk/c/{draft.ref}"
        return {
            "public": [
                "/en/campaigns?q=xinhuang&all=yes",
                "/en/nowhere",
                "/en/campaigns?q=nothing-like-it",
                f"/en/c/{paused.ref}",
                "/en/ledger?month=soon",
                "/en/ledger?reason=refund",
                "/en/ledger/0",
                f"/en/complain?campaign={campaign.ref}",
                f"/en/complain/{answered}",
            ],
            "donor": [*confirming, *paying, *refused, f"/en/give/{paused.ref}"],
            "organiser": [
                drafts,
                *(f"{drafts}/{page}" for page in ("edit", "photo", "price")),
                f"/en/desk/c/{campaign.ref}/updates/{unfinished.id}",
                f"/en/desk/c/{campaign.ref}/updates/{unfinished.id}/photos?saved=yes",
            ],
            "user": ["/en/staff"],
            "reviewer": [f"/en/review/c/{campaign.ref}"],
        }


def _checkouts(settings: Settings) -> tuple[list[str], list[str]]:
    """A page that confirms for each state of a checkout, and the sandbox's page for each state of a session."""
    made = {name: giving.opened(settings) for name in ("open", "processing", "expired", "failed", "less", "other")}
    paid = giving.paid_in_sandbox(settings)
    with transaction() as session:
        created = start_checkout(session, giving.new_checkout())
        for state in (CheckoutState.PROCESSING, CheckoutState.EXPIRED, CheckoutState.FAILED):
            session.get_one(Checkout, made[state].id).state = state.value
        connection = session.connection()
        booking.move_towards(connection, giving.MERCHANT, giving.seen(made["less"], amount_minor=1400))
        booking.move_towards(connection, giving.MERCHANT, giving.seen(made["other"], currency="USD"))
        outcomes.decline(session, giving.MERCHANT, made["open"].session_id or "")
    secrets = [created.secret, *(checkout.secret for checkout in made.values())]
    confirming = [f"/en/paid/{secret}" for secret in secrets]
    sessions = [made["open"].session_id, paid.session_id]
    begun, wallet_pages = _wallets(settings)
    pages = [f"/en/sandbox/pay/{ref}" for ref in sessions] + wallet_pages
    return [*confirming, *begun, f"{confirming[1]}?still=yes"], pages


def _wallets(settings: Settings) -> tuple[list[str], list[str]]:
    """Where a wallet is waited for, and the wallet's own page after every answer."""
    names = ("waits", "turned_back", *Answer)
    made = {name: giving.opened(settings) for name in names}
    with transaction() as session:
        codes = {
            name: wallets.begin(session, giving.MERCHANT, checkout.session_id or "", "alipay")
            for name, checkout in made.items()
        }
        wallets.turn_back(session, giving.MERCHANT, made["turned_back"].session_id or "")
        for given in Answer:
            wallets.answer(session, codes[given], given)
        worked_on = (_intent_of(session, made[given]) for given in (Answer.LATER_YES, Answer.LATER_NO))
        for intent, is_over in zip(worked_on, (False, True), strict=True):
            intent.ripe_at = None  # held as it is
            if is_over:
                delayed.ripen(session, intent, clock.now())
    waiting = f"/en/sandbox/pay/{made['waits'].session_id}/waiting"
    own = [f"/en/sandbox/wallet/{code}" for code in codes.values()]
    ended = [f"/en/sandbox/pay/{made[name].session_id}" for name in Answer]
    here = [f"/en/sandbox/wallet/{codes['waits']}?here=yes", f"/en/sandbox/wallet/{codes[Answer.YES]}?here=left"]
    begun = [f"/en/paid/{made['waits'].secret}", f"/en/paid/{made[Answer.LATER_YES].secret}"]
    return begun, [waiting, f"{waiting}?still=yes", *own, *ended, *here]


def _refused_promises(settings: Settings) -> list[str]:
    """The receipt and the page of a monthly donation that a bank refuses, and of one that ended by it."""
    made = [giving.paid_in_sandbox(settings, method="card", rhythm=Rhythm(is_monthly=True)) for _ in range(2)]
    pages, now = [], clock.now()
    for checkout, state in zip(made, (RecurringState.PAST_DUE, RecurringState.ENDED), strict=True):
        sync_checkout(checkout.public_id, settings)
        with transaction() as session:
            recurring = session.scalars(select(Recurring).filter_by(checkout_id=checkout.id)).one()
            recurring.state, recurring.next_sync_at = state.value, None
            recurring.seen_at = now + timedelta(days=1)  # held as it is, whatever messages come
            if state is RecurringState.PAST_DUE:
                recurring.next_attempt_at = now + timedelta(days=3)
            else:
                recurring.stop_reason, recurring.ended_at = StopReason.PAYMENT.value, now
            pages += [f"/en/r/{checkout.secret}", f"/en/monthly/{recurring.secret}"]
    return pages


def _intent_of(session: Session, checkout: Checkout) -> SandboxObject:
    of = select(SandboxObject).filter_by(object_id=checkout.session_id)
    intent_id = session.scalars(of).one().body["payment_intent"]
    return session.scalars(select(SandboxObject).filter_by(object_id=intent_id)).one()


def _failed_event() -> ProviderEvent:
    now = clock.now()
    return ProviderEvent(
        merchant=giving.MERCHANT,
        event_id="evt_failed",
        kind="charge.updated",
        api_version="2026-01-01",
        object_id="ch_1",
        body=b"{}",
        occurred_at=now,
        received_at=now,
        next_attempt_at=now + timedelta(days=1),
        outcome="failed",
        attempts=3,
        last_error="LookupError",
    )
