"""The sandbox over real HTTP, for the SDK and for a client that knows nothing of it."""

import json
import time
from collections.abc import Iterator
from http.client import RemoteDisconnected
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import stripe

from donate.db import Database, transaction
from donate.payments.sandbox import keys, trouble
from donate.payments.sandbox.server import serving
from donate.payments.stripe import API_VERSION, client
from donate.settings import Settings
from tests.payments import factories as make


@pytest.fixture
def address(database: Database, settings: Settings) -> Iterator[str]:
    with serving(database, settings.secret_key, make.BASE_URL) as base:
        yield base


def key(settings: Settings) -> str:
    return keys.api_key(settings.secret_key, make.merchant())


def test_the_sdk_opens_a_session_and_pages_through_a_list(address: str, settings: Settings) -> None:
    client = stripe.StripeClient(key(settings), base_addresses={"api": address}, stripe_version=API_VERSION)
    made = {client.v1.checkout.sessions.create(make.sdk_params()).id for _ in range(3)}
    assert {found.id for found in client.v1.checkout.sessions.list({"limit": 1}).auto_paging_iter()} == made
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"charge": "ch_unknown"})
    assert caught.value.code == "resource_missing"


def test_a_plain_client_reads_and_is_refused_without_a_key(address: str, settings: Settings) -> None:
    with urlopen(Request(f"{address}/v1/balance", headers={"Authorization": f"Bearer {key(settings)}"})) as answer:
        assert json.load(answer)["object"] == "balance"
        assert answer.headers["Request-Id"].startswith("req_")
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{address}/v1/balance")
    assert caught.value.code == 401


def test_a_lost_answer_is_a_closed_connection(address: str, settings: Settings) -> None:
    with transaction() as own:
        trouble.break_next(own, "lunch", trouble.Breakage.LOST)
    with pytest.raises(RemoteDisconnected):
        urlopen(Request(f"{address}/v1/balance", headers={"Authorization": f"Bearer {key(settings)}"}))


def test_a_hung_answer_is_ended_by_the_clients_time_outs_and_its_key_makes_one_session(
    address: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "READ_SECONDS", 0.3)
    sdk = stripe.StripeClient(
        key(settings),
        base_addresses={"api": address},
        stripe_version=API_VERSION,
        max_network_retries=2,
        http_client=client.patient_client(),
    )
    with transaction() as own:
        trouble.break_next(own, "lunch", trouble.Breakage.HUNG, times=2)
    begun = time.monotonic()
    made = sdk.v1.checkout.sessions.create(make.sdk_params())
    assert 0.6 <= time.monotonic() - begun < 20
    assert [found.id for found in sdk.v1.checkout.sessions.list().data] == [made.id]
    with transaction() as own:
        trouble.break_next(own, "lunch", trouble.Breakage.HUNG, times=3)
    params, options = make.sdk_params(), {"idempotency_key": "the same"}
    with pytest.raises(stripe.APIConnectionError):
        sdk.v1.checkout.sessions.create(params, options)
    again = sdk.v1.checkout.sessions.create(params, options)
    assert [found.id for found in sdk.v1.checkout.sessions.list().data] == [again.id, made.id]
