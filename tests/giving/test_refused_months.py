"""A month that the bank refuses is told to its donor wherever they look, and counted for organisers and staff."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from donate import clock
from donate.db import transaction
from donate.giving.models import Checkout
from donate.payments.sandbox import billing
from donate.settings import Settings
from tests.giving import factories as make
from tests.giving.test_desks import partner_of, sign_in
from tests.giving.test_recurring import deliver_all, only, pass_months, promised, subscription_of
from tests.people import factories as people

OURS = {"Sec-Fetch-Site": "same-origin"}


def let_card_fail(settings: Settings, *, fails: bool = True) -> None:
    with transaction() as session:
        billing.let_card_fail(session, make.MERCHANT, subscription_of(settings), fails=fails)


def refused(client: FlaskClient, settings: Settings) -> None:
    """A promise with two paid months, whose third the bank refuses."""
    promised(settings)
    deliver_all(client, settings)
    pass_months(settings)
    deliver_all(client, settings)
    let_card_fail(settings)
    pass_months(settings)
    deliver_all(client, settings)


def refuse_to_the_end(client: FlaskClient, settings: Settings) -> None:
    for days in (4, 10, 20):
        with clock.frozen_at(clock.now() + timedelta(days=days)):
            deliver_all(client, settings)


def donors_pages(locale: str = "en") -> list[str]:
    """The receipt of every paid month, and the page of the promise."""
    with transaction() as session:
        secrets = session.scalars(select(Checkout.secret).order_by(Checkout.id)).all()
    return [*(f"/{locale}/r/{secret}" for secret in secrets), f"/{locale}/monthly/{only().secret}"]


def test_it_stands_on_every_receipt_of_the_promise_and_on_its_page(client: FlaskClient, settings: Settings) -> None:
    refused(client, settings)
    again_at = only().next_attempt_at
    assert again_at is not None
    on = clock.day_of(again_at, "Asia/Shanghai")
    for locale, words, day in (
        ("en", "Your bank refused the charge of ¥15.00", f"{on.day} {on:%B %Y}"),
        ("zh", "银行拒绝了15.00元的扣款", f"{on.month}月{on.day}日"),
    ):
        pages = donors_pages(locale)
        assert len(pages) == 3
        for path in pages:
            page = client.get(path)
            assert page.status_code == 200
            assert words in page.text, path
            assert day in page.text, path
            assert f'href="/{locale}/give/yunxi"' in page.text


def test_it_goes_once_the_month_is_paid_after_all(client: FlaskClient, settings: Settings) -> None:
    refused(client, settings)
    let_card_fail(settings, fails=False)
    with clock.frozen_at(clock.now() + timedelta(days=3, minutes=1)):
        deliver_all(client, settings)
    assert len(donors_pages()) == 4
    assert not any("refused" in client.get(path).text for path in donors_pages())


def test_that_the_promise_ended_by_it_stands_there_as_well(client: FlaskClient, settings: Settings) -> None:
    refused(client, settings)
    refuse_to_the_end(client, settings)
    for path in donors_pages():
        page = client.get(path).text
        assert "Your ¥15.00 a month came to an end" in page, path
        assert "Nothing is owed" in page, path
        assert "tries again" not in page, path


def test_who_stopped_it_reads_no_more_of_it(client: FlaskClient, settings: Settings) -> None:
    refused(client, settings)
    client.post(donors_pages()[-1], headers=OURS)
    assert not any("Your bank refused" in client.get(path).text for path in donors_pages())


def test_a_receipt_of_no_promise_says_nothing_of_it(client: FlaskClient, settings: Settings) -> None:
    refused(client, settings)
    once = make.paid_in_sandbox(settings)
    deliver_all(client, settings)
    assert "refused" not in client.get(f"/en/r/{once.secret}").text


@pytest.mark.parametrize(
    ("locale", "refused_words", "lost_words"),
    [
        ("en", "1 charge refused", "1 ended within 30 days, since its bank went on refusing"),
        ("zh", "1笔扣款被拒", "最近30天有1份因银行一直拒绝而结束"),
    ],
)
def test_organisers_and_staff_see_how_many(
    client: FlaskClient, settings: Settings, locale: str, refused_words: str, lost_words: str
) -> None:
    refused(client, settings)
    with transaction() as session:
        people.user(session, email="own@example.org", memberships=((partner_of("yunxi"), "editor"),))
        people.user(session, email="other@example.org", memberships=((partner_of("noise"), "editor"),))
        people.user(session, email="staff@example.org", role="admin")
    app, desks = client.application, {}
    for email, path in (
        ("own@example.org", "desk"),
        ("other@example.org", "desk"),
        ("staff@example.org", "staff"),
    ):
        desks[email] = app.test_client()
        sign_in(desks[email], email)
        assert f'href="/{locale}/{path}/monthly"' in desks[email].get(f"/{locale}/{path}").text
    seen = {
        email: desk.get(f"/{locale}/{'staff' if email.startswith('staff') else 'desk'}/monthly").text
        for email, desk in desks.items()
    }
    assert {email: refused_words in page for email, page in seen.items()} == {
        "own@example.org": True,
        "other@example.org": False,
        "staff@example.org": True,
    }
    refuse_to_the_end(client, settings)
    page = desks["own@example.org"].get(f"/{locale}/desk/monthly").text
    assert (lost_words in page, refused_words in page) == (True, False)
    with clock.frozen_at(clock.now() + timedelta(days=70)):
        assert lost_words not in desks["own@example.org"].get(f"/{locale}/desk/monthly").text
