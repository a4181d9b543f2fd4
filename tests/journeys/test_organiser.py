"""An organiser's campaign from the first draft to donors, with a reviewer, an update and a photo; a complaint reaches staff."""

import io
import re
from datetime import date, timedelta
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page

from donate.campaigns.plan import TEXT_OF_COLUMN
from tests.campaigns.factories import PLAN
from tests.journeys.conftest import Site, Visitor
from tests.journeys.test_donor import give, meals, pay_by_wallet, wait_for_text

TITLE = "Soup for Datang School"
FILING_NUMBER = "53430000MJ0000000XA26123"


def typed_plan() -> dict[str, str]:
    """What an organiser types into the plan's form: the factories' complete plan, from today on."""
    texts = {column: str(value) for column, value in PLAN.items() if column in TEXT_OF_COLUMN}
    return texts | {
        "title_en": TITLE,
        "title_zh": "大塘小学的热汤",
        "unit_zh": "餐",
        "unit_en": "meal",
        "county": "Xinhuang",
        "schools": "大塘小学 | Datang School",
        "goal": "43200",
        "price": "3",
        "source_zh": "县平均",
        "source_en": "County average",
        "starts_on": date.today().isoformat(),
        "ends_on": (date.today() + timedelta(days=300)).isoformat(),
    }


def fill_plan(page: Page) -> None:
    """Type something into every field of the plan that the page shows; one that nobody knows of is an error."""
    typed = typed_plan()
    fields = page.locator("main form .in").evaluate_all("fields => fields.map(field => field.name)")
    for name in fields:
        page.locator(f"main [name='{name}']").fill(typed.pop(name))
    assert typed == {}


def press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name).click()
    page.wait_for_load_state()


def picture(colour: tuple[int, int, int]) -> dict[str, object]:
    drawn = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(drawn, "JPEG")
    return {"name": "stove.jpg", "mimeType": "image/jpeg", "buffer": drawn.getvalue()}


def send_photo(page: Page, colour: tuple[int, int, int], words: str) -> None:
    """Choose a photo, describe it, say that no child is in it, and send it."""
    page.locator("input[type=file]").set_input_files(picture(colour))
    page.locator("[name=alt_zh]").fill("新灶")
    page.locator("[name=alt_en]").fill(words)
    page.get_by_label("No children in it").check()
    press(page, "Send the photo")
    assert page.locator(".errsum").count() == 0, page.get_by_role("main").inner_text()


def assert_shows_photo(page: Page, words: str) -> None:
    """The page that everybody sees holds the photo, and its file is there and is a picture."""
    photo = page.locator(f"main img[src^='/files/'][alt='{words}']")
    assert photo.count() == 1, page.get_by_role("main").inner_html()
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
    answer = page.request.get(origin + str(photo.get_attribute("src")))
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")


def write_update(visitor: Visitor, title: str) -> Page:
    """From the form of a new update to the form of its photos."""
    page = visitor.open(f"/en/desk/c/{visitor.site.campaign}/updates/new")
    for name, words in {
        "title_zh": "灶台修好了",
        "title_en": title,
        "body_zh": "今天中午吃上了热饭。",
        "body_en": "Hot lunch was served today.",
    }.items():
        page.locator(f"[name={name}]").fill(words)
    press(page, "Publish the text, then add photos")
    return page


def test_an_update_with_a_photo_reaches_the_public_page(visit, site: Site):
    visitor = visit(width=390, scripts=False)
    visitor.sign_in(site.organiser)
    send_photo(write_update(visitor, "The stove is mended"), (200, 180, 120), "The mended stove")
    assert "The photo has arrived." in visitor.page.get_by_role("main").inner_text()
    public = visit(scripts=False).open(f"/en/c/{site.campaign}")
    public.get_by_role("link", name="The stove is mended").click()
    public.wait_for_load_state()
    assert_shows_photo(public, "The mended stove")


