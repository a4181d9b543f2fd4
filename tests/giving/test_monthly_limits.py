"""Card testing through monthly pages: a first month carries no reference of ours, and is counted all the same."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from donate import clock
from donate.db import transaction
from donate.giving import declines
from donate.giving.declines import MOST_OF_A_CHECKOUT
from donate.giving.merchants import merchant_of
from donate.giving.recurring_models import Recurring
from donate.payments import inbox
from donate.payments.gateway import ProviderUnavailable
from donate.payments.models import SandboxDelivery, SandboxObject
from donate.payments.sandbox import billing, outcomes, ripening
from donate.settings import Settings
from donate.settling.messages import handlers
from tests.giving import factories as make
from tests.giving.test_limits import count_of, declined
from tests.giving.test_recurring import deliver_all, only, pass_months, promised
from tests.payments.factories import later

TELLS = {"payment_intent.payment_failed", "invoice.payment_failed"}


def keep_only(*kinds: str) -> None:
    """Of the messages that tell of a refused first month only these are in the post."""
    with transaction() as session:
        for message in session.scalars(select(SandboxDelivery)):
            if json.loads(message.body)["type"] in TELLS - set(kinds):
                session.delete(message)


def refuse(times: int) -> None:
    with transaction() as session:
        for _ in range(times):
            outcomes.decline(session, make.MERCHANT, make.only_checkout().session_id or "")


def opened(client: FlaskClient, settings: Settings) -> None:
    """A monthly page on which nothing has happened yet."""
    make.raising()
    declined(client, settings, 0, rhythm="monthly")


def kinds_handled() -> dict[str, list[str]]:
    with transaction() as session:
        rows = session.execute(text("SELECT outcome, kind FROM provider_event")).all()
    found: dict[str, list[str]] = {}
    for outcome, kind in rows:
        found.setdefault(outcome, []).append(kind)
    return found


@pytest.mark.parametrize("kinds", [TELLS, {"payment_intent.payment_failed"}, {"invoice.payment_failed"}])
def test_an_attempt_counts_once_whichever_message_tells_of_it(
    client: FlaskClient, settings: Settings, kinds: set[str]
) -> None:
    opened(client, settings)
    for _ in range(3):
        refuse(1)
        keep_only(*kinds)
        make.deliver(client, settings)
    assert count_of("declined_try") == 3
    assert set(kinds_handled()) <= {"handled", "ignored"}


def test_twenty_five_refused_cards_on_one_page_are_seen_and_the_page_is_closed(
    client: FlaskClient, settings: Settings
) -> None:
    opened(client, settings)
    tried = 0
    for _ in range(25):
        try:
            refuse(1)
        except outcomes.SessionOver:
            break
        tried += 1
        make.deliver(client, settings)
    assert tried == MOST_OF_A_CHECKOUT
    assert count_of("declined_try") == MOST_OF_A_CHECKOUT
    make.deliver(client, settings)
    assert make.only_checkout().state == "expired"


def test_messages_that_come_after_the_page_was_closed_are_handled(client: FlaskClient, settings: Settings) -> None:
    opened(client, settings)
    refuse(MOST_OF_A_CHECKOUT + 2)  # faster than the post
    make.deliver(client, settings)
    assert "failed" not in kinds_handled()
    assert count_of("declined_try") == MOST_OF_A_CHECKOUT + 2


def test_a_promise_whose_cards_were_refused_has_not_begun(client: FlaskClient, settings: Settings) -> None:
    opened(client, settings)
    refuse(2)
    deliver_all(client, settings)
    assert (only().state, only().recurring_id) == ("pending", None)
    assert "The first month is not confirmed yet" in client.get(f"/en/monthly/{only().secret}").text
    with transaction() as session:
        outcomes.pay(session, make.MERCHANT, make.only_checkout().session_id or "", "card")
    deliver_all(client, settings)
    assert (only().state, make.only_checkout().state) == ("active", "paid")
    assert [row.campaign for row in make.booked() if row.reason == "donation"] == ["yunxi"]


def test_a_promise_that_never_began_stays_so_when_its_page_is_over(client: FlaskClient, settings: Settings) -> None:
    opened(client, settings)
    refuse(1)
    deliver_all(client, settings)
    with later(minutes=45):
        with transaction() as session:
            while ripening.ripen(session, clock.now()):
                pass
        deliver_all(client, settings)
        assert (only().state, make.only_checkout().state) == ("pending", "expired")
        assert sandbox("subscription")[0]["status"] == "incomplete_expired"
        assert sandbox("invoice")[0]["status"] == "void"


def sandbox(kind: str) -> list[dict[str, Any]]:
    with transaction() as session:
        return list(session.scalars(select(SandboxObject.body).where(SandboxObject.kind == kind)))


def test_a_later_month_that_is_refused_is_no_card_testing(client: FlaskClient, settings: Settings) -> None:
    promised(settings)
    deliver_all(client, settings)
    with transaction() as session:
        billing.let_card_fail(session, make.MERCHANT, only().recurring_id or "")
    pass_months(settings)
    deliver_all(client, settings)
    assert only().state == "past_due"
    assert count_of("declined_try") == 0


def test_a_refused_payment_of_other_software_is_nobodys(client: FlaskClient, settings: Settings) -> None:
    opened(client, settings)
    refuse(1)
    with transaction() as session:
        session.execute(
            text(
                "UPDATE sandbox_object SET body = jsonb_set(body, "
                "'{parent,subscription_details,metadata}', '{}') WHERE kind = 'invoice'"
            )
        )
    make.deliver(client, settings)
    assert count_of("declined_try") == 0
    assert "failed" not in kinds_handled()


def test_a_message_that_could_not_be_looked_into_is_counted_when_it_is_tried_again(
    client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(client, settings)
    refuse(1)

    def away(*_: object) -> None:
        raise ProviderUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(declines, "gateway_for", away)
        make.deliver(client, settings)
    assert count_of("declined_try") == 0
    with transaction() as session:
        session.execute(text("UPDATE provider_event SET next_attempt_at = received_at"))
    inbox.retry_waiting(merchant_of, handlers(settings))
    assert count_of("declined_try") == 1
    with transaction() as session:
        assert session.scalars(select(Recurring.state)).all() == ["pending"]
