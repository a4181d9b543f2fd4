"""Every public page: both languages, phone and desk, light and dark, with and without scripts; axe finds nothing."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.journeys.conftest import Site

PAGES = (
    "/",
    "/campaigns",
    "/campaigns?q=xinhuang",
    "/c/yunxi",
    "/give/yunxi",
    "/ledger",
    "/how-to-check",
    "/status",
    "/complain",
    "/sign-in",
    "/style",
)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.mark.parametrize("locale", ["zh", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_a_public_page_is_accessible_and_quiet(visit, path, locale):
    for width, dark in ((390, False), (1280, True)):
        visitor = visit(width=width, dark=dark)
        page = visitor.open(f"/{locale}{path}")
        found = Axe().run(page, options=RULES)
        faults = [(fault["id"], [node["target"] for node in fault["nodes"]]) for fault in found.response["violations"]]
        assert faults == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
        visitor.assert_no_faults()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_says_in_which_languages_it_exists(visit, site: Site, path):
    page = visit(scripts=False).open(f"/zh{path}")
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    alternates = page.locator("link[rel=alternate][hreflang]").evaluate_all("links => links.map(link => link.hreflang)")
    assert {"en", "zh-Hans"} <= set(alternates)


def test_a_narrow_old_phone_never_scrolls_sideways(visit):
    for path in PAGES:
        page = visit(width=320).open(f"/en{path}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_everything_that_is_touched_is_large_enough(visit):
    page = visit().open("/zh/c/yunxi")
    small = page.locator("main a.btn, main button, main .opt, main .in").evaluate_all(
        "all => all.filter(e => e.getBoundingClientRect().height < 44).map(e => e.outerHTML.slice(0, 80))"
    )
    assert small == []
