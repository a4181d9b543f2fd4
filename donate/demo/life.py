"""The sample world goes on: every few seconds an invented donor gives through the sandbox, along the path of a real one.

A checkout is committed, the SDK opens the provider's page, the donor's outcome is pressed there, and signed messages
arrive at the running site over HTTP. Nothing here writes to the ledger.
"""

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from threading import Event
from uuid import uuid4

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from donate import clock
from donate.campaigns.queries import CampaignForGiving, campaign_for_giving
from donate.db import Database, bind, reading, transaction
from donate.demo.content import campaigns
from donate.demo.past import ZONE, draw_amount, draw_donor, draw_locale, draw_method
from donate.errors import DonateError
from donate.giving import token
from donate.giving.forms import ChosenDonation, GiveForm
from donate.giving.models import Checkout
from donate.giving.payment import begin_payment
from donate.giving.service import NewCheckout
from donate.ledger.models import CampaignTotal, MerchantAccount
from donate.payments.sandbox import deliveries, outcomes
from donate.settings import Settings

SHORTEST_PAUSE, LONGEST_PAUSE = 4, 11
MOST_DONATIONS = 5_000  # of one run: an open laptop must not fill its disk
LEAVES_CHANCE, DECLINED_CHANCE = 0.03, 0.2
FEE_KNOWN_AFTER = outcomes.FEE_AFTER + timedelta(seconds=1)

_lines = structlog.get_logger("donate.demo")


@dataclass(frozen=True, slots=True)
class SampleDonation:
    """What was given, and on which account's page."""

    merchant: str
    campaign: str
    amount_minor: int


def trickle(database: Database, settings: Settings, stop: Event) -> None:
    """Give every few seconds until `stop` is set. A site that does not answer yet is tried again."""
    bind(database)
    random = Random()
    for _ in range(MOST_DONATIONS):
        if stop.wait(random.uniform(SHORTEST_PAUSE, LONGEST_PAUSE)):
            return
        try:
            given = give_once(settings, random)
            if given is None:
                continue
            carry_messages(settings, given)
            if stop.wait(FEE_KNOWN_AFTER.total_seconds()):
                return
            carry_messages(settings, given)
        except (DonateError, DBAPIError) as error:
            _lines.warning("a sample donation did not go through", problem=type(error).__name__)


def give_once(settings: Settings, random: Random) -> SampleDonation | None:
    """One donor gives to one open campaign; a few change their mind on the provider's page, and then it is None."""
    campaign = _open_campaign(random)
    if campaign is None:
        return None
    locale = draw_locale(random)
    form = _form(random, campaign, locale)
    merchant_id, merchant = _merchant_of(campaign)
    new = NewCheckout(
        public_id=uuid4(),
        book_id=campaign.book_id,
        merchant_account_id=merchant_id,
        currency=campaign.currency,
        locale=locale,
        form=form,
        content_sha256=token.content_hash(settings.secret_key, form.content),
    )
    begin_payment(new, settings)
    if random.random() < LEAVES_CHANCE:
        return None
    _press(random, new, merchant)
    return SampleDonation(merchant, campaign.ref, form.amount_minor)


def _merchant_of(campaign: CampaignForGiving) -> tuple[int, str]:
    """Where the campaign's money is taken: id and reference."""
    query = select(MerchantAccount.id, MerchantAccount.ref).where(MerchantAccount.book_id == campaign.book_id)
    with reading() as session:
        merchant_id, merchant = session.execute(query).one()
    return merchant_id, merchant


def _press(random: Random, new: NewCheckout, merchant: str) -> None:
    """What the donor does on the sandbox's page: pay, sometimes at the second try."""
    with transaction() as session:
        session_id = session.scalars(select(Checkout.session_id).where(Checkout.public_id == new.public_id)).one()
        assert session_id is not None
        if new.form.method == "card" and random.random() < DECLINED_CHANCE:
            outcomes.decline(session, merchant, session_id)
        outcomes.pay(session, merchant, session_id, new.form.method)


def carry_messages(settings: Settings, given: SampleDonation, post: deliveries.Post | None = None) -> None:
    """Post what the sandbox has to say, signed, to the running site; what is refused is sent again later."""
    to_site = post or deliveries.post_over_http(settings.base_url)
    deliveries.deliver_due(settings.secret_key, to_site, merchant=given.merchant)


def _open_campaign(random: Random) -> CampaignForGiving | None:
    """A campaign that takes donations today and has not reached its goal; busy ones more often."""
    texts = [text for text in campaigns() if text.weight]
    today = clock.today(ZONE.key)
    with reading() as session:
        received = dict(session.execute(select(CampaignTotal.campaign, CampaignTotal.received_minor)).all())
        while texts:
            text = random.choices(texts, [text.weight for text in texts])[0]
            campaign = campaign_for_giving(session, text.ref, today)
            if campaign.closed_reason is None and received.get(text.ref, 0) < text.goal_minor:
                return campaign
            texts.remove(text)
    return None


def _form(random: Random, campaign: CampaignForGiving, locale: str) -> GiveForm:
    amount_minor = draw_amount(random, campaign.unit_price_minor)
    name, name_is_public, words = draw_donor(random, locale)
    return GiveForm(
        lines=(ChosenDonation(campaign.ref, amount_minor),),
        method=draw_method(random, amount_minor, campaign.on),
        name=name,
        name_is_public=name_is_public,
        email=None,
        words=words,
    )
