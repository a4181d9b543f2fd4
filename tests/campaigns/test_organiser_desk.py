import io

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from donate.campaigns.models import Campaign, CampaignUpdate, UpdatePhoto
from donate.db import reading, transaction
from tests.campaigns import factories
from tests.campaigns.conftest import SignIn
from tests.campaigns.pages import send, send_photo
from tests.files.factories import moving, picture, png_bomb
from tests.organisations import factories as organisations


@pytest.fixture
def editor(sign_in: SignIn) -> FlaskClient:
    """An editor of the partner that runs `yunxi` (raising) and `plan` (a draft)."""
    with transaction() as session:
        host = organisations.host(session, ref="host")
        factories.book(session, host)
        partner = organisations.partner(session, of=host, ref="partner")
        factories.raising(session, host=host, partner=partner, ref="yunxi")
        factories.draft(session, host=host, partner=partner, ref="plan")
        factories.draft(session, ref="foreign")
    return sign_in(("partner", "editor"))


def stored(ref: str) -> Campaign:
    with reading() as session:
        return session.scalars(select(Campaign).filter_by(ref=ref)).one()


PAGES = ("", "/new", "/c/yunxi", "/c/plan", "/c/plan/edit", "/c/yunxi/edit", "/c/plan/photo", "/c/yunxi/price")


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_every_page_of_the_desk_opens(editor: FlaskClient, locale: str) -> None:
    for path in (*PAGES, "/c/yunxi/updates/new"):
        assert editor.get(f"/{locale}/desk{path}").status_code == 200, path


def test_another_partners_campaign_is_not_there(editor: FlaskClient) -> None:
    for path in ("", "/edit", "/photo", "/price", "/updates/new"):
        assert editor.get(f"/en/desk/c/foreign{path}").status_code == 404
    for path in ("/edit", "/submit", "/withdraw", "/cancel", "/price", "/updates/new", "/photo"):
        assert send(editor, f"/en/desk/c/foreign{path}").status_code == 404
    for odd in ("no-such", "%00", "a%27b", "x" * 300):
        assert editor.get(f"/en/desk/c/{odd}").status_code == 404


def test_a_treasurer_sees_and_does_not_write(editor: FlaskClient, sign_in: SignIn) -> None:
    treasurer = sign_in(("partner", "treasurer"))
    assert treasurer.get("/en/desk/c/plan").status_code == 200
    assert treasurer.get("/en/desk/c/plan/edit").status_code == 404
    assert send(treasurer, "/en/desk/c/plan/submit").status_code == 404


def test_a_campaign_begins_with_a_title(editor: FlaskClient) -> None:
    answer = send(editor, "/en/desk/new", pair="partner host", title_en="Warm soup", title_zh="")
    assert answer.location.endswith("/en/desk/c/warm-soup/edit")
    assert send(editor, "/en/desk/new", pair="partner host", title_en=" ").status_code == 422
    assert send(editor, "/en/desk/new", pair="other host", title_en="Soup").status_code == 422


def test_a_form_with_errors_saves_nothing_and_keeps_what_was_typed(editor: FlaskClient) -> None:
    answer = send(
        editor,
        "/en/desk/c/plan/edit",
        title_en="Soup for all",
        goal="1.234",
        price="abc",
        starts_on="tomorrow",
        county="Atlantis",
    )
    assert answer.status_code == 422
    for part in (
        'value="Soup for all"',
        'value="1.234"',
        'href="#goal"',
        'href="#price"',
        'href="#starts_on"',
        'href="#county"',
    ):
        assert part in answer.text
    assert stored("plan").title_en == "Lunches for Yunxi School"


def test_an_unclear_county_is_offered_as_a_choice(editor: FlaskClient) -> None:
    answer = send(editor, "/en/desk/c/plan/edit", county="Xin")
    assert answer.status_code == 422
    assert 'name="county_code"' in answer.text
    assert send(editor, "/en/desk/c/plan/edit", county="Xin", county_code="431227").status_code == 303
    assert send(editor, "/en/desk/c/plan/edit", county="新晃").status_code == 303
    assert stored("plan").county_code == "431227"


