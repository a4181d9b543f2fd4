"""Staff explain what belongs to no payment of ours: to the general fund, to fees, to its owner; never to a campaign."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from donate import clock
from donate.db import Role, transaction
from donate.errors import NotFound
from donate.settling.explaining import (
    ExplanationMissing,
    LineExplainedAlready,
    Outcome,
    OutcomeNotOpen,
    explain,
)
from donate.settling.lines import meet_waiting
from donate.settling.models import Met, ProviderLine
from tests.giving import factories as giving
from tests.people import factories as people
from tests.settling import factories as make

RED = {"nothing_of_the_provider_is_unexplained", "suspense_is_empty"}


@pytest.fixture(autouse=True)
def _raising(database):
    giving.raising()
    giving.noise()


def standing(settings: Any, **changes: Any) -> ProviderLine:
    """A movement of the provider that is none of ours: a fee of 5.00 that it took, unless a test says otherwise."""
    with transaction() as session:
        make.store(session, make.line(**changes))
    meet_waiting(make.merchant(), settings, has_messages=True)
    return make.lines()[-1]


def say(line: ProviderLine, outcome: Outcome, note: str = "the monthly fee, see its invoice") -> None:
    with transaction() as session:
        explain(session, line.id, outcome, by=905, note=note)


@pytest.mark.parametrize(
    ("amount", "outcome", "legs"),
    [
        (-500, Outcome.FEE, ("processing_fees", "suspense")),
        (70, Outcome.FEE, ("suspense", "processing_fees")),
        (-500, Outcome.GENERAL, ("general", "suspense")),
        (70, Outcome.GENERAL, ("suspense", "general")),
    ],
)
def test_it_leaves_suspense_for_where_it_belongs_and_the_checks_are_green_again(
    settings, database, amount, outcome, legs
):
    line = standing(settings, amount_minor=amount)
    assert set(make.failing(database)) == RED
    say(line, outcome)
    assert giving.booked()[-1] == giving.Booked("suspense_cleared", None, legs[0], legs[1], abs(amount))
    assert make.balance_of("suspense") == 0
    assert make.failing(database) == []


def test_who_when_and_why_are_kept(settings):
    line = standing(settings)
    at = clock.now() + timedelta(hours=1)
    with clock.frozen_at(at):
        say(line, Outcome.FEE)
    (kept,) = make.lines()
    assert (kept.met, kept.explained_by, kept.explained_at) == (Met.SUSPENSE, 905, at)
    assert kept.explanation == "the monthly fee, see its invoice"


def test_it_is_explained_once(settings):
    line = standing(settings)
    say(line, Outcome.FEE)
    with pytest.raises(LineExplainedAlready):
        say(line, Outcome.GENERAL)
    assert len(giving.booked()) == 2


def test_without_a_note_nothing_is_booked(settings):
    line = standing(settings)
    with pytest.raises(ExplanationMissing):
        say(line, Outcome.FEE, note=" ")
    assert len(giving.booked()) == 1


def test_a_payment_that_is_none_of_ours_is_no_fee(settings):
    with clock.frozen_at(clock.now() + timedelta(hours=2)):
        line = standing(settings, kind="charge", source_id="ch_x", amount_minor=700, created_at=make.MONDAY)
        with pytest.raises(OutcomeNotOpen):
            say(line, Outcome.FEE)
        with pytest.raises(OutcomeNotOpen):
            say(line, Outcome.OWNER)
        say(line, Outcome.GENERAL)


def test_money_of_another_currency_is_noted_and_in_no_entry(settings, database):
    line = standing(settings, currency="USD", amount_minor=900)
    with pytest.raises(OutcomeNotOpen):
        say(line, Outcome.GENERAL)
    say(line, Outcome.NOTED, note="sent back by the provider on our asking")
    assert giving.booked() == []
    assert make.failing(database) == []


def test_once_its_owner_is_known_it_goes_there_and_nowhere_else(settings, database):
    paid = make.give(settings)
    with make.days_later(1):
        make.run(settings)
        line = standing(
            settings, line_id="txn_late", kind="charge", source_id="ch_x", amount_minor=700, created_at=make.MONDAY
        )
        with database.transaction(Role.OWNER) as session:
            session.execute(text("UPDATE checkout SET charge_id = 'ch_x'"))
        with pytest.raises(OutcomeNotOpen):
            say(line, Outcome.GENERAL)
        say(line, Outcome.OWNER)
        kept = make.lines()[-1]
        assert (kept.met, kept.checkout_id) == (Met.CHARGE, giving.checkout(paid.public_id).id)
        assert giving.booked()[-1] == giving.Booked("reversal", None, "suspense", "clearing", 700)
        assert make.balance_of("suspense") == 0


def test_a_line_of_ours_is_none_of_theirs_to_explain(settings):
    make.give(settings)
    with make.days_later(1):
        make.run(settings)
        with pytest.raises(LineExplainedAlready):
            say(make.lines()[0], Outcome.GENERAL)
    with transaction() as session, pytest.raises(NotFound):
        explain(session, 10**6, Outcome.GENERAL, by=905, note="which?")


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (
            "UPDATE provider_line SET explained_at = NULL, explanation = NULL",
            "nothing_of_the_provider_is_unexplained",
        ),
        (
            "UPDATE provider_line SET net_minor = net_minor + 1, amount_minor = amount_minor + 1",
            "explained_lines_left_suspense",
        ),
        ("UPDATE entry SET idempotency_key = 'x' WHERE reason = 'suspense_cleared'", "explained_lines_left_suspense"),
        ("UPDATE account_total SET debits_minor = debits_minor + 1", "suspense_is_empty"),
    ],
)
def test_a_planted_fault_is_found(settings, database, fault, name):
    say(standing(settings), Outcome.FEE)
    assert make.failing(database) == []
    with database.transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(fault))
    assert name in make.failing(database)


def sign_in(client: FlaskClient) -> str:
    with transaction() as session:
        user = people.user(session, role="admin", memberships=())
    form = {"email": user.email, "password": people.PASSWORD, "next": "/en/password"}
    page = client.post("/en/sign-in", data=form, follow_redirects=True)
    return page.text.split('name="csrf_token" value="')[1].split('"')[0]


def test_staff_explain_it_on_its_page(client, settings):
    line = standing(settings)
    token = sign_in(client)
    assert "txn_1" in client.get("/en/staff/provider-lines").text
    path = f"/en/staff/provider-lines/{line.id}"
    assert "A fee of the provider" in client.get(path).text
    refused = client.post(path, data={"csrf_token": token, "outcome": "processing_fees", "note": ""})
    assert (refused.status_code, "how you know" in refused.text) == (422, True)
    form = {"csrf_token": token, "outcome": "fund:yunxi", "note": "lunch"}
    refused = client.post(path, data=form)
    assert (refused.status_code, "lunch" in refused.text, len(giving.booked())) == (422, True, 1)
    assert client.post(path, data={**form, "outcome": "processing_fees"}).status_code == 303
    page = client.get(path).text
    assert "lunch" in page
    assert 'name="outcome"' not in page
    assert client.post(path, data={**form, "outcome": "general"}).status_code == 409


def test_lines_of_ours_have_no_page(client, settings):
    make.give(settings)
    with make.days_later(1):
        make.run(settings)
        sign_in(client)
        assert client.get(f"/en/staff/provider-lines/{make.lines()[0].id}").status_code == 404