def test_a_photo_without_its_declaration_is_refused_in_plain_words_and_is_not_public(visit, site: Site):
    visitor = visit(scripts=False)
    visitor.sign_in(site.organiser)
    page = write_update(visitor, "Photo without words")
    page.locator("input[type=file]").set_input_files(picture((120, 140, 160)))
    press(page, "Send the photo")
    told = page.locator(".errsum").inner_text()
    for words in ("has not been taken", "Describe the photo", "whether children can be seen"):
        assert words in told
    public = visit(scripts=False).open(f"/en/c/{site.campaign}")
    public.get_by_role("link", name="Photo without words").click()
    public.wait_for_load_state()
    assert public.locator("main img").count() == 0


def test_the_photo_of_a_campaign_reaches_its_public_page(visit, site: Site):
    visitor = visit(scripts=False)
    visitor.sign_in(site.organiser)
    send_photo(visitor.open(f"/en/desk/c/{site.campaign}/photo"), (90, 120, 80), "The school’s kitchen")
    for path in (f"/en/c/{site.campaign}", "/en/campaigns"):
        assert_shows_photo(visit(scripts=False).open(path), "The school’s kitchen")


def hand_in_a_new_campaign(visitor: Visitor) -> str:
    """An organiser's part: from a title over the whole plan to the host; the campaign's reference."""
    visitor.sign_in(visitor.site.organiser)
    page = visitor.open("/en/desk/new")
    page.locator("[name=title_en]").fill(TITLE)
    press(page, "Begin")
    found = re.search(r"/desk/c/([a-z0-9-]+)/edit", page.url)
    assert found is not None, page.url
    fill_plan(page)
    press(page, "Save")
    page.get_by_text("The plan is complete").wait_for()
    press(page, "Hand in to")
    return found[1]


def accept_and_open(visitor: Visitor) -> None:
    """A reviewer's part: find it on the desk, read it, accept it with its filing number, open it."""
    visitor.sign_in(visitor.site.reviewer)
    page = visitor.open("/en/review")
    page.get_by_role("link", name=TITLE).click()
    page.get_by_text("Next term’s lunches").first.wait_for()
    page.locator("[name=filing_number]").fill(FILING_NUMBER)
    press(page, "Accept this campaign")
    press(page, "Open for donations")
    assert "Raising" in page.get_by_role("main").inner_text()


def test_a_campaign_goes_from_its_first_line_over_a_reviewer_to_a_donor(visit, site: Site):
    ref = hand_in_a_new_campaign(visit(scripts=False))
    accept_and_open(visit(width=1280, scripts=False))
    donor = visit(scripts=False)
    assert FILING_NUMBER in donor.open(f"/en/c/{ref}").locator(".legal").inner_text()
    give(donor, ref=ref)
    pay_by_wallet(donor)
    said = wait_for_text(donor, r"\d{4}-\d{6}")
    assert TITLE in said
    assert "15.00" in said
    assert meals(donor, ref) == 5
    assert f"Fund, {TITLE}" in donor.open(f"/en/ledger?campaign={ref}").get_by_role("main").inner_text()
    donor.assert_no_faults()


def test_a_wrong_password_is_told_and_the_right_one_opens_the_desk(visit, site: Site):
    visitor = visit(scripts=False)
    page = visitor.open("/en/sign-in")
    page.get_by_label("E-mail").fill(site.organiser)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("main").get_by_role("button").click()
    assert page.locator(".errsum").is_visible()
    visitor.sign_in(site.organiser)
    assert re.search("/desk", page.url)


@pytest.mark.parametrize("path", ["/en/desk", "/en/review", "/en/staff/complaints", "/en/audit"])
def test_a_stranger_is_asked_to_sign_in(visit, path):
    page = visit(scripts=False).page
    page.goto(visit.site.url + path)
    assert "/sign-in" in page.url


def test_a_complaint_reaches_staff(visit, site: Site):
    page = visit(scripts=False).open(f"/zh/complain?campaign={site.campaign}")
    words = "十月十二日的午饭没有肉，记录上写着有。"
    page.locator("main textarea").first.fill(words)
    page.get_by_role("main").locator("form button").last.click()
    page.wait_for_load_state()
    staff = visit(scripts=False)
    staff.sign_in(site.admin)
    listed = staff.open("/en/staff/complaints")
    assert words[:8] in listed.get_by_role("main").inner_text()
