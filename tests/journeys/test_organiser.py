"""An organiser's campaign from the first draft to donors, with a reviewer, an update and a photo; a complaint reaches staff."""

import io
import re

import pytest
from PIL import Image

from tests.campaigns.factories import PLAN
from tests.journeys.conftest import Site, Visitor


def fill_plan(visitor: Visitor) -> None:
    """Type every field of the plan that the page shows, from the factories' complete plan."""
    page = visitor.page
    for name, value in PLAN.items():
        field = page.locator(f"main [name='{name}']")
        if field.count() and name != "county_code":
            field.first.fill(str(value))


def photo() -> dict[str, object]:
    picture = io.BytesIO()
    Image.new("RGB", (640, 480), (200, 180, 120)).save(picture, "JPEG")
    return {"name": "stove.jpg", "mimeType": "image/jpeg", "buffer": picture.getvalue()}


def test_an_update_with_a_photo_reaches_the_public_page(visit, site: Site):
    visitor = visit(width=390, scripts=False)
    visitor.sign_in(site.organiser)
    page = visitor.open(f"/en/desk/c/{site.campaign}/updates/new")
    for name, words in {
        "title_zh": "灶台修好了",
        "title_en": "The stove is mended",
        "body_zh": "今天中午吃上了热饭。",
        "body_en": "Hot lunch was served today.",
    }.items():
        page.locator(f"[name={name}]").fill(words)
    page.get_by_role("main").locator("form button").first.click()
    page.wait_for_load_state()
    page.locator("input[type=file]").set_input_files(photo())
    for box in page.locator(
        "main form:has(input[type=file]) input[required], main form:has(input[type=file]) textarea"
    ).all():
        if box.get_attribute("type") not in ("file", "radio", "checkbox"):
            box.fill("灶台 Stove")
    page.locator("main form:has(input[type=file]) button").first.click()
    page.wait_for_load_state()
    public = visit(scripts=False).open(f"/en/c/{site.campaign}")
    assert public.get_by_text("The stove is mended").first.is_visible()


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
