import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from donate.campaigns.models import Campaign
from donate.db import reading, transaction
from tests.campaigns import factories
from tests.campaigns.conftest import SignIn
from tests.campaigns.pages import send
from tests.organisations import factories as organisations


@pytest.fixture
def reviewer(sign_in: SignIn) -> FlaskClient:
    """A reviewer of the host to which `waiting` was handed in."""
    with transaction() as session:
        host = organisations.host(session, ref="host")
        factories.book(session, host)
        partner = organisations.partner(session, of=host, ref="partner")
        factories.submitted(session, host=host, partner=partner, ref="waiting")
        factories.draft(session, host=host, partner=partner, ref="unseen")
        factories.submitted(session, ref="foreign")
    return sign_in(("host", "reviewer"))


def state_of(ref: str) -> str:
    with reading() as session:
        return session.scalars(select(Campaign.state).filter_by(ref=ref)).one()


def test_the_desk_and_the_whole_plan_open(reviewer: FlaskClient) -> None:
    for locale in ("zh", "en"):
        assert "/review/c/waiting" in reviewer.get(f"/{locale}/review").text
        page = reviewer.get(f"/{locale}/review/c/waiting").text
        assert "为山区孩子提供午餐" in page
        assert "Next term’s lunches" in page


def test_drafts_and_other_hosts_campaigns_are_not_there(reviewer: FlaskClient) -> None:
    for ref in ("unseen", "foreign"):
        assert ref not in reviewer.get("/en/review").text
        assert reviewer.get(f"/en/review/c/{ref}").status_code == 404
        assert send(reviewer, f"/en/review/c/{ref}", step="accept").status_code == 404


def test_from_reading_to_closing(reviewer: FlaskClient) -> None:
    path = "/en/review/c/waiting"
    for step, fields, state in [
        ("accept", {}, "accepted"),
        ("file", {"filing_number": "A26-003"}, "filed"),
        ("open", {}, "raising"),
        ("suspend", {"reason": "a complaint"}, "suspended"),
        ("resume", {"reason": "answered"}, "raising"),
        ("end_raising", {}, "executing"),
        ("start_closing", {}, "closing"),
        ("close", {}, "closed"),
    ]:
        assert reviewer.get(path).status_code == 200
        assert send(reviewer, path, step=step, **fields).status_code == 303, step
        assert state_of("waiting") == state
    assert reviewer.get("/zh/review/c/waiting").status_code == 200


def test_a_step_that_cannot_be_taken_says_why(reviewer: FlaskClient) -> None:
    for fields, status, words in [
        ({"step": "ask_changes", "reason": " "}, 422, "Say why"),
        ({"step": "accept", "filing_number": "备案"}, 422, "does not look like one"),
        ({"step": "open"}, 409, "not possible"),
        ({"step": "submit"}, 422, "Choose what to do"),
        ({"step": "'; DROP TABLE campaign"}, 422, "Choose what to do"),
    ]:
        answer = send(reviewer, "/en/review/c/waiting", **fields)
        assert answer.status_code == status
        assert words in answer.text
    assert state_of("waiting") == "submitted"


def test_a_typed_reason_is_kept_when_the_step_fails(reviewer: FlaskClient) -> None:
    answer = send(reviewer, "/en/review/c/waiting", step="reject", reason="Kept words" * 300)
    assert answer.status_code == 422
    assert "Kept words" in answer.text
    assert 'href="#reason"' in answer.text


def test_the_organiser_reads_what_was_asked(reviewer: FlaskClient, sign_in: SignIn) -> None:
    send(reviewer, "/en/review/c/waiting", step="ask_changes", reason="Name the <b>school</b>")
    page = sign_in(("partner", "editor")).get("/en/desk/c/waiting").text
    assert "Name the &lt;b&gt;school&lt;/b&gt;" in page


def test_a_licence_that_ends_soon_is_said_on_the_desk(sign_in: SignIn) -> None:
    with transaction() as session:
        organisations.host(session, ref="bare", licensed=False)
    assert "has no fundraising licence on file" in sign_in(("bare", "reviewer")).get("/en/review").text
