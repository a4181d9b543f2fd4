"""What `donate demo` prints opens the doors that it names, over HTTP."""

import re
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import pytest

from donate.cli.demo import _print_world
from donate.demo.logins import PEOPLE
from donate.demo.world import build_world
from tests.demo.conftest import BuiltWorld

LINE = re.compile(r"^  (\w+) +(\S+@\S+) +(\S+) +(http://\S+)$", re.MULTILINE)


def printed(site: BuiltWorld, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, ...]]:
    """Role, e-mail, password and address of everybody, as a second start prints them."""
    logins = build_world(site.database, site.settings, lambda _: None)
    capsys.readouterr()
    _print_world(site.settings, logins, 1.0)
    return LINE.findall(capsys.readouterr().err)


def signed_in(site: BuiltWorld, email: str, password: str) -> OpenerDirector:
    """A browser after it has sent the sign-in form. Raises HTTPError where the site refuses."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    form = urlencode({"email": email, "password": password}).encode()
    with browser.open(f"{site.settings.base_url}/en/sign-in", form, timeout=30) as answer:
        assert answer.status == 200
    return browser


def test_everybody_who_is_printed_signs_in_and_finds_their_page(
    site: BuiltWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    people = printed(site, capsys)
    assert [role for role, *_ in people] == [person.role for person in PEOPLE]
    for _, email, password, address in people:
        with signed_in(site, email, password).open(address, timeout=30) as page:
            assert (page.status, page.url) == (200, address)


def test_without_signing_in_these_pages_ask_for_it(site: BuiltWorld, capsys: pytest.CaptureFixture[str]) -> None:
    people = printed(site, capsys)
    assert people
    for *_, address in people:
        with build_opener().open(address, timeout=30) as page:
            assert urlsplit(page.url).path == "/zh/sign-in"


def test_another_password_opens_nothing(site: BuiltWorld, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, *_ = printed(site, capsys)
    with pytest.raises(HTTPError, match="422"):
        signed_in(site, first[1], second[2])
