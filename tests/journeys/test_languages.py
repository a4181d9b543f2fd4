"""Every page that anybody may open says where it stands in each language, and those addresses lead to each other."""

from functools import cache
from html.parser import HTMLParser
from urllib.request import urlopen

import pytest

from tests.journeys.conftest import Site

LANGUAGES = {"zh": "zh-Hans", "en": "en"}  # locale in an address -> language in HTML


class Head(HTMLParser):
    """The language of a page, its own address, and its addresses by language."""

    def __init__(self) -> None:
        super().__init__()
        self.lang: str | None = None
        self.canonical: list[str | None] = []
        self.alternates: list[tuple[str | None, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "html":
            self.lang = found.get("lang")
        elif tag == "link" and found.get("rel") == "canonical":
            self.canonical.append(found.get("href"))
        elif tag == "link" and found.get("rel") == "alternate":
            self.alternates.append((found.get("hreflang"), found.get("href")))


@cache
def read(address: str) -> Head:
    """The page at an address; anything but an answer of 200 without a detour is an error."""
    with urlopen(address) as answer:
        assert (answer.status, answer.url) == (200, address)
        head = Head()
        head.feed(answer.read().decode("utf-8"))
    return head


def open_pages(site: Site) -> list[str]:
    """The pages without a secret of their own, as paths behind the language."""
    sights = [*site.stage.pages["public"], *site.stage.pages["session"]]
    sights += [sight for sight in site.stage.pages["donor"] if sight.path.startswith("/en/give/")]
    return [sight.path.removeprefix("/en") for sight in sights if sight.status == 200]


def faults_of(site: Site, locale: str, path: str) -> list[str]:
    address = f"{site.url}/{locale}{path}"
    page = read(address)
    found = dict(page.alternates)
    faults = [] if page.lang == LANGUAGES[locale] else [f"is said to be in {page.lang}"]
    faults += [] if len(found) == len(page.alternates) else ["names a language twice"]
    faults += [] if page.canonical == [found.get(LANGUAGES[locale])] else [f"calls itself {page.canonical}"]
    if found.keys() != {"zh-Hans", "en", "x-default"}:
        return [*faults, f"exists in {sorted(map(str, found))}"]
    for language, href in found.items():
        there = read(str(href))
        faults += [] if language in (there.lang, "x-default") else [f"{href} is in {there.lang}, not in {language}"]
        faults += [] if dict(there.alternates) == found else [f"{href} does not lead back"]
    return faults


@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_open_page_names_its_addresses_in_each_language_and_they_lead_to_each_other(
    site: Site, locale: str
) -> None:
    paths = open_pages(site)
    assert {"/", "/ledger", "/status", "/how-to-check", "/health-of-payments", f"/c/{site.campaign}"} <= set(paths)
    found = {path: faults_of(site, locale, path) for path in paths}
    assert {path: faults for path, faults in found.items() if faults} == {}
