"""What people told us goes when nobody needs it any more; what happened to money stays."""

from datetime import timedelta
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from donate import clock, worker
from donate.campaigns import complaints
from donate.db import Database, reading, transaction
from donate.giving.models import CheckoutPrivate, DonationPrivate
from donate.payments.models import ProviderEvent
from donate.settings import Settings
from tests.giving import factories


def forget_after(settings: Settings, **delta: int) -> int:
    with clock.frozen_at(clock.now() + timedelta(**delta)):
        return worker.forget_private(settings)


def test_names_of_those_who_did_not_pay_go_after_thirty_days(
    database: Database, client: FlaskClient, settings: Settings
) -> None:
    factories.raising()
    typed = {"name": "Wang Li", "email": "wang@example.org"}
    factories.opened(settings, **typed)
    paid = factories.paid_in_sandbox(settings, **typed)
    factories.deliver(client, settings)
    assert forget_after(settings, days=29) == 0
    assert forget_after(settings, days=31) == 2
    with reading() as session:
        assert session.scalars(select(CheckoutPrivate.checkout_id)).all() == [paid.id]
        assert len(session.scalars(select(DonationPrivate)).all()) == 1


def test_bodies_of_handled_messages_go_after_ninety_days_and_those_that_wait_stay(
    database: Database, client: FlaskClient, settings: Settings
) -> None:
    factories.raising()
    factories.paid_in_sandbox(settings)
    factories.deliver(client, settings)
    with transaction() as session:
        handled = session.scalars(select(ProviderEvent)).one()
        session.execute(
            text(
                "INSERT INTO provider_event (merchant, event_id, kind, api_version, object_id, body, occurred_at, "
                "received_at, next_attempt_at, outcome, attempts) SELECT merchant, 'evt_waits', kind, api_version, "
                "object_id, body, occurred_at, received_at, next_attempt_at, 'failed', 1 FROM provider_event"
            )
        )
    assert forget_after(settings, days=89) == 0
    assert forget_after(settings, days=91) == 1
    with reading() as session:
        bodies = dict(session.execute(select(ProviderEvent.event_id, ProviderEvent.body)).all())
    assert bodies[handled.event_id] == b""
    assert bodies["evt_waits"] == handled.body != b""


def test_how_to_reach_a_complainant_goes_two_years_after_the_answer(database: Database, settings: Settings) -> None:
    with transaction() as session:
        secret = complaints.receive(
            session, token=uuid4(), campaign_ref=None, message="No lunch", contact="wang@example.org", locale="en"
        )
        complaint = complaints.complaint_by_secret(session, secret)
        complaints.answer(session, complaint_id=complaint.id, user_id=1, text="It was made up for.")
    assert forget_after(settings, days=700) == 0
    assert forget_after(settings, days=735) == 1
    with reading() as session:
        kept = complaints.complaint_by_secret(session, secret)
    assert (kept.contact, kept.message, kept.answer) == ("", "No lunch", "It was made up for.")


@pytest.mark.parametrize("table", ["checkout", "donation", "entry", "complaint"])
def test_what_happened_is_never_among_what_is_forgotten(
    database: Database, client: FlaskClient, settings: Settings, table: str
) -> None:
    factories.raising()
    factories.paid_in_sandbox(settings)
    factories.deliver(client, settings)
    with reading() as session:
        before = session.scalar(text(f"SELECT count(*) FROM {table}"))
    forget_after(settings, days=3650)
    with reading() as session:
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) == before
