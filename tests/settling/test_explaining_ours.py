"""A balance line that may be one of ours is explained by staff only once the provider and its messages have said it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from donate import clock
from donate.db import transaction
from donate.payments.gateway import ProviderRefused, ProviderUnavailable
from donate.payments.merchants import gateway_for
from donate.payments.models import ProviderEvent
from donate.payments.sandbox import disputes, refunds
from donate.payments.stripe import StripeGateway
from donate.settling import explaining
from donate.settling.asking import MessageWaits, ProviderSaysNothing
from donate.settling.explaining import Outcome, OwnerIsKnown, explain
from donate.settling.lines import meet_waiting
from donate.settling.messages import handle_waiting
from donate.settling.models import Met, ProviderLine
from tests.giving import back
from tests.giving import factories as giving
from tests.settling import factories as make
from tests.settling.test_explaining import sign_in

Happens = Callable[[str], None]
Stands = Callable[[Happens], ProviderLine]
SEEN_AFTER = timedelta(hours=3)


def refunded(charge: str) -> None:
    with transaction() as session:
        refunds.refund_in_dashboard(session, make.MERCHANT, charge, 400)


def disputed(charge: str) -> None:
    with transaction() as session:
        disputes.open_dispute(session, make.MERCHANT, charge)


def unreadable(*_: Any) -> None:
    raise ProviderRefused(code="refund_unreadable")


def silent(*_: Any) -> None:
    raise ProviderUnavailable


def deliver(client: FlaskClient, settings: Any) -> None:
    while any(giving.deliver(client, settings)):
        pass


def standing() -> ProviderLine:
    (line,) = [line for line in make.lines() if line.met == Met.SUSPENSE]
    return line


def say(line: ProviderLine, outcome: Outcome = Outcome.GENERAL) -> None:
    with transaction() as session:
        explain(session, line.id, outcome, by=905, note="made in the dashboard")


@pytest.fixture(autouse=True)
def _raising(database: Any) -> None:
    giving.raising()
    giving.noise()


@pytest.fixture
def stands(client: FlaskClient, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stands]:
    """What happened to a charge of ours stands in suspense: its messages fail. From then on the charge is readable."""
    with ExitStack() as later:

        def make_it_stand(happens: Happens) -> ProviderLine:
            charge = back.charge_of(back.paid(settings))
            deliver(client, settings)
            happens(charge)
            with monkeypatch.context() as patch:
                patch.setattr(StripeGateway, "read_charge", unreadable)
                deliver(client, settings)
                later.enter_context(clock.frozen_at(clock.now() + SEEN_AFTER))
                make.run(settings)
            return standing()

        yield make_it_stand


def post(client: FlaskClient, line: ProviderLine, outcome: str = "general") -> tuple[int, str]:
    form = {"csrf_token": sign_in(client), "outcome": outcome, "note": "made in the dashboard"}
    answer = client.post(f"/en/staff/provider-lines/{line.id}", data=form)
    return answer.status_code, answer.text


both = pytest.mark.parametrize("happens", [refunded, disputed])


@both
def test_while_its_message_is_not_handled_it_cannot_be_explained(stands: Stands, happens: Happens) -> None:
    line = stands(happens)
    with pytest.raises(MessageWaits):
        say(line)


@both
@pytest.mark.parametrize("broken", [unreadable, silent])
def test_while_the_provider_does_not_say_whose_it_is_the_desk_refuses(
    client: FlaskClient, stands: Stands, monkeypatch: pytest.MonkeyPatch, happens: Happens, broken: Callable[..., None]
) -> None:
    line = stands(happens)
    monkeypatch.setattr(StripeGateway, "read_charge", broken)
    booked = len(giving.booked())
    status, page = post(client, line)
    assert (status, ProviderSaysNothing.sentence in page, len(giving.booked())) == (503, True, booked)


@both
def test_the_desk_asks_the_provider_and_leaves_the_line_to_its_owner(
    client: FlaskClient, settings: Any, stands: Stands, happens: Happens
) -> None:
    line = stands(happens)
    status, page = post(client, line)
    assert (status, OwnerIsKnown.sentence in page, 'value="owner"' in page) == (422, True, True)
    assert post(client, line, "owner")[0] == 303
    assert make.balance_of("suspense") == 0
    assert back.balances()["clearing"] == back.provider_balance(settings)


def test_once_its_owner_is_known_no_message_holds_it_up(settings: Any, stands: Stands) -> None:
    line = stands(refunded)
    with clock.frozen_at(clock.now() + timedelta(days=1)):
        handle_waiting(settings)
        say(line, Outcome.OWNER)
    assert make.balance_of("suspense") == 0


def test_a_payment_that_no_row_of_ours_knows_waits_for_messages_of_pages(settings: Any) -> None:
    with transaction() as session:
        make.store(session, make.line(kind="charge", source_id="ch_x", amount_minor=700))
    with clock.frozen_at(clock.now() + SEEN_AFTER):
        make.run(settings)
        waiting_message("checkout.session.completed")
        with pytest.raises(MessageWaits):
            say(standing())


def waiting_message(kind: str) -> None:
    with transaction() as session:
        session.add(
            ProviderEvent(
                merchant=make.MERCHANT,
                event_id="evt_1",
                kind=kind,
                api_version="",
                object_id="cs_1",
                body=b"{}",
                occurred_at=clock.now(),
                received_at=clock.now(),
                next_attempt_at=clock.now(),
                outcome="failed",
            )
        )


def test_a_message_about_something_else_holds_up_nothing(client: FlaskClient, settings: Any) -> None:
    line = of_nobody(settings)
    waiting_message("refund.created")
    assert post(client, line)[0] == 303


def test_what_the_provider_does_not_know_is_explained_as_before(client: FlaskClient, settings: Any) -> None:
    assert post(client, of_nobody(settings))[0] == 303
    assert make.balance_of("suspense") == 0


def test_a_payment_that_other_software_took_is_explained_as_before(
    client: FlaskClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = gateway_for(make.merchant(), settings).read_charge(back.charge_of(back.paid(settings)))
    theirs = replace(theirs, charge_id="ch_x", reference=None)
    monkeypatch.setattr(StripeGateway, "read_charge", lambda *_: theirs)
    line = of_nobody(settings, kind="charge", source_id="ch_x", amount_minor=700)
    assert post(client, line)[0] == 303
    assert make.balance_of("suspense") == 0


def of_nobody(settings: Any, **changes: Any) -> ProviderLine:
    """A refund that the provider itself does not find any more, unless a test says otherwise."""
    facts = {"kind": "refund", "source_id": "re_x", "amount_minor": -400, "created_at": make.MONDAY} | changes
    with transaction() as session:
        make.store(session, make.line(**facts))
    meet_waiting(make.merchant(), settings, has_messages=True)
    return standing()


@pytest.fixture
def explained(stands: Stands, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Stands:
    """What happened to a charge of ours was explained while its message waited, as it could be once; then it came."""

    def make_it_so(happens: Happens) -> ProviderLine:
        line = stands(happens)
        monkeypatch.setattr(explaining, "refuse_while_a_message_waits", lambda *_: None)
        say(line)
        with clock.frozen_at(clock.now() + timedelta(days=1)):
            handle_waiting(settings)
        return line

    return make_it_so


@both
def test_a_line_that_was_explained_before_its_message_was_handled_is_missed(
    settings: Any, explained: Stands, happens: Happens
) -> None:
    line = explained(happens)
    with clock.frozen_at(clock.now() + timedelta(days=5)):
        assert f"no_line {-line.amount_minor} None" in make.kinds(make.run(settings))


@both
def test_its_owner_is_known_now(settings: Any, explained: Stands, happens: Happens) -> None:
    line = explained(happens)
    assert make.kinds(make.run(settings)) == [f"line_known_now None {line.net_minor}"]


@both
def test_a_repair_takes_the_explanation_back_with_the_suspense(
    settings: Any, database: Any, explained: Stands, happens: Happens
) -> None:
    line = explained(happens)
    with clock.frozen_at(clock.now() + timedelta(days=5)):
        make.run(settings, repair=True)
        assert make.kinds(make.run(settings, repair=True)) == []
    assert back.balances()["clearing"] == back.provider_balance(settings)
    assert giving.booked()[-2:] == [
        giving.Booked("reversal", None, "suspense", "general", -line.net_minor),
        giving.Booked("reversal", None, "clearing", "suspense", -line.net_minor),
    ]
    assert make.failing(database) == []


def test_what_staff_said_stays_with_a_line_that_was_given_to_its_owner(settings: Any, explained: Stands) -> None:
    explained(refunded)
    make.run(settings, repair=True)
    kept = [line for line in make.lines() if line.explained_by == 905]
    assert [(line.met, line.explanation) for line in kept] == [(Met.REFUND, "made in the dashboard")]


def test_an_explained_line_that_is_nobodys_stays_explained(settings: Any) -> None:
    line = of_nobody(settings)
    say(line)
    assert f"line_unexplained None {line.net_minor}" not in make.kinds(make.run(settings, repair=True))
    assert standing().explained_at is not None


@both
def test_a_line_that_stands_unexplained_is_not_missed_as_well(settings: Any, stands: Stands, happens: Happens) -> None:
    stands(happens)
    with clock.frozen_at(clock.now() + timedelta(days=1)):
        handle_waiting(settings)
    with clock.frozen_at(clock.now() + timedelta(days=5)):
        kinds = [found.kind.value for found, _ in make.run(settings).found]
        assert "line_known_now" in kinds
        assert "no_line" not in kinds
