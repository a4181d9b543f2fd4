"""Which raw messages are believed."""

import json
from datetime import timedelta
from typing import Any

import pytest
import stripe

from donate import clock
from donate.payments.gateway import (
    BadSignature,
    MerchantRef,
    OtherAccountsEvent,
    StaleSignature,
    UnreadableEvent,
    WrongMode,
)
from donate.payments.signature import sign
from donate.payments.stripe import StripeGateway, client_for

OLD, NEW = "whsec_old", "whsec_new"
TEST_ACCOUNT = MerchantRef(ref="lunch", provider="stripe", livemode=False, tariff="overseas")


def gateway(*secrets: str) -> StripeGateway:
    return StripeGateway(TEST_ACCOUNT, client_for("sk_test_x", False), secrets or (NEW, OLD))


def message(**changes: Any) -> bytes:
    event = {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1_790_000_000,
        "livemode": False,
        "type": "charge.updated",
        "data": {"object": {"id": "ch_1", "object": "charge", "metadata": {}}},
    }
    return json.dumps({**event, **changes}).encode()


def test_a_message_under_the_current_and_under_the_previous_secret_is_read() -> None:
    for secret in (NEW, OLD):
        event = gateway().verify(message(), sign(message(), secret, clock.now()))
        assert (event.id, event.kind, event.object_id) == ("evt_1", "charge.updated", "ch_1")


def test_our_signature_is_the_sdks() -> None:
    moment = clock.now()
    theirs = stripe.WebhookSignature.generate_signature_header(message().decode(), NEW, int(moment.timestamp()))
    assert sign(message(), NEW, moment) == theirs


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        "t=1,t=2,v1=ab",
        "t=12a,v1=ab",
        "v1=ab",
        "t=1790000000",
        "t=99999999999999999999,v1=ab",
        "t=1790000000,v1=ä",
        "t=1790000000,v0=ab",
        "x" * 5_000,
        "=,=,=",
    ],
)
def test_a_broken_header_is_refused(header: str) -> None:
    with pytest.raises(BadSignature):
        gateway().verify(message(), header)


def test_another_secret_and_a_changed_body_are_refused() -> None:
    with pytest.raises(BadSignature):
        gateway().verify(message(), sign(message(), "whsec_other", clock.now()))
    with pytest.raises(BadSignature):
        gateway().verify(message(id="evt_2"), sign(message(), NEW, clock.now()))


def test_without_a_secret_nothing_is_believed() -> None:
    bare = StripeGateway(TEST_ACCOUNT, client_for("sk_test_x", False), ())
    with pytest.raises(BadSignature):
        bare.verify(message(), sign(message(), "", clock.now()))


@pytest.mark.parametrize("seconds", [-301, 302, -86_400, 3_600])
def test_a_message_signed_too_early_or_too_late_is_refused(seconds: int) -> None:
    moment = clock.now() + timedelta(seconds=seconds)
    with pytest.raises(StaleSignature):
        gateway().verify(message(), sign(message(), NEW, moment))


@pytest.mark.parametrize("seconds", [-295, 295])
def test_five_minutes_are_tolerated_both_ways(seconds: int) -> None:
    moment = clock.now() + timedelta(seconds=seconds)
    assert gateway().verify(message(), sign(message(), NEW, moment)).id == "evt_1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"1",
        b'{"object": "list"}',
        b"[" * 100_000,
        message(data=None),
        message(data={"object": "ch_1"}),
        message(id=7),
        message(id=""),
        message(id="evt_\0"),
        message(created="now"),
        message(created=True),
        message(created=-1),
        message(created=1 << 60),
        message(livemode="false"),
        message(type=None),
    ],
)
def test_signed_nonsense_is_refused_as_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        gateway().verify(body, sign(body, NEW, clock.now()))


def test_the_other_mode_is_refused() -> None:
    body = message(livemode=True)
    with pytest.raises(WrongMode):
        gateway().verify(body, sign(body, NEW, clock.now()))


def test_another_accounts_message_is_refused() -> None:
    body = message(account="acct_other")
    with pytest.raises(OtherAccountsEvent):
        gateway().verify(body, sign(body, NEW, clock.now()))


def test_references_of_other_software_are_no_checkouts() -> None:
    body = message(data={"object": {"id": "ch_1", "metadata": {"checkout": "order 7"}}})
    assert gateway().verify(body, sign(body, NEW, clock.now())).reference is None
