"""Trying out stolen cards: how many pages the attempts get, and what ordinary donors notice meanwhile.

Some hundred attempts in every run, ten thousand in the long one; by payments that are made once, and by first months of
standing promises. Time is played: twenty attempts a second, all within one window of the limits. Each page that an attacker gets is used
for one card, which its bank refuses. A patient attacker waits as the challenge asks; others do not understand it.
Every fiftieth attempt five donors give and pay: in the attacker's own network by wallet and by card, at the attacker's very
address by card, and elsewhere by card to the attacked campaign and to another. A donor who is asked waits and confirms.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from donate import clock
from donate.db import transaction
from donate.giving import token
from donate.payments.sandbox import outcomes
from donate.settings import Settings
from tests.giving import factories as make

ATTEMPTS, FEW = 10_000, 80
EVERY = timedelta(milliseconds=50)
POST_AFTER = 5  # attempts: messages are a quarter of a second on their way
BEGINS = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOME = "203.0.113"  # the attacker's network, where others give as well
PATIENCE = timedelta(seconds=6)

ONE_ADDRESS = [f"{HOME}.7"]
MANY_ADDRESSES = [f"{HOME}.7", *(f"10.{number // 250}.{number % 250}.7" for number in range(999))]


@dataclass
class Attack:
    """One run over a client, with the figures it leaves."""

    client: FlaskClient
    settings: Settings
    addresses: list[str]
    browsers: int
    is_patient: bool
    rhythm: str = "once"
    pages: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    donors: dict[str, Counter[str]] = field(default_factory=dict)
    waiting: list[tuple[datetime, str, str, dict[str, str]]] = field(default_factory=list)

    def run(self, attempts: int) -> None:
        chance = random.Random(7)
        for number in range(attempts):
            with clock.frozen_at(BEGINS + number * EVERY):
                self._attempt(chance.choice(self.addresses), f"Bot/{number % self.browsers}")
                if number % 50 == 25:
                    for who, address, campaign, method in donors(number):
                        self._donor(who, address, campaign, method)
                if number % POST_AFTER == 0:
                    make.deliver(self.client, self.settings)

    def _attempt(self, address: str, browser: str) -> None:
        now = clock.now()
        while self.waiting and self.waiting[0][0] <= now:
            _, *came_from, form = self.waiting.pop(0)
            self._card(self._send("yunxi", came_from[0], came_from[1], form), form, *came_from)
        form = self._form("yunxi", "card") | {"rhythm": self.rhythm}
        self._card(self._send("yunxi", address, browser, form), form, address, browser)

    def _card(self, answer: TestResponse, form: dict[str, str], address: str, browser: str) -> None:
        """An attacker's page is used for one stolen card."""
        if answer.status_code == 303:
            self.pages += 1
            with transaction() as session:
                outcomes.decline(session, make.MERCHANT, newest_session())
        elif answer.status_code == 422 and self.is_patient and "stamp" not in form:
            self.waiting.append((clock.now() + PATIENCE, address, browser, form | {"stamp": stamp_in(answer)}))
        else:
            self.refused[answer.status_code] += 1

    def _donor(self, who: str, address: str, campaign: str, method: str) -> None:
        form = self._form(campaign, method)
        answer = self._send(campaign, address, "Phone", form)
        noticed = {303: "nothing", 422: "asked", 409: "card paused", 429: "refused"}[answer.status_code]
        if answer.status_code == 422:
            with clock.frozen_at(clock.now() + PATIENCE):
                answer = self._send(campaign, address, "Phone", form | {"stamp": stamp_in(answer)})
            # Between being asked and confirming, the brake may have come on.
            noticed = {303: "asked", 409: "card paused"}.get(answer.status_code, "refused")
        if answer.status_code == 303:
            with transaction() as session:
                outcomes.pay(session, make.MERCHANT, newest_session(), method)
        self.donors.setdefault(who, Counter())[noticed] += 1

    def _form(self, campaign: str, method: str) -> dict[str, str]:
        return {"token": token.issue(self.settings.secret_key, [campaign]), "own": "30", "method": method}

    def _send(self, campaign: str, address: str, browser: str, form: dict[str, str]) -> TestResponse:
        return self.client.post(
            f"/en/give/{campaign}",
            data=form,
            environ_base={"REMOTE_ADDR": address},
            headers={"User-Agent": browser},
        )


