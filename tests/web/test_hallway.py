"""The hallway: the locale of an address, and what every answer carries."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from flask import Flask, g, url_for
from flask.testing import FlaskClient

from donate import create_app, web, web_answers
from donate.db import Database
from donate.settings import Settings, read_settings


def test_root_goes_to_the_readers_language(client: FlaskClient) -> None:
    english = client.get("/", headers={"Accept-Language": "en-GB,en;q=0.9"})
    assert (english.status_code, english.location) == (302, "/en/")
    assert english.vary.as_set() == {"accept-language"}
    assert client.get("/", headers={"Accept-Language": "fr"}).location == "/zh/"


@pytest.mark.parametrize("path", ["/fr/sign-in", "/zh-Hans/sign-in", "/sign-in"])
def test_other_locales_do_not_exist(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_addresses_keep_the_locale_of_the_page(app: Flask) -> None:
    seen: list[str] = []

    def page() -> str:
        seen.append(g.locale)
        return url_for("session.sign_in")

    web.hang(app, "sample", [("/sample", page, ["GET"])])
    assert app.test_client().get("/en/sample").text == "/en/sign-in"
    assert app.test_client().get("/zh/sample").text == "/zh/sign-in"
    assert seen == ["en", "zh"]


@pytest.mark.parametrize("path", ["/", "/en/sign-in", "/en/nowhere", "/en/password"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy)
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers  # development has no TLS


def production(**more: str) -> Settings:
    return read_settings(
        {
            "DONATE_ENVIRONMENT": "production",
            "DONATE_BASE_URL": "https://donate.example.org",
            "DONATE_DATABASE_URL": "postgresql://db.example.org/donate",
            "DONATE_SECRET_KEY": "a long key for tests in production only",
            "DONATE_STRIPE_MAIN_KEY": "sk_live_x",
            "DONATE_STRIPE_MAIN_WEBHOOK_SECRETS": "whsec_x",
            **more,
        }
    )


def test_production_asks_for_tls_and_keeps_its_cookie_there(database: Database) -> None:
    app = create_app(production(), database)
    assert app.test_client().get("/").headers["Strict-Transport-Security"] == "max-age=31536000"
    assert app.config["SESSION_COOKIE_SECURE"]
    assert app.config["SESSION_COOKIE_NAME"].startswith("__Host-")


def test_only_donors_forms_may_lead_to_the_provider(database: Database) -> None:
    app = create_app(production(), database)
    app.add_url_rule("/probe", endpoint="donor.probe", view_func=lambda: "")
    give = app.test_client().get("/probe").headers["Content-Security-Policy"]
    assert f"form-action 'self' {web_answers.PROVIDER_HOSTS};" in give
    assert "stripe" not in app.test_client().get("/en/sign-in").headers["Content-Security-Policy"]


@pytest.mark.parametrize(("proxies", "seen"), [("0", "127.0.0.1"), ("1", "198.51.100.7")])
def test_forwarded_addresses_count_only_from_trusted_proxies(database: Database, proxies: str, seen: str) -> None:
    from flask import request

    app = create_app(production(DONATE_TRUSTED_PROXIES=proxies), database)
    app.add_url_rule("/who", view_func=lambda: str(request.remote_addr))
    assert app.test_client().get("/who", headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}).text == seen


@pytest.mark.parametrize(("proxies", "count"), [("0", 1), ("1", 0)])
def test_a_forgotten_proxy_is_warned_of_once(database: Database, proxies: str, count: int) -> None:
    client = create_app(production(DONATE_TRUSTED_PROXIES=proxies), database).test_client()
    with structlog.testing.capture_logs() as lines:
        client.get("/en/sign-in")
        for _ in range(3):
            client.get("/en/sign-in", headers={"X-Forwarded-For": "203.0.113.9"})
    warnings = [line for line in lines if line["log_level"] == "warning"]
    assert len(warnings) == count
    assert all("DONATE_TRUSTED_PROXIES is 0" in line["problem"] for line in warnings)


def test_an_application_can_be_made_many_times(database: Database, settings: Settings) -> None:
    apps = [create_app(settings, database) for _ in range(3)]
    assert {app.test_client().get("/en/sign-in").status_code for app in apps} == {200}


def test_applications_can_be_made_by_several_threads_at_once(database: Database, settings: Settings) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as threads:
            apps = list(threads.map(lambda _: create_app(settings, database), range(12)))
    finally:
        sys.setswitchinterval(interval)
    assert len({id(app) for app in apps}) == 12


def test_importing_a_low_room_brings_no_web_framework_along() -> None:
    program = "import sys, donate.money, donate.db; sys.exit('flask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 422),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, 422),
        ({"Sec-Fetch-Site": "none"}, 422),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost"}, 422),
        ({"Origin": "http://127.0.0.1:8000"}, 422),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
    ],
)
def test_a_form_without_session_says_where_it_came_from(
    client: FlaskClient, headers: dict[str, str], status: int
) -> None:
    assert client.post("/en/sign-in", data={"email": "x@example.org"}, headers=headers).status_code == status