def test_the_form_comes_back_as_it_was_saved(editor: FlaskClient) -> None:
    before = stored("plan")
    page = editor.get("/zh/desk/c/plan/edit").text
    assert "湖南省怀化市新晃侗族自治县" in page
    assert send(editor, "/zh/desk/c/plan/edit", county="湖南省怀化市新晃侗族自治县").status_code == 303
    assert stored("plan").version == before.version


def test_submitting_tells_everything_that_is_missing(editor: FlaskClient) -> None:
    send(editor, "/en/desk/new", pair="partner host", title_en="Bare")
    answer = send(editor, "/en/desk/c/bare/submit")
    assert answer.status_code == 422
    assert 'href="#surplus_en"' in answer.text
    assert 'href="#county"' in answer.text
    assert "Still missing: Purpose, in Chinese" in answer.text


def test_a_complete_plan_goes_to_the_host(editor: FlaskClient) -> None:
    assert send(editor, "/en/desk/c/plan/submit").status_code == 303
    assert stored("plan").state == "submitted"
    assert send(editor, "/en/desk/c/plan/submit").status_code == 409
    assert send(editor, "/en/desk/c/plan/withdraw").status_code == 303


def test_a_form_from_elsewhere_is_refused(editor: FlaskClient) -> None:
    assert editor.post("/en/desk/c/plan/submit").status_code == 400
    assert stored("plan").state == "draft"


def test_an_update_sent_twice_is_one_update(editor: FlaskClient) -> None:
    form = {"title_zh": "新灶", "body_zh": "点火了", "token": "7f4f4a1e-56a1-4a29-9b0a-6a6d0d5f1f10", "publish": "yes"}
    first, second = (send(editor, "/en/desk/c/yunxi/updates/new", **form) for _ in range(2))
    assert first.location == second.location
    with reading() as session:
        assert len(session.scalars(select(CampaignUpdate)).all()) == 1


def test_an_empty_update_is_refused_with_both_errors(editor: FlaskClient) -> None:
    answer = send(editor, "/en/desk/c/yunxi/updates/new", title_en="x" * 81, body_en="kept words")
    assert answer.status_code == 422
    assert "kept words" in answer.text
    answer = send(editor, "/en/desk/c/yunxi/updates/new")
    assert 'href="#title_zh"' in answer.text
    assert 'href="#body_zh"' in answer.text


@pytest.fixture
def photos(editor: FlaskClient) -> str:
    """The path of an update's photos."""
    with transaction() as session:
        campaign = session.scalars(select(Campaign).filter_by(ref="yunxi")).one()
        return f"/en/desk/c/yunxi/updates/{factories.update(session, campaign).id}/photos"


def photo_rows() -> list[UpdatePhoto]:
    with reading() as session:
        return list(session.scalars(select(UpdatePhoto).order_by(UpdatePhoto.id)))


def test_a_retried_photo_is_there_once(editor: FlaskClient, photos: str) -> None:
    token = "7f4f4a1e-56a1-4a29-9b0a-6a6d0d5f1f10"
    for _ in range(2):
        assert send_photo(editor, photos, token=token).status_code == 303
    assert send_photo(editor, photos).status_code == 303  # the same picture with another token
    assert send_photo(editor, photos, picture(size=(70, 70))).status_code == 303
    assert len(photo_rows()) == 2


def test_a_photo_without_its_declaration_is_refused(editor: FlaskClient, photos: str) -> None:
    for fields, field in [
        ({"children": ""}, "children"),
        ({"children": "yes"}, "children"),
        ({"children": "recognisable"}, "consent"),
        ({"alt_zh": "", "alt_en": " "}, "alt_zh"),
    ]:
        answer = send_photo(editor, photos, **fields)
        assert answer.status_code == 422
        assert f'href="#{field}"' in answer.text
    assert photo_rows() == []


