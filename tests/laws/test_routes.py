"""Every route that exists, walked: who gets in, who is a stranger, and what public answers never carry."""

from collections.abc import Callable, Iterable
from functools import partial

import pytest
from flask import Flask
from flask.testing import FlaskClient

from donate import web
from donate.db import Database
from donate.settings import Settings
from tests.laws import world as worlds
from tests.laws.addresses import LETS_IN, OWN_AND_STRANGER, SAMPLES, Address, addresses, missing_samples
from tests.laws.world import World


@pytest.fixture
def build(app: Flask, database: Database, settings: Settings) -> Callable[[], World]:
    """Builds the world, after a test has planted what it wants into the app."""
    return partial(worlds.build, app, database, settings)


@pytest.fixture
def world(build: Callable[[], World]) -> World:
    return build()


def guard_violations(world: World) -> list[str]:
    """Guarded routes that let in somebody whose role they are not for, or nobody at all."""
    found = []
    for address in addresses(world):
        if address.audience not in LETS_IN:
            continue
        for method in address.methods:
            status = world.anonymous.open(address.path, method=method).status_code
            if status != (303 if method == "GET" else 401):
                found.append(f"{method} {address.endpoint}: anonymous gets {status}")
            for name, person in world.people.items():
                if name in LETS_IN[address.audience]:
                    continue
                status = person.open(address.path, method).status_code
                if status != 403:
                    found.append(f"{method} {address.endpoint}: {name} gets {status}")
    return found


def stranger_violations(world: World) -> list[str]:
    """Routes that name something and answer a stranger with the right role by anything but 404."""
    found = []
    walked = [one for one in addresses(world) if one.names_something and one.audience in OWN_AND_STRANGER]
    for address in walked:
        _, stranger = OWN_AND_STRANGER[address.audience]
        for method in address.methods:
            status = world.people[stranger].open(address.path, method).status_code
            if status != 404:
                found.append(f"{method} {address.endpoint}: a stranger gets {status}")
    # Who may is let in by the same addresses: pages first, since some of the rest take away what the pages show.
    for address in sorted(walked, key=lambda one: "GET" not in one.methods):
        own, _ = OWN_AND_STRANGER[address.audience]
        status = world.people[own].open(address.path, address.methods[0]).status_code
        if status >= 500 or status in (400, 401, 403, 404):
            found.append(f"{address.endpoint}: who may, gets {status}; is the sample right?")
    return found


def cookie_violations(clients: Iterable[FlaskClient], walked: Iterable[Address]) -> list[str]:
    """Public answers that no cache may keep because a session was looked at."""
    found = []
    for address in walked:
        if "GET" not in address.methods or address.audience in LETS_IN:
            continue
        for client in clients:
            answer = client.get(address.path)
            if "Set-Cookie" in answer.headers or "cookie" in {name.lower() for name in answer.vary}:
                found.append(f"{address.endpoint}: Vary: {answer.headers.get('Vary')}, cookie set or looked at")
            if answer.status_code >= 400:
                found.append(f"{address.endpoint}: {answer.status_code}; is the sample right?")
    return found


def test_every_rule_has_a_sample_and_every_audience_a_decision(app: Flask) -> None:
    assert missing_samples(app) == []
    assert set(SAMPLES) <= {rule.endpoint for rule in app.url_map.iter_rules()}


def test_guarded_routes_refuse_the_wrong_roles(world: World) -> None:
    assert guard_violations(world) == []


def test_strangers_get_404(world: World) -> None:
    assert stranger_violations(world) == []


def test_public_answers_carry_no_cookie(world: World) -> None:
    assert cookie_violations([world.anonymous, world.people["owner"].client], addresses(world)) == []


def test_pages_of_secret_links_are_kept_by_no_cache(world: World) -> None:
    secret = [one for one in addresses(world) if world.secret in one.path]
    secret += [one for one in addresses(world) if world.things.complaint_secret in one.path]
    for address in secret:
        assert world.anonymous.get(address.path).headers["Cache-Control"] == "no-store", address.endpoint
    assert len(secret) >= 3


def test_a_desk_is_offered_to_whom_it_lets_in(world: World) -> None:
    audiences = [audience for audience in LETS_IN if audience != "user"]
    for name, person in world.people.items():
        page = person.open("/en/password").text
        for audience in audiences:
            desk = {"organiser": "/en/desk", "reviewer": "/en/review", "staff": "/en/staff", "auditor": "/en/audit"}
            assert (f'href="{desk[audience]}"' in page) == (name in LETS_IN[audience]), (name, audience)


def test_every_audience_with_a_guard_has_its_routes_under_one_prefix(app: Flask) -> None:
    prefixes = {"organiser": "/desk", "reviewer": "/review", "staff": "/staff", "auditor": "/audit"}
    for rule in app.url_map.iter_rules():
        prefix = prefixes.get(rule.endpoint.partition(".")[0])
        if prefix is not None:
            assert rule.rule.removeprefix("/<any(zh, en):locale>").startswith(prefix), rule.rule


def test_a_planted_route_without_a_guard_is_found(
    app: Flask, build: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_to_all() -> str:
        return "come in"

    monkeypatch.setitem(LETS_IN, "planted", frozenset({"admin"}))
    web.hang(app, "planted", [("/planted", open_to_all, ["GET", "POST"])])
    found = guard_violations(build())
    assert any("anonymous gets 200" in line for line in found)
    assert any("editor gets 200" in line for line in found)


def test_a_planted_route_that_asks_nobody_whose_it_is_is_found(
    app: Flask, build: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OWN_AND_STRANGER, "planted", ("owner", "owner elsewhere"))
    monkeypatch.setitem(SAMPLES, "planted.show", lambda world: {"ref": world.things.campaign})

    def show(ref: str) -> str:
        return ref

    web.hang(app, "planted", [("/planted/<ref>", show, ["GET"])])
    assert stranger_violations(build()) == ["GET planted.show: a stranger gets 200"]


def test_a_planted_look_into_the_session_is_found(app: Flask, build: Callable[[], World]) -> None:
    from flask import session

    def looks() -> str:
        return str(session.get("x"))

    web.hang(app, "planted", [("/planted", looks, ["GET"])])
    world = build()
    planted = [address for address in addresses(world) if address.audience == "planted"]
    assert len(cookie_violations([world.anonymous], planted)) == 1


def test_a_planted_rule_without_a_sample_is_found(app: Flask) -> None:
    def show(ref: str) -> str:
        return ref

    web.hang(app, "planted", [("/planted/<ref>", show, ["GET"])])
    assert len(missing_samples(app)) == 2  # no sample, and an audience nobody has decided on
