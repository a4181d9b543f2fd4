"""What lets money in, or ends a campaign for good, wants a password that was given lately."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from donate import clock
from donate.campaigns.models import Campaign
from donate.db import reading, transaction
from donate.people.signin import FRESH_FOR
from tests.campaigns import factories
from tests.campaigns.conftest import SignIn
from tests.campaigns.pages import send
from tests.organisations import factories as organisations


@pytest.fixture
def reviewer(sign_in: SignIn) -> FlaskClient:
    with transaction() as session:
        host = organisations.host(session, ref="host")
        factories.book(session, host)
        factories.submitted(session, host=host, ref="waiting")
        factories.submitted(session, ref="foreign")
    return sign_in(("host", "reviewer"))


def test_accepting_wants_a_fresh_sign_in_and_asking_for_changes_does_not(reviewer: FlaskClient) -> None:
    path = "/en/review/c/waiting"
    with clock.frozen_at(clock.now() + FRESH_FOR + timedelta(seconds=5)):
        answer = send(reviewer, path, step="accept")
        assert (answer.status_code, "/en/sign-in?next=" in answer.location) == (303, True)
        assert state_of("waiting") == "submitted"
        assert send(reviewer, "/en/review/c/foreign", step="accept").status_code == 404
        assert send(reviewer, path, step="ask_changes", reason="a budget line is missing").location.endswith(path)
    assert state_of("waiting") != "submitted"


def state_of(ref: str) -> str:
    with reading() as session:
        return session.scalars(select(Campaign.state).filter_by(ref=ref)).one()
