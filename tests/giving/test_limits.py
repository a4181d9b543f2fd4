"""Card testing meets limits; donors do not."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from donate import clock
from donate.db import Database, transaction
from donate.errors import BadSetting
from donate.giving import brakes, tries
from donate.giving.brakes import Brake, Pulse, judged
from donate.giving.challenge import WaitAndConfirm, challenge_of
from donate.giving.declines import MOST_OF_A_CHECKOUT
from donate.giving.merchants import merchant_of
from donate.giving.tries import Bounds, Level
from donate.payments import inbox
from donate.payments.sandbox import outcomes
from donate.settings import Settings, read_settings
from donate.settling.messages import handlers
from tests.giving import factories as make

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def send(client: FlaskClient, *, address: str = "203.0.113.7", browser: str = "A", **form: str) -> TestResponse:
    """A fresh form from this address and browser."""
    return client.post(
        "/en/give/yunxi",
        data=make.fresh_form(client, **form),
        environ_base={"REMOTE_ADDR": address},
        headers={"User-Agent": browser},
    )


def pay_all() -> None:
    with transaction() as session:
        session.execute(text("UPDATE checkout SET state = 'paid', paid_at = now(), booked_as = 'donations'"))


def count_of(table: str) -> int:
    with transaction() as session:
        return session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


@pytest.mark.parametrize(
    ("burden", "paid", "level"),
    [
        *((9, 0, Level.FREE), (10, 0, Level.ASK), (59, 0, Level.ASK), (60, 0, Level.REFUSE)),
        *((39, 10, Level.FREE), (40, 10, Level.ASK), (89, 10, Level.ASK), (90, 10, Level.REFUSE)),
    ],
)
def test_each_paid_checkout_earns_room_for_three_unpaid(burden: int, paid: int, level: Level) -> None:
    assert Bounds(ask=10, refuse=60).level(burden, paid) is level


def test_who_pays_is_never_asked_anything(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    make.raising()
    monkeypatch.setattr(tries, "BROWSER", Bounds(ask=2, refuse=3))
    for _ in range(8):
        assert send(client).status_code == 303
        pay_all()


def test_many_unpaid_from_one_browser_ask_then_refuse(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    make.raising()
    monkeypatch.setattr(tries, "BROWSER", Bounds(ask=1, refuse=2))
    assert send(client).status_code == 303
    asked = send(client)
    assert (asked.status_code, "wait 5 seconds" in asked.text, count_of("checkout")) == (422, True, 1)
    assert send(client, browser="B").status_code == 303, "another browser of the network"
    assert send(client, method="card").status_code == 303, "another way of paying"
    stamped = confirmed(client, asked)
    assert stamped.status_code == 303
    refused = send(client)
    assert (refused.status_code, "try again in 10 minutes" in refused.text) == (429, True)
    with clock.frozen_at(clock.now() + timedelta(minutes=11)):
        assert send(client).status_code == 303


def confirmed(client: FlaskClient, asked: TestResponse, seconds: int = 6, **changes: str) -> TestResponse:
    """The asked form, sent once more after some seconds."""
    stamp = asked.text.partition('name="stamp" value="')[2].partition('"')[0]
    form = {**make.FORM, "token": make.token_in(asked), "stamp": stamp, **changes}
    with clock.frozen_at(clock.now() + timedelta(seconds=seconds)):
        return client.post(
            "/en/give/yunxi",
            data=form,
            environ_base={"REMOTE_ADDR": "203.0.113.7"},
            headers={"User-Agent": "A"},
        )


def test_what_was_typed_is_kept_while_the_challenge_is_asked(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.raising()
    monkeypatch.setattr(tries, "BROWSER", Bounds(ask=0, refuse=9))
    asked = send(client, name="Tomasz", own="21.00")
    assert 'value="Tomasz"' in asked.text
    assert 'value="21.00"' in asked.text


@pytest.mark.parametrize(("seconds", "stamp"), [(1, None), (3600, None), (6, "forged"), (6, "")])
def test_a_challenge_not_met_is_asked_again(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, seconds: int, stamp: str | None
) -> None:
    make.raising()
    monkeypatch.setattr(tries, "BROWSER", Bounds(ask=0, refuse=9))
    again = confirmed(client, send(client), seconds, **({} if stamp is None else {"stamp": stamp}))
    assert (again.status_code, count_of("checkout")) == (422, 0)


def test_a_stamp_is_good_for_one_checkout_only(settings: Settings) -> None:
    challenge = WaitAndConfirm(settings.secret_key)
    ours, other = uuid4(), uuid4()
    asked = challenge.ask(ours)
    with clock.frozen_at(clock.now() + timedelta(seconds=6)):
        assert challenge.is_met(ours, asked.fields)
        assert not challenge.is_met(other, asked.fields)


def test_a_checkout_that_was_started_may_always_go_on(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    make.raising()
    form = make.fresh_form(client)
    assert client.post("/en/give/yunxi", data=form).status_code == 303
    monkeypatch.setattr(tries, "NETWORK", Bounds(ask=0, refuse=0))
    assert client.post("/en/give/yunxi", data=form).status_code == 303


def test_a_network_is_limited_whatever_its_browsers_are_called(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.raising()
    monkeypatch.setattr(tries, "NETWORK", Bounds(ask=3, refuse=3))
    answers = [send(client, address=f"203.0.113.{number}", browser=str(number)).status_code for number in range(4)]
    assert answers == [303, 303, 303, 429]
    assert send(client, address="198.51.100.1").status_code == 303


def test_an_address_is_refused_before_its_neighbours_are(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    make.raising()
    monkeypatch.setattr(tries, "ADDRESS", Bounds(ask=3, refuse=3))
    monkeypatch.setattr(tries, "NETWORK", Bounds(ask=3, refuse=9))
    answers = [send(client, address="203.0.113.8", browser=str(number)).status_code for number in range(4)]
    assert answers == [303, 303, 303, 429]
    neighbour = send(client, address="203.0.113.7")
    assert (neighbour.status_code, confirmed(client, neighbour).status_code) == (422, 303)


def test_nothing_kept_tells_an_address_or_a_browser(client: FlaskClient) -> None:
    make.raising()
    send(client, address="203.0.113.7", browser="Nameable Browser 9")
    with transaction() as session:
        row = session.execute(text("SELECT checkout_try::text FROM checkout_try")).scalar_one()
    assert "203.0" not in row
    assert "4e616d65" not in row  # the browser's name, were it kept as bytes


def test_tries_are_forgotten_after_a_day(client: FlaskClient) -> None:
    make.raising()
    send(client)
    with transaction() as session:
        assert tries.forget(session) == 0
    with clock.frozen_at(clock.now() + timedelta(hours=25)), transaction() as session:
        assert tries.forget(session) == 1
    assert (count_of("checkout_try"), count_of("checkout")) == (0, 1)


def declined(client: FlaskClient, settings: Settings, times: int, *, address: str = "203.0.113.7", **form: str) -> None:
    """A checkout of a network whose card is refused some times, with the messages delivered."""
    answer = send(client, address=address, browser=address, **{"method": "card", **form})
    assert answer.status_code == 303, answer.text
    with transaction() as session:
        session_id = session.execute(text("SELECT session_id FROM checkout ORDER BY id DESC LIMIT 1")).scalar_one()
        for _ in range(times):
            outcomes.decline(session, make.MERCHANT, session_id)
    make.deliver(client, settings)


@pytest.mark.parametrize("rhythm", ["once", "monthly"])
def test_a_page_on_which_card_after_card_is_refused_is_closed(
    client: FlaskClient, settings: Settings, rhythm: str
) -> None:
    make.raising()
    declined(client, settings, MOST_OF_A_CHECKOUT - 1, rhythm=rhythm)
    assert make.only_checkout().state == "open"
    with transaction() as session:
        outcomes.decline(session, make.MERCHANT, make.only_checkout().session_id or "")
    make.deliver(client, settings)
    make.deliver(client, settings)
    assert make.only_checkout().state == "expired"
    assert count_of("declined_try") == MOST_OF_A_CHECKOUT
    with pytest.raises(outcomes.SessionOver), transaction() as session:
        outcomes.decline(session, make.MERCHANT, make.only_checkout().session_id or "")


@pytest.mark.parametrize("rhythm", ["once", "monthly"])
def test_a_message_that_comes_twice_counts_once(client: FlaskClient, settings: Settings, rhythm: str) -> None:
    make.raising()
    declined(client, settings, 1, rhythm=rhythm)
    with transaction() as session:
        session.execute(text("UPDATE provider_event SET outcome = 'failed'"))
    inbox.retry_waiting(merchant_of, handlers(settings))
    assert count_of("declined_try") == 1


@pytest.mark.parametrize("rhythm", ["once", "monthly"])
def test_a_refused_card_echoes_no_reason_of_its_bank(client: FlaskClient, settings: Settings, rhythm: str) -> None:
    make.raising()
    declined(client, settings, 1, rhythm=rhythm)
    page = client.get(f"/en/paid/{make.only_checkout().secret}")
    assert page.status_code == 200
    assert not any(word in page.text for word in ("declined", "generic", "insufficient", "code"))


@pytest.mark.parametrize("rhythm", ["once", "monthly"])
def test_cards_refused_from_many_networks_pause_cards_there_and_nothing_else(
    client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch, rhythm: str
) -> None:
    make.raising()
    make.raising("datang", beside="yunxi")
    monkeypatch.setattr(brakes, "PAUSES_AT", 4)
    start = clock.now()
    for network in range(2):
        with clock.frozen_at(start + timedelta(seconds=3 * network)):
            declined(client, settings, 2, address=f"10.0.{network}.1", rhythm=rhythm)
    with clock.frozen_at(start + timedelta(seconds=9)):
        paused = send(client, address="192.0.2.1", method="card")
        assert (paused.status_code, "rests for this campaign" in paused.text) == (409, True)
        assert send(client, address="192.0.2.1", method="alipay").status_code == 303
        other = make.fresh_form(client, "/en/give/datang", method="card")
        assert client.post("/en/give/datang", data=other).status_code == 303


@pytest.mark.parametrize("rhythm", ["once", "monthly"])
def test_one_network_alone_pauses_nothing(
    client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch, rhythm: str
) -> None:
    make.raising()
    monkeypatch.setattr(brakes, "PAUSES_AT", 4)
    monkeypatch.setattr(brakes, "MOST_OF_A_NETWORK", 3)
    declined(client, settings, 9, rhythm=rhythm)
    with clock.frozen_at(clock.now() + timedelta(seconds=9)):
        assert send(client, address="192.0.2.1", method="card").status_code == 303


QUIET = Pulse(unpaid=0, paid=0, declined=0)


@pytest.mark.parametrize(
    ("pulse", "pauses"),
    [
        (Pulse(unpaid=0, paid=0, declined=29), False),
        (Pulse(unpaid=0, paid=0, declined=30), True),
        (Pulse(unpaid=0, paid=16, declined=30), False),
        (Pulse(unpaid=0, paid=15, declined=30), True),
        (Pulse(unpaid=100_000, paid=0, declined=0), False),
    ],
)
def test_only_refused_payments_pause(pulse: Pulse, pauses: bool) -> None:
    assert judged(Brake(), pulse, NOW).is_paused(NOW) == pauses


def test_pauses_double_up_to_two_hours() -> None:
    brake, pauses = judged(Brake(), Pulse(0, 0, 30), NOW), []
    for _ in range(6):
        assert brake.paused_until is not None
        pauses.append(brake.paused_until)
        brake = judged(brake, Pulse(0, 0, 5), brake.paused_until)
    lengths = [(later - earlier).total_seconds() / 60 for earlier, later in zip([NOW, *pauses], pauses, strict=False)]
    assert lengths == [10, 20, 40, 80, 120, 120]


@pytest.mark.parametrize(
    ("pulse", "later", "expected"),
    [
        (QUIET, timedelta(0), Brake(asks=True, paused_until=NOW, pause_count=2)),
        (Pulse(unpaid=20, paid=0, declined=0), timedelta(0), Brake(True, True, NOW, 2)),
        (Pulse(unpaid=20, paid=1, declined=4), timedelta(0), Brake(True, False, NOW, 2)),
        (Pulse(unpaid=9, paid=3, declined=4), timedelta(0), Brake()),
        (QUIET, timedelta(minutes=61), Brake()),
        (Pulse(unpaid=9, paid=2, declined=5), timedelta(0), Brake(True, False, NOW + timedelta(minutes=40), 3)),
    ],
)
def test_a_trial_ends_well_or_pauses_again(pulse: Pulse, later: timedelta, expected: Brake) -> None:
    assert judged(Brake(True, False, NOW, 2), pulse, NOW + later) == expected


def test_a_pause_is_waited_out_whatever_happens() -> None:
    paused = Brake(asks=True, paused_until=NOW + timedelta(minutes=1), pause_count=1)
    assert judged(paused, Pulse(unpaid=0, paid=50, declined=0), NOW) == paused


def test_many_unpaid_of_a_campaign_ask_and_far_more_are_refused(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.raising()
    monkeypatch.setattr(brakes, "JUDGED_EVERY", timedelta(0))
    monkeypatch.setattr(brakes, "CAMPAIGN", Bounds(ask=1, refuse=9))
    assert judged(Brake(), Pulse(9, 0, 0), NOW, brakes.CAMPAIGN).refuses
    assert send(client, address="192.0.2.1").status_code == 303
    assert send(client, address="198.51.100.1").status_code == 422
    assert send(client, address="198.51.100.1", method="card").status_code == 303
    pay_all()
    assert send(client, address="198.51.100.1").status_code == 303


def test_the_limit_on_everything_counts_checkouts_not_donations(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.raising()
    make.raising("datang", beside="yunxi")
    monkeypatch.setattr(brakes, "JUDGED_EVERY", timedelta(0))
    monkeypatch.setattr(brakes, "TOTAL", Bounds(ask=2, refuse=2))
    form: dict[str, Any] = make.fresh_form(client, "/en/give/yunxi?c=datang") | {"own-1": "5", "own-2": "5"}
    del form["amount"]
    assert client.post("/en/give/yunxi?c=datang", data=form).status_code == 303
    assert [send(client, address=f"10.0.{n}.1").status_code for n in range(2)] == [303, 429]


def plugged(settings: Settings) -> WaitAndConfirm:
    return WaitAndConfirm(settings.secret_key + "another")


def test_another_challenge_can_be_plugged_in(tmp_path: Any) -> None:
    env = {"DONATE_INSTANCE": str(tmp_path), "DONATE_CHALLENGE": "tests.giving.test_limits:plugged"}
    assert isinstance(challenge_of(read_settings(env)), WaitAndConfirm)


@pytest.mark.parametrize("name", ["nothing", "no.such.module:make", "tests.giving.test_limits:missing", ":", "x:"])
def test_a_challenge_that_is_none_is_refused(tmp_path: Any, name: str) -> None:
    with pytest.raises(BadSetting, match="DONATE_CHALLENGE"):
        challenge_of(read_settings({"DONATE_INSTANCE": str(tmp_path), "DONATE_CHALLENGE": name}))


def test_a_brake_is_judged_once_a_second(client: FlaskClient, database: Database) -> None:
    make.raising()
    with clock.frozen_at(NOW):
        with transaction() as session:
            brakes.brake_on(session, "yunxi", "card")
        with transaction() as session:
            session.execute(text("UPDATE checkout_brake SET asks = true"))
    for later, asks in ((timedelta(milliseconds=999), True), (timedelta(seconds=1), False)):
        with clock.frozen_at(NOW + later), transaction() as session:
            assert brakes.brake_on(session, "yunxi", "card").asks == asks
