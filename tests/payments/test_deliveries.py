"""The sandbox's post is as unreliable as the real one, and arrives in the end."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from donate import clock
from donate.db import Database, transaction
from donate.payments.gateway import Event, Gateway
from donate.payments.sandbox import deliveries, outcomes
from donate.settings import Settings
from tests.payments import factories as make


class Letterbox:
    """Takes messages as our webhook would, or refuses them with `status`."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.status = 200
        self.events: list[Event] = []
        self.signatures: list[str] = []

    def __call__(self, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.signatures.append(headers["Stripe-Signature"])
        self.events.append(self.gateway.verify(body, headers["Stripe-Signature"]))
        return self.status

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


def paid(settings: Settings, **disturbance: int) -> Letterbox:
    gateway, session, _ = make.opened(settings)
    if disturbance:
        deliveries.disturb(session.session_id, **disturbance)
    with transaction() as own:
        outcomes.pay(own, "lunch", session.session_id, "alipay")
    return Letterbox(gateway)


def post_for(settings: Settings, box: Letterbox, seconds: int) -> None:
    """Let the postman come once a second."""
    begin = clock.now()
    for second in range(seconds + 1):
        with clock.frozen_at(begin + timedelta(seconds=second)):
            deliveries.deliver_due(settings.secret_key, box)


def test_the_fee_follows_the_payment_by_two_seconds(database: Database, settings: Settings) -> None:
    box = paid(settings)
    post_for(settings, box, 1)
    assert box.kinds == ["checkout.session.completed"]
    post_for(settings, box, 4)
    assert box.kinds == ["checkout.session.completed", "charge.updated"]


def test_duplicates_carry_the_same_id(database: Database, settings: Settings) -> None:
    box = paid(settings, duplicates=2)
    post_for(settings, box, 0)
    assert box.kinds == ["checkout.session.completed"] * 3
    assert len({event.id for event in box.events}) == 1


def test_a_late_message_is_overtaken_by_the_fee(database: Database, settings: Settings) -> None:
    box = paid(settings, late_seconds=6)
    post_for(settings, box, 8)
    assert box.kinds == ["charge.updated", "checkout.session.completed"]


def test_lost_messages_are_sent_again(database: Database, settings: Settings) -> None:
    box = paid(settings, lost_first=2)
    post_for(settings, box, 12)
    assert sorted(box.kinds) == ["charge.updated", "checkout.session.completed"]


@pytest.mark.parametrize("status", [400, 500, 503, 302, 0])
def test_a_refused_message_is_sent_again_with_a_fresh_signature(
    database: Database, settings: Settings, status: int
) -> None:
    box = paid(settings)
    box.status = status
    post_for(settings, box, 1)
    assert len(box.events) == 1
    box.status = 200
    with make.later(seconds=400):  # beyond what the first signature would be believed
        deliveries.deliver_due(settings.secret_key, box)
        assert deliveries.deliver_due(settings.secret_key, box) == 0
    assert box.kinds.count("checkout.session.completed") == 2
    assert box.signatures[0] != box.signatures[-1]


def test_an_unreachable_server_answers_nothing(settings: Settings) -> None:
    post = deliveries.post_over_http("http://127.0.0.1:9")
    assert post("/webhooks/sandbox/lunch", b"{}", {}) == 0


def test_expiry_is_told_as_well(database: Database, settings: Settings) -> None:
    gateway, _, reference = make.opened(settings)
    box = Letterbox(gateway)
    with make.later(minutes=32):
        deliveries.deliver_due(settings.secret_key, box)
    assert [(event.kind, event.reference) for event in box.events] == [("checkout.session.expired", reference)]


def test_one_merchants_post_can_be_sent_alone(database: Database, settings: Settings) -> None:
    box = paid(settings)
    assert deliveries.deliver_due(settings.secret_key, box, merchant="noise") == 0
    assert deliveries.deliver_due(settings.secret_key, box, merchant="lunch") == 1


def test_old_answers_and_messages_are_forgotten(database: Database, settings: Settings) -> None:
    box = paid(settings)
    post_for(settings, box, 0)
    assert deliveries.tidy() == 0
    with make.later(days=8):
        assert deliveries.tidy() == 2
