"""Somebody of every role, signed in, and a campaign of theirs."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from donate.db import transaction
from tests.people import factories as people

SignIn = Callable[..., FlaskClient]


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    """A client that is signed in with memberships as (organisation, role)."""

    def sign_in(*memberships: tuple[str, str], role: str | None = None) -> FlaskClient:
        with transaction() as session:
            email = people.user(session, memberships=memberships, role=role).email
        client = app.test_client()
        answer = client.post("/en/sign-in", data={"email": email, "password": people.PASSWORD})
        assert answer.status_code == 303, answer.text
        return client

    return sign_in
