"""A running installation of its own, reached over HTTP and by a browser only.

The world is brought to its start through the services; from there on nothing but requests and clicks. Every module here
runs in one worker (`TOGETHER` in tests/conftest.py), so that one server serves them all.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request

from donate import create_app
from donate.db import Database, bind
from donate.settings import read_settings
from tests.bench.servers import free_port
from tests.conftest import clone
from tests.journeys.stage import Stage, set_up
from tests.laws.world import build
from tests.people import factories as people

CHROMIUM = os.environ.get("TESTS_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass(frozen=True, slots=True)
class Site:
    """Where the installation answers, and who may sign in with `people.PASSWORD`."""

    url: str
    port: int
    campaign: str
    organiser: str
    reviewer: str
    admin: str
    folder: Path
    stage: Stage


@pytest.fixture(scope="session")
def site(
    server_url: str, template: str, shared_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    url = clone(server_url, f"donate_journeys_{os.getpid()}", shared_folder)
    database = Database(url)
    bind(database)
    port = free_port()
    environ = {
        "DONATE_DATABASE_URL": url,
        "DONATE_INSTANCE": str(folder),
        "DONATE_SECRET_KEY": "a key for journeys only",
        "DONATE_BASE_URL": f"http://127.0.0.1:{port}",
        "DONATE_SEQUENCER_BATCH": "1",
        "DONATE_SEQUENCER_SECONDS": "1",
        "DONATE_WORKERS": "1",
    }
    stage, emails = _build(database, environ)
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "donate.cli", "serve", "--port", str(port)],
        env=os.environ | environ,
        stdout=log,
        stderr=log,
    )
    try:
        _wait(port, process, folder / "server.log")
        yield Site(f"http://127.0.0.1:{port}", port, stage.world.things.campaign, *emails, folder, stage)
    finally:
        process.terminate()
        process.wait(30)
        database.dispose()


def _build(database: Database, environ: dict[str, str]) -> tuple[Stage, tuple[str, str, str]]:
    """One of everything that an address can name, in every state that a page has, and somebody of every role."""
    settings = read_settings(environ)
    world = build(create_app(settings, database), database, settings)
    stage = set_up(world, settings)
    with database.transaction() as session:
        organiser = people.user(session, memberships=((world.things.partner, "owner"),)).email
        reviewer = people.user(session, memberships=((world.things.host, "reviewer"),)).email
        admin = people.user(session, role="admin").email
    return stage, (organiser, reviewer, admin)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/zh/")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    """Debian's Chromium, which runs as root without its own sandbox; no browser is downloaded."""
    if CHROMIUM is None:
        if os.environ.get("TESTS_BROWSER") == "required":
            pytest.fail("TESTS_BROWSER=required, and there is no Chromium")
        pytest.skip("no Chromium on this machine (apt-get install chromium fonts-wqy-microhei)")
    quiet = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    return {"executable_path": CHROMIUM, "args": quiet}


@dataclass(slots=True)
class Visitor:
    """A browser window whose every console message, failed request and refused resource is a fault."""

    page: Page
    site: Site
    faults: list[str]

    def open(self, path: str) -> Page:
        answer = self.page.goto(self.site.url + path)
        assert answer is not None
        assert answer.status == 200, (path, answer.status)
        return self.page

    def sign_in(self, email: str) -> None:
        page = self.open("/en/sign-in")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(people.PASSWORD)
        page.get_by_role("main").get_by_role("button").click()

    def assert_no_faults(self) -> None:
        assert self.faults == []


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator["Windows"]:
    windows = Windows(browser, site, [])
    yield windows
    for context in windows.contexts:
        context.close()


@dataclass(slots=True)
class Windows:
    """Opens visitors: a phone of 390 px unless told, with or without scripts, light or dark, signed in as `person`."""

    browser: Browser
    site: Site
    contexts: list[BrowserContext]

    def __call__(
        self, *, width: int = 390, scripts: bool = True, dark: bool = False, person: str | None = None
    ) -> Visitor:
        context = self.browser.new_context(
            viewport={"width": width, "height": 844},
            java_script_enabled=scripts,
            color_scheme="dark" if dark else "light",
        )
        self.contexts.append(context)
        if person is not None:
            name, value = self.site.stage.cookie_of(person)
            context.add_cookies([{"name": name, "value": value, "url": self.site.url}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        visitor = Visitor(page, self.site, [])
        page.on("console", lambda said: visitor.faults.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: visitor.faults.append(str(error)))
        page.on("requestfailed", lambda request: _note_failed(visitor, request))
        return visitor


def _note_failed(visitor: Visitor, request: Request) -> None:
    """What the page itself broke off by leading elsewhere before its icon was there is no fault of the site."""
    if request.failure != "net::ERR_ABORTED":
        visitor.faults.append(f"failed: {request.url}: {request.failure}")
