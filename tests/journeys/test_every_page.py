"""Every page there is: both languages, phone and desk, light and dark, with scripts for axe and without them.

What there is, is read from the application's own addresses (stage.py), so a new page is looked at from its first day.
Axe itself is a script: without scripts, pages are checked for their content, their width and their forms instead.
"""

from collections.abc import Sequence

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Response

from donate import web_errors
from tests.journeys.conftest import Site, Visitor
from tests.journeys.stage import Sight

# Each is looked at by itself; that none is missing here is tested below.
AUDIENCES = ("public", "donor", "session", "user", "organiser", "reviewer", "staff", "auditor")
EXPECTED = (200, 403, 404, 409, 422)
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Without script only a refresh brings a donor to the receipt. WCAG 2.2.1 allows it where the reader can turn it off,
# which axe cannot see; the page that stands still is looked at as well.
STOPS_REFRESH = "main a[href$='?still=yes']"
PHONE, DESK = (390, False), (1280, True)  # width, and whether it is dark
DARK_PHONE, LIGHT_DESK = (390, True), (1280, False)
_AXE = Axe().axe_script
_RUN = """options => axe.run(options).then(found => found.violations.map(
    fault => fault.id + ": " + fault.nodes.map(node => node.target.join(" ")).join(", ")))"""
_IS_WIDE = "document.documentElement.scrollWidth > innerWidth"


def look(visitor: Visitor, sight: Sight, locale: str, views: Sequence[tuple[int, bool]]) -> list[str]:
    """Open a page and look at it in each view; what is wrong with it."""
    _show(visitor.page, views[0])
    path = f"/{locale}/{sight.path.removeprefix('/en/')}"
    faults = look_at(visitor, visitor.page.goto(visitor.site.url + path), path, sight.status)
    for view in views[1:]:
        _show(visitor.page, view)
        faults += [f"{path} {view}: {fault}" for fault in _seen(visitor.page)]
    return faults


def look_at(visitor: Visitor, answer: Response | None, path: str, status: int = 200) -> list[str]:
    """What is wrong with the page that is open now."""
    page = visitor.page
    faults = [] if answer is not None and answer.status == status else [f"answers {answer and answer.status}"]
    page.evaluate(_AXE)
    faults += _seen(page)
    faults += [said for said in visitor.faults if not (status >= 400 and "Failed to load resource" in said)]
    visitor.faults.clear()
    return [f"{path}: {fault}" for fault in faults]


def _seen(page: Page) -> list[str]:
    """What axe, which is there already, finds in the present view, and whether that is too wide."""
    found = page.evaluate(_RUN, {"runOnly": TAGS, "resultTypes": ["violations"]})
    stops = page.locator(STOPS_REFRESH).count()
    faults = [fault for fault in found if not (stops and fault.startswith("meta-refresh:"))]
    return faults + ["scrolls sideways"] * page.evaluate(_IS_WIDE)


def _show(page: Page, view: tuple[int, bool]) -> None:
    width, dark = view
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark" if dark else "light")


def test_every_audience_that_has_pages_is_looked_at(site: Site):
    assert set(site.stage.pages) == set(AUDIENCES)
    odd = [sight for sights in site.stage.pages.values() for sight in sights if sight.status not in EXPECTED]
    assert odd == []


@pytest.mark.parametrize("audience", AUDIENCES)
def test_with_scripts_axe_finds_nothing_and_no_page_is_too_wide_or_loud(visit, site: Site, audience):
    """Every page on a phone in light and on a desk in dark; in Chinese and English by turns."""
    visitor = visit(person=site.stage.person_of(audience))
    faults = []
    for number, sight in enumerate(site.stage.pages[audience]):
        faults += look(visitor, sight, ("zh", "en")[number % 2], (PHONE, DESK))
    assert faults == []


@pytest.mark.long
@pytest.mark.parametrize("locale", ["zh", "en"])
@pytest.mark.parametrize("views", [(PHONE, DESK), (DARK_PHONE, LIGHT_DESK)], ids=["light-phone", "dark-phone"])
@pytest.mark.parametrize("audience", AUDIENCES)
def test_with_scripts_axe_finds_nothing_in_either_language_view_and_light(visit, site: Site, audience, views, locale):
    visitor = visit(person=site.stage.person_of(audience))
    faults = [fault for sight in site.stage.pages[audience] for fault in look(visitor, sight, locale, views)]
    assert faults == []


