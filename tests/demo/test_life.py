"""The trickle: a sample donation travels the whole way, and the thread stops when told."""

import time
from dataclasses import replace
from datetime import timedelta
from random import Random
from threading import Event, Thread

import pytest
from sqlalchemy import func, select

from donate import clock, create_app
from donate.demo import life
from donate.giving.models import Checkout
from donate.ledger.models import CampaignTotal, Entry
from donate.payments.models import ProviderEvent
from donate.payments.sandbox.deliveries import post_in_process
from donate.sequencer import drain
from tests.demo.conftest import BuiltWorld


def received(sample: BuiltWorld, campaign: str) -> int:
    with sample.database.reading() as session:
        return session.scalars(select(CampaignTotal.received_minor).filter_by(campaign=campaign)).one()


def give(sample: BuiltWorld, seed: int) -> life.SampleDonation:
    """One donation that was not thought better of."""
    random = Random(seed)
    given = None
    while given is None:
        given = life.give_once(sample.settings, random)
    return given


def test_a_sample_donation_reaches_the_public_total_by_a_signed_message(sample: BuiltWorld):
    app = create_app(sample.settings, sample.database)
    given = give(sample, seed=1)
    before = received(sample, given.campaign)
    life.carry_messages(sample.settings, given, post_in_process(app))
    drain(sample.database)
    assert received(sample, given.campaign) == before + given.amount_minor
    with sample.database.reading() as session:
        kinds = set(session.scalars(select(ProviderEvent.kind).where(ProviderEvent.outcome == "handled")))
    assert "checkout.session.completed" in kinds


def test_its_fee_follows_when_the_provider_knows_it(sample: BuiltWorld):
    app = create_app(sample.settings, sample.database)
    given = give(sample, seed=2)
    life.carry_messages(sample.settings, given, post_in_process(app))
    with clock.frozen_at(clock.now() + timedelta(seconds=4)):
        life.carry_messages(sample.settings, given, post_in_process(app))
    with sample.database.reading() as session:
        newest = session.scalars(select(Checkout).order_by(Checkout.id.desc()).limit(1)).one()
    assert newest.state == "paid"
    assert newest.fee_minor is not None
    assert newest.next_sync_at is None


def test_only_open_campaigns_below_their_goal_are_given_to(sample: BuiltWorld):
    random = Random(3)
    donations = [given for _ in range(12) if (given := life.give_once(sample.settings, random)) is not None]
    assert not {given.campaign for given in donations} & {"jiaxian", "dongxiang", "tongde", "xichuan", "hefeng"}


def test_the_trickle_posts_to_the_running_site_and_stops_when_told(site: BuiltWorld, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(life, "SHORTEST_PAUSE", 0)
    monkeypatch.setattr(life, "LONGEST_PAUSE", 0)
    monkeypatch.setattr(life, "LEAVES_CHANCE", 0)
    with site.database.reading() as session:
        before = session.scalar(select(func.count()).select_from(Entry))
    stop = Event()
    thread = Thread(target=life.trickle, args=(site.database, site.settings, stop))
    thread.start()
    give_up_at = time.monotonic() + 10
    after = before
    while after == before and time.monotonic() < give_up_at:
        time.sleep(0.05)
        with site.database.reading() as session:
            after = session.scalar(select(func.count()).select_from(Entry))
    stop.set()
    thread.join(timeout=5)
    assert after > before
    assert not thread.is_alive()


def test_a_site_that_does_not_answer_ends_nothing(sample: BuiltWorld, monkeypatch: pytest.MonkeyPatch):
    nowhere = replace(sample.settings, base_url="http://127.0.0.1:9")
    life.carry_messages(nowhere, give(sample, seed=5))
    life.carry_messages(nowhere, give(sample, seed=6))
