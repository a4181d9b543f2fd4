"""The provider's door, with messages signed as the provider signs them."""

import json
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from donate import clock
from donate.db import Database, bind, transaction
from donate.giving.models import Checkout
from donate.giving.sync import sync_checkout
from donate.payments.gateway import ProviderUnavailable
from donate.payments.sandbox import deliveries, keys, outcomes, ripening
from donate.payments.signature import sign
from donate.settings import Settings
from donate.settling.messages import handle_waiting
from tests.giving import factories as make


def event(made: Checkout, kind: str = "checkout.session.completed", **changes: Any) -> bytes:
    """A message about a checkout's session, as the provider writes it."""
    session = {
        "id": made.session_id,
        "object": "checkout.session",
        "status": "complete",
        "payment_status": "paid",
        "amount_total": made.amount_minor,
        "currency": made.currency.lower(),
        "client_reference_id": str(made.public_id),
        "metadata": {"checkout": str(made.public_id)},
    } | changes
    message = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": kind,
        "created": int(clock.now().timestamp()),
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": session},
    }
    return json.dumps(message).encode()


def post(client: FlaskClient, settings: Settings, body: bytes, *, to: str = make.MERCHANT, by: str = "") -> int:
    signature = sign(body, keys.webhook_secret(settings.secret_key, by or to), clock.now())
    answer = client.post(f"/webhooks/sandbox/{to}", data=body, headers={"Stripe-Signature": signature})
    assert "Set-Cookie" not in answer.headers
    return answer.status_code


def events() -> list[tuple[str, str]]:
    with transaction() as session:
        rows = session.execute(text("SELECT kind, outcome FROM provider_event ORDER BY id"))
        return [(kind, outcome) for kind, outcome in rows]


@pytest.fixture
def made(client: FlaskClient, settings: Settings) -> Checkout:
    make.raising()
    make.noise()
    return make.opened(settings)


def test_a_signed_message_books_the_donation(client: FlaskClient, settings: Settings, made: Checkout) -> None:
    assert post(client, settings, event(made)) == 200
    assert make.booked() == [make.DONATION]
    assert events() == [("checkout.session.completed", "handled")]


def test_the_same_message_twice_books_once(client: FlaskClient, settings: Settings, made: Checkout) -> None:
    body = event(made)
    assert [post(client, settings, body), post(client, settings, body), post(client, settings, event(made))] == [
        200
    ] * 3
    assert make.booked() == [make.DONATION]
    assert len(events()) == 2