@pytest.mark.parametrize("audience", ["public", "donor", "session", "user", "organiser"])
def test_with_scripts_axe_finds_nothing_on_a_form_that_came_back_with_errors(visit, site: Site, audience):
    visitor = visit(person=site.stage.person_of(audience))
    faults, told = [], 0
    for number, sight in enumerate(site.stage.pages[audience]):
        if not sight.takes_form or sight.status != 200:
            continue
        path = f"/{('zh', 'en')[number % 2]}/{sight.path.removeprefix('/en/')}"
        answer = _send_empty(visitor, path)
        if answer is not None and answer.status in (409, 422):
            told += 1
            faults += look_at(visitor, answer, path, answer.status)
        visitor.faults.clear()
    assert faults == []
    assert told


def _send_empty(visitor: Visitor, path: str) -> Response | None:
    """The answer to the page's first form, with everything that one can type taken out."""
    page = visitor.page
    page.goto(visitor.site.url + path)
    form = page.locator("main form[method=post]").first
    if form.count() == 0:
        return None
    with page.expect_navigation() as navigation:
        form.evaluate(
            """form => {
              for (const field of form.querySelectorAll("input:not([type=hidden]), textarea"))
                field.type === "radio" || field.type === "checkbox" ? (field.checked = false) : (field.value = "");
              form.submit();
            }"""
        )
    return navigation.value


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_with_scripts_axe_finds_nothing_on_the_pages_of_errors(visit, site: Site, locale):
    visitor = visit()
    app, path = site.stage.world.app, f"/{locale}/broken"
    faults, drawn = [], None
    visitor.page.route(
        f"**{path}",
        lambda route: route.fulfill(status=drawn.status_code, headers=dict(drawn.headers), body=drawn.get_data()),
    )
    for status in web_errors.TITLES:
        with app.test_request_context(path, method="POST", headers={"Referer": f"http://localhost/{locale}/complain"}):
            app.preprocess_request()
            drawn = app.process_response(web_errors.answer(status))
        faults += look_at(visitor, visitor.page.goto(site.url + path), f"{path} {status}", status)
    assert faults == []


def test_with_scripts_a_photo_that_is_too_large_is_told_and_leads_back(visit, site: Site):
    visitor = visit(person="owner")
    path = f"/en/desk/c/{site.campaign}/updates/{site.stage.world.things.update_id}/photos"
    page = visitor.open(path)
    large = {"name": "stove.jpg", "mimeType": "image/jpeg", "buffer": bytes(14 * 1024 * 1024)}
    page.locator("input[type=file]").set_input_files(large)
    with page.expect_navigation() as navigation:
        page.locator("main form:has(input[type=file]) button").first.click()
    assert look_at(visitor, navigation.value, path, 413) == []
    assert "The text is saved already" in page.get_by_role("main").inner_text()
    page.get_by_role("link", name="Back to the page").click()
    page.locator("input[type=file]").wait_for()
    assert page.url == site.url + path


@pytest.mark.parametrize("audience", AUDIENCES)
def test_without_scripts_every_page_draws_on_a_narrow_phone_and_its_forms_can_be_sent(visit, site: Site, audience):
    visitor = visit(scripts=False, width=320, person=site.stage.person_of(audience))
    faults = []
    for sight in site.stage.pages[audience]:
        path = f"/zh/{sight.path.removeprefix('/en/')}"
        answer = visitor.page.goto(site.url + path)
        found = visitor.page.evaluate(_WITHOUT_SCRIPTS)
        if answer is None or answer.status != sight.status:
            found.append(f"answers {answer and answer.status}")
        faults += [f"{path}: {fault}" for fault in found]
    assert faults == []


_WITHOUT_SCRIPTS = """() => {
  const found = [], all = (what, wrong) => [...document.querySelectorAll(what)].filter(wrong).map(e => e.outerHTML.slice(0, 120));
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (document.querySelector("main").innerText.trim().length < 15) found.push("an empty page");
  if (document.documentElement.scrollWidth > innerWidth) found.push("scrolls sideways");
  found.push(...all("form", form => !form.querySelector("button, input[type=submit]")));
  found.push(...all("main form[method=post]", form => form.enctype !== "multipart/form-data" && form.querySelector("[type=file]")));
  found.push(...all("a", link => !link.getAttribute("href") || link.protocol === "javascript:"));
  found.push(...all("[onclick], [onsubmit], [onchange], script", () => true));
  return found;
}"""


def test_everything_that_is_touched_is_large_enough(visit):
    page = visit().open("/zh/c/yunxi")
    small = page.locator("main a.btn, main button, main .opt, main .in").evaluate_all(
        "all => all.filter(e => e.getBoundingClientRect().height < 44).map(e => e.outerHTML.slice(0, 80))"
    )
    assert small == []
