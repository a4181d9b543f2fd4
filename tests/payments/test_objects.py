"""The sandbox's objects are what the SDK's own annotations say, and the check that says so catches faults."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from donate.db import Database, transaction
from donate.payments.models import SandboxObject
from donate.payments.sandbox import outcomes
from donate.settings import Settings
from tests.payments import factories as make
from tests.payments.annotations import faults_of

Body = dict[str, Any]


@pytest.fixture
def bodies(database: Database, settings: Settings) -> list[Body]:
    """Every object of a small world: paid in three ways, declined, expired, with fees and money available."""
    for method in ("alipay", "wechat_pay", "card"):
        _, session, _ = make.opened(settings, email="donor@example.org")
        with transaction() as own:
            outcomes.decline(own, "lunch", session.session_id)
        with transaction() as own:
            outcomes.pay(own, "lunch", session.session_id, method)
    make.opened(settings)
    client = make.sdk(settings)
    with make.later(days=8):
        items = client.v1.checkout.sessions.list({"expand": ["data.line_items", "data.payment_intent.latest_charge"]})
        balance = client.v1.balance.retrieve()
    with transaction() as own:
        stored = [dict(body) for body in own.scalars(select(SandboxObject.body))]
    return [*stored, items.to_dict(for_json=True), balance.to_dict(for_json=True)]


def test_every_object_is_what_the_sdk_says_it_is(bodies: list[Body]) -> None:
    kinds = {body["object"] for body in bodies}
    assert kinds == {
        "checkout.session",
        "payment_intent",
        "charge",
        "balance_transaction",
        "event",
        "list",
        "balance",
    }
    assert [fault for body in bodies for fault in faults_of(body)] == []


def without(name: str) -> Callable[[Body], Body]:
    return lambda body: {key: value for key, value in body.items() if key != name}


def put(name: str, value: Any) -> Callable[[Body], Body]:
    return lambda body: {**body, name: value}


@pytest.mark.parametrize(
    ("kind", "plant", "fault"),
    [
        ("charge", without("amount"), "charge.amount: missing"),
        ("charge", put("amount", "1500"), "charge.amount: '1500' is no int"),
        ("charge", put("amount", None), "charge.amount: None is no int"),
        ("charge", put("paid", 1), "charge.paid: 1 is no bool"),
        ("charge", put("colour", "red"), "charge.colour: unknown"),
        ("charge", put("status", "successful"), "charge.status: 'successful' is none of its words"),
        ("charge", put("payment_method_details", {}), "charge.payment_method_details.type: missing"),
        (
            "checkout.session",
            put("payment_method_types", "card"),
            "checkout.session.payment_method_types: 'card' is no list",
        ),
        ("checkout.session", put("ui_mode", "hosted"), "checkout.session.ui_mode: 'hosted' is none of its words"),
        ("payment_intent", put("amount_received", 1.5), "payment_intent.amount_received: 1.5 is no int"),
        ("event", put("type", "charge.exploded"), "event.type: 'charge.exploded' is none of its words"),
        (
            "balance_transaction",
            put("fee_details", [{"amount": 9}]),
            "balance_transaction.fee_details[0].currency: missing",
        ),
    ],
)
def test_a_planted_fault_is_caught(bodies: list[Body], kind: str, plant: Callable[[Body], Body], fault: str) -> None:
    healthy = next(body for body in bodies if body["object"] == kind)
    assert fault in faults_of(plant(healthy))