def test_the_usual_message_is_taken_at_its_word(
    client: FlaskClient, settings: Settings, made: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("donate.payments.stripe.StripeGateway.read_session", _unreachable)
    assert post(client, settings, event(made)) == 200
    assert make.booked() == [make.DONATION]


def _unreachable(*_: object) -> None:
    raise ProviderUnavailable


@pytest.mark.parametrize(
    ("kind", "changes", "state"),
    [
        ("checkout.session.completed", {"payment_status": "unpaid"}, "processing"),
        ("checkout.session.async_payment_succeeded", {}, "paid"),
        ("checkout.session.async_payment_failed", {"payment_status": "unpaid"}, "failed"),
        ("checkout.session.expired", {"status": "expired", "payment_status": "unpaid"}, "expired"),
    ],
)
def test_each_kind_moves_the_checkout(
    client: FlaskClient, settings: Settings, made: Checkout, kind: str, changes: dict[str, str], state: str
) -> None:
    assert post(client, settings, event(made, kind, **changes)) == 200
    assert make.checkout(made.public_id).state == state


def test_an_unknown_kind_is_stored_and_ignored(client: FlaskClient, settings: Settings, made: Checkout) -> None:
    assert post(client, settings, event(made, "customer.created")) == 200
    assert events() == [("customer.created", "ignored")]
    assert make.booked() == []


def test_a_wrong_signature_leaves_no_trace(client: FlaskClient, settings: Settings, made: Checkout) -> None:
    body = event(made)
    assert post(client, settings, body, by="noise") == 400
    assert client.post("/webhooks/sandbox/lunch", data=body).status_code == 400
    assert events() == []


@pytest.mark.parametrize("body", [b"", b"nonsense", b"\xff\xfe", b"[]", b"{}", b'{"object": "event"}', b"null"])
def test_signed_nonsense_is_refused(client: FlaskClient, settings: Settings, made: Checkout, body: bytes) -> None:
    assert post(client, settings, body) == 400
    assert events() == []


def test_live_messages_never_reach_a_test_account(client: FlaskClient, settings: Settings, made: Checkout) -> None:
    body = event(made).replace(b'"livemode": false', b'"livemode": true')
    assert post(client, settings, body) == 400
    assert (events(), make.booked()) == ([], [])


def test_an_unknown_account_or_provider_is_not_found(client: FlaskClient, settings: Settings, made: Checkout) -> None:
    assert post(client, settings, event(made), to="nobody") == 404
    assert client.post("/webhooks/stripe/lunch", data=b"{}").status_code == 404
    assert client.get("/webhooks/sandbox/lunch").status_code == 405


def test_a_wrong_amount_goes_to_suspense(client: FlaskClient, settings: Settings, made: Checkout) -> None:
    assert post(client, settings, event(made, amount_total=1400)) == 200
    assert [(entry.credit, entry.amount_minor) for entry in make.booked()] == [("suspense", 1400)]
    assert client.get(f"/en/r/{made.secret}").status_code == 303
    page = client.get(f"/en/paid/{made.secret}").text
    assert "not as agreed" in page


def test_a_page_that_was_left_without_a_charge_is_no_donation(
    client: FlaskClient, settings: Settings, made: Checkout
) -> None:
    body = event(made, amount_total=0, payment_status="no_payment_required")
    assert post(client, settings, body) == 200
    assert (make.booked(), make.checkout(made.public_id).state) == ([], "failed")


def test_another_accounts_message_does_not_book_to_our_campaign(
    client: FlaskClient, settings: Settings, made: Checkout
) -> None:
    assert post(client, settings, event(made, id="cs_of_noise"), to="noise") == 200
    assert [entry.credit for entry in make.booked()] == ["suspense"]
    assert make.checkout(made.public_id).state == "open"


def test_our_own_message_at_another_accounts_door_is_kept_for_staff_and_books_nothing(
    client: FlaskClient, settings: Settings, made: Checkout
) -> None:
    assert post(client, settings, event(made), to="noise") == 200
    assert (make.booked(), events()) == ([], [("checkout.session.completed", "failed")])
    assert post(client, settings, event(made)) == 200
    assert make.booked() == [make.DONATION]


def test_a_failure_is_kept_and_tried_again(
    client: FlaskClient, settings: Settings, made: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("donate.giving.sync.move_all_towards", _unreachable)
        patch.setattr("donate.giving.sync.move_towards", _unreachable)
        assert post(client, settings, event(made)) == 200
    assert events() == [("checkout.session.completed", "failed")]
    with clock.frozen_at(clock.now() + make.FEE_KNOWN * 20):
        assert handle_waiting(settings) == 1
    assert events() == [("checkout.session.completed", "handled")]
    assert make.booked() == [make.DONATION]


def test_a_declined_card_leaves_the_checkout_open(client: FlaskClient, settings: Settings, made: Checkout) -> None:
    with transaction() as session:
        outcomes.decline(session, make.MERCHANT, made.session_id or "")
    assert set(make.deliver(client, settings)) <= {200}
    assert make.checkout(made.public_id).state == "open"


def test_a_fee_that_overtakes_its_payment_books_both(client: FlaskClient, settings: Settings, made: Checkout) -> None:
    deliveries.disturb(made.session_id or "", late_seconds=60)
    make.pay(made)
    with clock.frozen_at(clock.now() + make.FEE_KNOWN):
        assert make.deliver(client, settings) == [200]
        assert make.booked() == [make.DONATION, make.FEE]
    with clock.frozen_at(clock.now() + make.FEE_KNOWN * 20):
        make.deliver(client, settings)
        assert make.booked() == [make.DONATION, make.FEE]


def at_once(count: int, database: Database, work: Callable[[int], object]) -> list[object]:
    """Run `work` in `count` threads that start together; what each gave, or the error it raised."""
    gate = threading.Barrier(count)
    results: list[object] = [None] * count

    def run(index: int) -> None:
        bind(database)
        gate.wait()
        try:
            results[index] = work(index)
        except BaseException as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_messages_at_once_for_one_checkout_book_once(
    app: Flask, database: Database, settings: Settings, made: Checkout
) -> None:
    bodies = [event(made) for _ in range(6)]
    answers = at_once(6, database, lambda index: post(app.test_client(), settings, bodies[index]))
    assert answers == [200] * 6
    assert make.booked() == [make.DONATION]
    assert {outcome for _, outcome in events()} == {"handled"}


def test_message_and_return_page_at_once_book_once(
    app: Flask, database: Database, settings: Settings, made: Checkout
) -> None:
    make.pay(made)
    body = event(made)

    def work(index: int) -> int:
        client = app.test_client()
        if index % 2:
            return client.get(f"/en/paid/{made.secret}").status_code
        return post(client, settings, body)

    assert set(at_once(6, database, work)) == {200, 303}
    assert make.booked() == [make.DONATION]


def test_fee_and_job_at_once_book_each_once(app: Flask, database: Database, settings: Settings, made: Checkout) -> None:
    make.pay(made)
    with clock.frozen_at(clock.now() + make.FEE_KNOWN):
        with transaction() as session:
            ripening.ripen(session, clock.now())
        moment = clock.now()

        def work(_index: int) -> str:
            with clock.frozen_at(moment):
                return sync_checkout(made.public_id, settings).value

        assert at_once(6, database, work) == ["paid"] * 6
    assert make.booked() == [make.DONATION, make.FEE]


def test_double_clicks_at_once_make_one_checkout(app: Flask, database: Database, settings: Settings) -> None:
    make.raising()
    form = make.fresh_form(app.test_client())
    answers = at_once(
        4, database, lambda _: app.test_client().post("/en/give/yunxi", data=form).headers.get("Location")
    )
    assert len(set(answers)) == 1
    assert None not in answers
    make.only_checkout()


@pytest.mark.parametrize("amount_minor", [1400])
def test_wrong_amounts_at_once_are_kept_once(
    app: Flask, database: Database, settings: Settings, made: Checkout, amount_minor: int
) -> None:
    bodies = [event(made, amount_total=amount_minor) for _ in range(4)]
    answers = at_once(4, database, lambda index: post(app.test_client(), settings, bodies[index]))
    assert answers == [200] * 4
    assert len(make.booked()) == 1
