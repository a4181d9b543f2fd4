"""The public page of payments: what it says, in both languages."""

import pytest
from flask.testing import FlaskClient

from tests.giving import factories as giving
from tests.settling import factories as make

pytestmark = pytest.mark.usefixtures("database")


def test_before_the_first_run_it_says_that_nobody_was_asked(client: FlaskClient):
    page = client.get("/en/health-of-payments")
    assert page.status_code == 200
    assert "has not been asked yet" in page.text


def test_it_shows_the_providers_balance_beside_ours(client: FlaskClient, settings):
    giving.raising()
    make.give(settings)
    make.run(settings)
    page = client.get("/en/health-of-payments").text
    assert page.count("14.91") == 2
    assert "Nothing differs" in page


def test_it_names_every_difference_in_the_readers_language(client: FlaskClient, settings):
    giving.raising()
    with make.transaction() as session:
        make.store(session, make.line(created_at=make.MONDAY))
    make.run(settings)
    page = client.get("/zh/health-of-payments").text
    assert "支付机构的余额不等于我们已知的余额流水之和。" in page
    assert "txn_1" in page