def test_recognisable_children_want_a_declared_consent(editor: FlaskClient, photos: str) -> None:
    assert send_photo(editor, photos, children="recognisable", consent="yes").status_code == 303
    assert photo_rows()[0].consent_declared


def test_a_bad_photo_gets_a_clear_message(editor: FlaskClient, photos: str) -> None:
    for content, words in [
        (b"text", "not a photo"),
        (b"", "Choose a photo"),
        (png_bomb(9000, 9000), "million pixels"),
        (moving("PNG"), "moves"),
        (picture(size=(400, 400))[:-300], "damaged"),
        (b"\xff\xd8" + bytes(12 * 1024 * 1024), "more than 12 MB"),
    ]:
        answer = send_photo(editor, photos, content)
        assert answer.status_code == 422
        assert words in answer.text


def test_forty_megabytes_get_a_clear_page(editor: FlaskClient, photos: str) -> None:
    answer = editor.post(photos, data={"photo": (io.BytesIO(bytes(40 * 1024 * 1024)), "photo.jpg")})
    assert answer.status_code == 413
    assert "A photo may have 12 MB" in answer.text
    assert "The text is saved already; only this photo was not taken." in answer.text


def test_a_photo_that_was_taken_down_is_served_no_more(editor: FlaskClient, photos: str, client: FlaskClient) -> None:
    send_photo(editor, photos)
    photo = photo_rows()[0]
    address = f"/files/{photo.sha256.hex()}.jpg"
    assert client.get(address).status_code == 200
    assert send(editor, f"{photos}/{photo.id}/remove").status_code == 303
    assert client.get(address).status_code == 404
    assert send_photo(editor, photos).status_code == 303
    assert client.get(address).status_code == 200


def test_a_public_photo_is_served_so_that_it_can_do_no_harm(
    editor: FlaskClient, photos: str, client: FlaskClient
) -> None:
    send_photo(editor, photos)
    answer = client.get(f"/files/{photo_rows()[0].sha256.hex()}.jpg")
    assert answer.content_type == "image/jpeg"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "public, max-age=86400, immutable"
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_a_drafts_photo_is_seen_by_its_own_people_only(
    editor: FlaskClient, client: FlaskClient, sign_in: SignIn
) -> None:
    assert send_photo(editor, "/en/desk/c/plan/photo").status_code == 303
    digest = stored("plan").photo_sha256
    assert digest is not None
    assert client.get(f"/files/{digest.hex()}.jpg").status_code == 404
    assert editor.get(f"/en/desk/files/{digest.hex()}.jpg").status_code == 200
    assert sign_in(("elsewhere", "owner")).get(f"/en/desk/files/{digest.hex()}.jpg").status_code == 404
    assert sign_in(("host", "reviewer")).get(f"/en/review/files/{digest.hex()}.jpg").status_code == 404


def test_other_names_of_files_are_not_there(client: FlaskClient) -> None:
    for name in ("0" * 64 + ".jpg", "0" * 64 + ".html", "Z" * 64 + ".jpg", "../etc/passwd", "00.jpg"):
        assert client.get(f"/files/{name}").status_code == 404


def test_a_new_price_counts_from_today_or_later(editor: FlaskClient) -> None:
    path = "/en/desk/c/yunxi/price"
    for price, day in (("abc", ""), ("0", ""), ("3.5", "2020-01-01"), ("3.5", "soon")):
        assert send(editor, path, price=price, price_from=day).status_code == 422
    assert send(editor, path, price="3.50", price_from="2027-01-01").status_code == 303
    assert "¥3.50" in editor.get(path).text


def test_what_is_too_long_is_told_at_its_own_field(editor: FlaskClient) -> None:
    answer = send(editor, "/en/desk/c/plan/edit", price="4", source_zh="长" * 201, schools="|Only English", goal="0")
    assert answer.status_code == 422
    for field in ("source_zh", "goal", "schools"):
        assert f'href="#{field}"' in answer.text
    assert 'href="#title_en"' in send(editor, "/en/desk/new", pair="partner host", title_en="x" * 61).text
