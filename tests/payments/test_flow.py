"""The flow of payments through the official SDK: the sandbox and the real API give the same answers.

Runs on the sandbox, and on the real Stripe API as well where STRIPE_TEST_KEY is set (stages.py says for what the
sandbox cannot stand there). What only the sandbox can be made to do is in the other files of this folder.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from uuid import uuid4

import pytest
import stripe

from donate import clock
from donate.payments.facts import ChargeSeen
from donate.payments.gateway import (
    AmountRefused,
    Event,
    NoSuchSession,
    OpenedSession,
    ProviderKeyRefused,
    ProviderRefused,
    RefundRefused,
    SameKeyOtherRequest,
    SessionRequest,
    StaleSignature,
)
from donate.payments.signature import sign
from donate.payments.stripe import StripeGateway, client_for
from tests.payments import factories as make
from tests.payments.annotations import faults_of
from tests.payments.stages import SANDBOX, RealStage, SandboxStage, Stage, given_key, stages

METHODS = ("card", "alipay", "wechat_pay")


@pytest.fixture(params=stages())
def stage(request: pytest.FixtureRequest) -> Stage:
    if request.param == SANDBOX:
        request.getfixturevalue("database")
        return SandboxStage(request.getfixturevalue("settings"))
    key = given_key()
    assert key is not None
    return RealStage(key)


@pytest.fixture
def card_session(stage: Stage) -> Iterator[tuple[SessionRequest, OpenedSession]]:
    """An open page for a card, closed afterwards so that none lies about at the provider."""
    request = make.session_request(stage.merchant, methods=("card",))
    opened = stage.gateway.open_session(request)
    yield request, opened
    if stage.gateway.read_session(opened.session_id).status == "open":
        stage.gateway.close_session(opened.session_id)


@pytest.mark.parametrize("method", METHODS)
def test_a_page_for_each_way_of_paying_can_be_opened(stage: Stage, method: str) -> None:
    if method not in stage.gateway.read_methods().is_on:
        pytest.skip(f"{method} is not switched on in this account")
    request = make.session_request(stage.merchant, methods=(method,))
    opened = stage.gateway.open_session(request)
    assert opened.url.startswith("http")
    assert abs(opened.expires_at - request.expires_at) < timedelta(seconds=1)
    found = stage.client.v1.checkout.sessions.retrieve(opened.session_id)
    assert found.payment_method_types == [method]


def test_a_page_for_a_monthly_donation_can_be_opened(stage: Stage) -> None:
    opened = stage.gateway.open_session(make.session_request(stage.merchant, methods=("card",), recurring=uuid4()))
    seen = stage.gateway.read_session(opened.session_id)
    assert (seen.status, seen.amount_minor, seen.currency, seen.recurring_id) == ("open", 1500, "CNY", None)


def test_an_opened_page_reads_back_as_it_was_asked_for_and_unpaid(
    stage: Stage, card_session: tuple[SessionRequest, OpenedSession]
) -> None:
    request, opened = card_session
    seen = stage.gateway.read_session(opened.session_id)
    assert (seen.status, seen.amount_minor, seen.currency) == ("open", 1500, "CNY")
    assert (seen.reference, seen.charge_id, seen.fee_minor) == (request.checkout_public_id, None, None)


def test_each_donation_is_a_line_of_its_own(stage: Stage) -> None:
    lines = (make.line(400, name="云溪"), make.line(1200, name="Datang"))
    opened = stage.gateway.open_session(make.session_request(stage.merchant, methods=("card",), lines=lines))
    shown = stage.client.v1.checkout.sessions.line_items.list(opened.session_id, {"limit": 1})
    found = {item.description: item.amount_total for item in shown.auto_paging_iter()}
    assert found == {"云溪": 400, "Datang": 1200}


def test_what_the_provider_shows_is_what_its_sdk_says(
    stage: Stage, card_session: tuple[SessionRequest, OpenedSession]
) -> None:
    session = stage.client.v1.checkout.sessions.retrieve(card_session[1].session_id)
    assert faults_of(session.to_dict(for_json=True)) == []


def test_asking_again_for_the_same_checkout_gives_the_first_answer(
    stage: Stage, card_session: tuple[SessionRequest, OpenedSession]
) -> None:
    request, opened = card_session
    assert stage.gateway.open_session(request) == opened


def test_a_repeated_answer_says_that_it_is_one(stage: Stage) -> None:
    create, options = stage.client.v1.checkout.sessions.create, {"idempotency_key": f"flow-{uuid4()}"}
    first, again = create(make.sdk_params(), options), create(make.sdk_params(), options)
    assert first.id == again.id
    assert "idempotent-replayed" not in first.last_response.headers
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert first.last_response.request_id.startswith("req_")


def test_one_checkout_with_other_content_is_refused(
    stage: Stage, card_session: tuple[SessionRequest, OpenedSession]
) -> None:
    request, _ = card_session
    changed = make.session_request(
        stage.merchant,
        methods=("card",),
        checkout_public_id=request.checkout_public_id,
        expires_at=request.expires_at,
        lines=(make.line(1600),),
    )
    with pytest.raises(SameKeyOtherRequest):
        stage.gateway.open_session(changed)


def test_a_page_is_closed_once_and_reads_back_as_over(stage: Stage) -> None:
    opened = stage.gateway.open_session(make.session_request(stage.merchant, methods=("card",)))
    stage.gateway.close_session(opened.session_id)
    assert stage.gateway.read_session(opened.session_id).status == "expired"
    with pytest.raises(ProviderRefused):
        stage.gateway.close_session(opened.session_id)


def test_too_small_an_amount_is_told_as_such(stage: Stage) -> None:
    request = make.session_request(stage.merchant, methods=("card",), lines=(make.line(10),))
    with pytest.raises(AmountRefused):
        stage.gateway.open_session(request)


def test_an_unknown_parameter_is_refused(stage: Stage) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        stage.client.v1.checkout.sessions.create(make.sdk_params(colour="red"))
    assert (caught.value.code, caught.value.param) == ("parameter_unknown", "colour")


def test_an_unknown_object_is_told_as_such(stage: Stage) -> None:
    gateway = stage.gateway
    for read in (gateway.read_charge, gateway.read_refund, gateway.read_dispute, gateway.read_payout):
        with pytest.raises(NoSuchSession):
            read("no_such_object")
    with pytest.raises(NoSuchSession):
        gateway.read_session("cs_test_no_such_session")


def test_a_key_of_nobody_is_refused(stage: Stage) -> None:
    requestor = stage.client._requestor
    stranger = client_for("sk_test_guessed", False, requestor._client)
    with pytest.raises(ProviderKeyRefused):
        StripeGateway(stage.merchant, stranger, ()).open_session(make.session_request(stage.merchant))


def test_a_paid_charge_gets_its_fee_and_its_line_in_the_balance(stage: Stage) -> None:
    begun = clock.now() - timedelta(minutes=1)
    charge_id = stage.paid_charge(1500)

    def with_fee() -> ChargeSeen | None:
        seen = stage.gateway.read_charge(charge_id)
        return seen if seen.fee_minor is not None else None

    charge = stage.eventually(with_fee)
    assert (charge.is_paid, charge.amount_minor, charge.currency, charge.refunds) == (True, 1500, "CNY", ())
    assert charge.reference is not None
    assert charge.fee_minor is not None
    assert charge.fee_minor > 0
    (line,) = [line for line in stage.gateway.balance_lines_since(begun) if line.source_id == charge_id]
    assert (line.fee_minor, line.currency) == (charge.fee_minor, charge.fee_currency)
    assert line.net_minor == line.amount_minor - line.fee_minor


def test_refunds_add_up_to_what_was_paid_and_no_further(stage: Stage) -> None:
    charge_id = stage.paid_charge(1500)
    request = make.refund_request(charge_id, 500)
    first = stage.gateway.refund(request)
    assert stage.gateway.refund(request).refund_id == first.refund_id
    assert (first.amount_minor, first.our_id, first.status in ("pending", "succeeded")) == (
        500,
        request.public_id,
        True,
    )
    with pytest.raises(SameKeyOtherRequest):
        stage.gateway.refund(make.refund_request(charge_id, 600, public_id=request.public_id))
    with pytest.raises(RefundRefused):
        stage.gateway.refund(make.refund_request(charge_id, 1001))
    stage.gateway.refund(make.refund_request(charge_id, 1000))
    with pytest.raises(RefundRefused) as caught:
        stage.gateway.refund(make.refund_request(charge_id, 1))
    assert caught.value.facts["code"] == "charge_already_refunded"
    charge = stage.gateway.read_charge(charge_id)
    assert (charge.refunded_minor, sorted(refund.amount_minor for refund in charge.refunds)) == (1500, [500, 1000])


def test_a_refund_of_nothing_known_is_refused(stage: Stage) -> None:
    with pytest.raises(RefundRefused):
        stage.gateway.refund(make.refund_request("ch_no_such_charge"))


def test_a_disputed_charge_tells_of_its_dispute(stage: Stage) -> None:
    charge_id = stage.disputed_charge(1500)

    def disputed() -> ChargeSeen | None:
        seen = stage.gateway.read_charge(charge_id)
        return seen if seen.disputes else None

    (dispute,) = stage.eventually(disputed).disputes
    assert (dispute.charge_id, dispute.status) == (charge_id, "open")
    assert stage.gateway.read_dispute(dispute.dispute_id).dispute_id == dispute.dispute_id


def test_lists_turn_their_pages_by_cursor(stage: Stage) -> None:
    sessions = stage.client.v1.checkout.sessions
    ours = [sessions.create(make.sdk_params()).id for _ in range(3)]
    page = sessions.list({"limit": 2})
    assert (len(page.data), page.has_more) == (2, True)
    listed = [item.id for item in islice(page.auto_paging_iter(), 20)]
    assert len(set(listed)) == len(listed)
    assert set(ours) <= set(listed)
    second = sessions.list({"limit": 1, "starting_after": listed[0]}).data[0].id
    back = sessions.list({"limit": 1, "ending_before": listed[1]}).data[0].id
    assert (second, back) == (listed[1], listed[0])


def test_a_message_signed_for_us_is_read_and_an_old_one_is_not(stage: Stage) -> None:
    """The body is the provider's own, fetched; the signature is made here, under a secret that only this test knows."""
    request = make.session_request(stage.merchant, methods=("card",))
    opened = stage.gateway.open_session(request)
    begun = clock.now() - timedelta(minutes=5)
    stage.gateway.close_session(opened.session_id)

    def expired() -> tuple[bytes, Event] | None:
        for body in stage.gateway.events_since(begun, kinds=("checkout.session.expired",)):
            event = stage.gateway.verify(body, sign(body, stage.webhook_secret, clock.now()))
            if event.object_id == opened.session_id:
                return body, event
        return None

    body, event = stage.eventually(expired)
    said = stage.gateway.checkout_in(event)
    assert said is not None
    assert (said.status, said.amount_minor, said.currency) == ("expired", 1500, "CNY")
    assert (said.reference, event.livemode) == (request.checkout_public_id, False)
    with pytest.raises(StaleSignature):
        stage.gateway.verify(body, sign(body, stage.webhook_secret, clock.now() - timedelta(hours=1)))


def test_account_balance_and_endpoints_can_be_read(stage: Stage) -> None:
    account = stage.gateway.read_account()
    assert account.account_id.startswith("acct_")
    assert account.answered_at is not None
    assert all(part.currency.isupper() for part in stage.gateway.balance())
    assert all(endpoint.url for endpoint in stage.gateway.read_endpoints())
    assert all(payout.payout_id for payout in stage.gateway.payouts_since(clock.now() - timedelta(days=30)))