def donors(number: int) -> Iterator[tuple[str, str, str, str]]:
    elsewhere = f"192.{number // 256}.{number % 256}.9"
    yield "wallet, same network, same campaign", f"{HOME}.{number % 250}", "yunxi", "alipay"
    yield "card, same network, other campaign", f"{HOME}.{number % 250}", "datang", "card"
    yield "card, same address, other campaign", f"{HOME}.7", "datang", "card"
    yield "card, elsewhere, same campaign", elsewhere, "yunxi", "card"
    yield "card, elsewhere, other campaign", elsewhere, "datang", "card"


def newest_session() -> str:
    with transaction() as session:
        found: str = session.execute(text("SELECT session_id FROM checkout ORDER BY id DESC LIMIT 1")).scalar_one()
        return found


def stamp_in(answer: TestResponse) -> str:
    return answer.text.partition('name="stamp" value="')[2].partition('"')[0]


def attacked(
    client: FlaskClient,
    settings: Settings,
    attempts: int,
    addresses: list[str],
    browsers: int,
    patient: bool,
    rhythm: str,
) -> tuple[Attack, str]:
    """The attack after so many attempts, and its figures in words."""
    with clock.frozen_at(BEGINS):
        make.raising()
        make.raising("datang", beside="yunxi")
    attack = Attack(client, settings, addresses, browsers, patient, rhythm)
    attack.run(attempts)
    told = [f"{attempts} {rhythm}, {len(addresses)} addresses, {browsers} browsers, {patient=}: {attack.pages} pages,"]
    told.append(f"refused {dict(attack.refused)}")
    told += [f"\n  {who}: {dict(noticed)}" for who, noticed in attack.donors.items()]
    return attack, " ".join(told)


def assert_donors_go_on(attack: Attack) -> None:
    assert set(attack.donors["card, elsewhere, other campaign"]) == {"nothing"}
    assert set(attack.donors["wallet, same network, same campaign"]) == {"nothing"}
    for who in ("card, elsewhere, same campaign", "card, same network, other campaign"):
        assert "refused" not in attack.donors[who], who


@pytest.mark.parametrize(
    ("addresses", "browsers", "most", "rhythm"),
    [(ONE_ADDRESS, 1, 20, "once"), (ONE_ADDRESS, 1, 20, "monthly"), (MANY_ADDRESSES, FEW, 30, "monthly")],
    ids=["one address", "one address, monthly", "1,000 addresses, monthly"],
)
def test_some_hundred_attempts(
    client: FlaskClient, settings: Settings, addresses: list[str], browsers: int, most: int, rhythm: str
) -> None:
    attack, told = attacked(client, settings, FEW, addresses, browsers, True, rhythm)
    assert 0 < attack.pages <= most, told
    assert_donors_go_on(attack)


@pytest.mark.long
@pytest.mark.parametrize("rhythm", ["once", "monthly"])
@pytest.mark.parametrize("is_patient", [False, True], ids=["impatient", "patient"])
@pytest.mark.parametrize(
    ("addresses", "browsers", "most"),
    [(ONE_ADDRESS, 1, 20), (ONE_ADDRESS, 10_000, 150), (MANY_ADDRESSES, 10_000, 250)],
    ids=["one address", "one address, many browsers", "1,000 addresses"],
)
def test_ten_thousand_attempts(
    client: FlaskClient,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    addresses: list[str],
    browsers: int,
    most: int,
    is_patient: bool,
    rhythm: str,
) -> None:
    attack, told = attacked(client, settings, ATTEMPTS, addresses, browsers, is_patient, rhythm)
    with capsys.disabled():
        print(f"\n{told}")
    assert attack.pages <= most
    assert_donors_go_on(attack)
