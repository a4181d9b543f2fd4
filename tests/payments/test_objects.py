"""The sandbox's objects are what the SDK's own annotations say, and the check that says so catches faults."""

from collections.abc import Callable
from typing import Any

import pytest

from donate.payments.sandbox import (
    api,
)
from donate.settings import Settings
from tests.payments.annotations import faults_of
from tests.payments.everything import Body, asked


def test_every_object_is_what_the_sdk_says_it_is(world: list[Body]) -> None:
    assert {
        "checkout.session",
        "payment_intent",
        "charge",
        "refund",
        "dispute",
        "radar.early_fraud_warning",
        "payout",
        "balance_transaction",
        "customer",
        "subscription",
        "invoice",
        "event",
    } <= {body["object"] for body in world}
    assert [fault for body in world for fault in faults_of(body)] == []


def test_events_of_every_family_came_to_pass(world: list[Body]) -> None:
    told = {body["type"] for body in world if body["object"] == "event"}
    families = (
        "refund.",
        "charge.refunded",
        "charge.dispute.",
        "radar.",
        "payout.",
        "invoice.",
        "customer.",
        "checkout.",
    )
    assert [family for family in families if not any(kind.startswith(family) for kind in told)] == []


# What each route is asked in the walk below: the kind of object whose id stands in its path, and its parameters. A new
# route without a line here fails.
ASKED: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("POST", "/v1/checkout/sessions"): (
        "",
        {
            "mode": "payment",
            "success_url": "https://a.example/",
            "line_items[0][quantity]": 1,
            "line_items[0][price_data][currency]": "cny",
            "line_items[0][price_data][unit_amount]": 1500,
            "line_items[0][price_data][product_data][name]": "Lunch",
        },
    ),
    ("GET", "/v1/checkout/sessions"): ("", {"expand[]": "data.line_items"}),
    ("GET", "/v1/checkout/sessions/<id>"): ("checkout.session", {"expand[]": "payment_intent.latest_charge"}),
    ("POST", "/v1/checkout/sessions/<id>/expire"): ("checkout.session", {}),
    ("GET", "/v1/checkout/sessions/<id>/line_items"): ("checkout.session", {}),
    ("GET", "/v1/payment_intents/<id>"): ("payment_intent", {}),
    ("GET", "/v1/charges/<id>"): ("charge", {"expand[]": "refunds.data.balance_transaction"}),
    ("GET", "/v1/charges"): ("", {"limit": 100}),
    ("GET", "/v1/balance_transactions/<id>"): ("balance_transaction", {"expand[]": "source"}),
    ("GET", "/v1/balance_transactions"): ("", {"limit": 100}),
    ("POST", "/v1/refunds"): ("", {"charge": "<charge>", "amount": 1}),
    ("GET", "/v1/refunds"): ("", {"limit": 100}),
    ("GET", "/v1/refunds/<id>"): ("refund", {"expand[]": "charge"}),
    ("POST", "/v1/refunds/<id>"): ("refund", {"metadata[a]": "b"}),
    ("POST", "/v1/refunds/<id>/cancel"): ("refund", {}),
    ("GET", "/v1/disputes"): ("", {"limit": 100}),
    ("GET", "/v1/disputes/<id>"): ("dispute", {"expand[]": "charge"}),
    ("POST", "/v1/disputes/<id>/close"): ("dispute", {}),
    ("GET", "/v1/radar/early_fraud_warnings"): ("", {}),
    ("GET", "/v1/radar/early_fraud_warnings/<id>"): ("radar.early_fraud_warning", {}),
    ("POST", "/v1/payouts"): ("", {"amount": 1, "currency": "cny"}),
    ("GET", "/v1/payouts"): ("", {}),
    ("GET", "/v1/payouts/<id>"): ("payout", {"expand[]": "balance_transaction"}),
    ("POST", "/v1/payouts/<id>/cancel"): ("payout", {}),
    ("GET", "/v1/events/<id>"): ("event", {}),
    ("GET", "/v1/events"): ("", {"limit": 100}),
    ("GET", "/v1/balance"): ("", {}),
    ("GET", "/v1/account"): ("", {}),
    ("GET", "/v1/payment_method_configurations"): ("", {}),
    ("GET", "/v1/webhook_endpoints"): ("", {}),
    ("GET", "/v1/customers/<id>"): ("customer", {}),
    ("GET", "/v1/subscriptions"): ("", {}),
    ("GET", "/v1/subscriptions/<id>"): ("subscription", {}),
    ("POST", "/v1/subscriptions/<id>"): ("subscription", {"cancel_at_period_end": "true"}),
    ("DELETE", "/v1/subscriptions/<id>"): ("subscription", {}),
    ("GET", "/v1/invoices"): ("", {}),
    ("GET", "/v1/invoices/<id>"): ("invoice", {}),
    ("GET", "/v1/invoice_payments"): ("", {}),
    ("GET", "/v1/invoice_payments/<id>"): ("invoice_payment", {}),
}


def test_every_route_answers_what_the_sdk_says(world: list[Body], settings: Settings) -> None:
    """Each route with the first object of its kind that it takes; an object that every one refuses is a fault."""
    assert {(method, path) for method, path, _ in api.ROUTES} == set(ASKED)
    assert [fault for route in ASKED for fault in faults_of_route(settings, world, *route)] == []


def faults_of_route(settings: Settings, world: list[Body], method: str, path: str) -> list[str]:
    kind, params = ASKED[method, path]
    given = {**params, "charge": ids_of(world, "charge")[0]} if "charge" in params else params
    answers = [asked(settings, method, path.replace("<id>", some), given) for some in ids_of(world, kind) or [""]]
    taken = next((body for status, body in answers if status == 200), None)
    if taken is None:
        return [f"{method} {path}: {answers[-1][1]['error']['message']}"]
    world.append(taken)  # what one route makes, another takes
    return [f"{method} {path}: {fault}" for fault in faults_of(taken)]


def ids_of(world: list[Body], kind: str) -> list[str]:
    """Newest first, so that a state that can still be changed is among the first."""
    return [body["id"] for body in world if body["object"] == kind][::-1]


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
        ("refund", without("currency"), "refund.currency: missing"),
        ("refund", put("amount", "300"), "refund.amount: '300' is no int"),
        ("dispute", put("status", "open"), "dispute.status: 'open' is none of its words"),
        ("dispute", put("evidence_details", {"due_by": 1}), "dispute.evidence_details.past_due: missing"),
        ("dispute", put("balance_transactions", [{}]), "dispute.balance_transactions[0].amount: missing"),
        ("payout", put("automatic", "yes"), "payout.automatic: 'yes' is no bool"),
        ("payout", put("trace_id", {"value": None}), "payout.trace_id.status: missing"),
        ("radar.early_fraud_warning", without("actionable"), "radar.early_fraud_warning.actionable: missing"),
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
