"""Money that is not as agreed: what a person makes of it, whoever does it at once, and whenever its fee is learnt."""

from collections.abc import Callable
from functools import partial

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from donate import clock, sequencer
from donate.db import Database, reading, transaction
from donate.giving import unexplained
from donate.giving.booking import move_towards
from donate.giving.checks import ALL_CHECKS
from donate.giving.models import Checkout, UnbookedMoney
from donate.giving.sync import sync_checkout
from donate.ledger import checks
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as make
from tests.giving.test_fees import fill_cover
from tests.giving.test_refund_pages import staff

LINES = (("yunxi", 1000), ("yunxi", 500))


def less(settings: Settings, amount_minor: int = 1400, *, fee: bool = True, currency: str = "CNY") -> Checkout:
    """A payment of which another amount is reported than was agreed; its charge and fee are known or not yet."""
    made = make.paid_in_sandbox(settings, *LINES)
    with transaction() as session:
        seen = make.seen(made, amount_minor=amount_minor, currency=currency)
        move_towards(session.connection(), make.MERCHANT, seen)
    if fee:
        learn_fee(made, settings)
    return make.checkout(made.public_id)


def learn_fee(made: Checkout, settings: Settings) -> None:
    with clock.frozen_at(clock.now() + make.FEE_KNOWN):
        sync_checkout(made.public_id, settings)


def the_money() -> UnbookedMoney:
    with transaction() as session:
        return session.scalars(select(UnbookedMoney)).one()


def path() -> str:
    return f"/en/staff/unbooked-money/{the_money().id}"


def press(client: FlaskClient, token: str, step: str, note: str = "the bank rounded") -> TestResponse:
    return client.post(path(), data={"csrf_token": token, "step": step, "note": note})


def failing() -> list[str]:
    with reading() as session:
        found = checks.run_checks(session, ALL_CHECKS, merge_delay_seconds=300)
    return [result.name for result in found if not result.is_ok and result.name != "clearing_meets_the_provider"]


def test_cleared_money_counts_and_its_receipts_show_what_was_paid(
    client: FlaskClient, settings: Settings, database: Database
) -> None:
    make.raising()
    made = less(settings)
    assert "A person is looking" in client.get(f"/en/paid/{made.secret}").text
    token = staff(client)
    assert press(client, token, "clear").status_code == 303
    sequencer.drain(database)
    page = client.get(f"/en/r/{made.secret}").text
    assert "Thank you for ¥14.00" in page
    assert "¥9.33" in page
    assert "¥4.67" in page
    assert "2026-0000001" in page
    assert "¥15.00" not in page
    assert client.get(f"/en/paid/{made.secret}").status_code == 303
    assert back.balances().get("suspense", 0) == 0
    shown = client.get(path()).text
    assert "the bank rounded" in shown
    assert "Booked to its donations" in shown
    assert failing() == []


def test_money_sent_back_leaves_its_fee_to_the_general_fund(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    less(settings)
    token = staff(client)
    assert press(client, token, "refund").status_code == 303
    assert back.refunds() == [("pending", 1400)]
    found = back.balances()
    assert (found.get("suspense", 0), found["general"]) == (0, 9)
    assert "On its way back" in client.get(path()).text


def test_money_of_another_currency_is_noted(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    less(settings, currency="USD", fee=False)
    token = staff(client)
    assert press(client, token, "clear").status_code == 409
    assert press(client, token, "note", "refunded in the dashboard").status_code == 303
    assert make.booked() == []
    assert "refunded in the dashboard" in client.get(path()).text


@pytest.mark.parametrize(("step", "note", "status"), [("clear", " ", 422), ("", "why", 422), ("note", "why", 409)])
def test_what_cannot_be_done_is_said(
    client: FlaskClient, settings: Settings, step: str, note: str, status: int
) -> None:
    make.raising()
    less(settings)
    token = staff(client)
    assert press(client, token, step, note).status_code == status
    assert the_money().explained_at is None


def test_who_comes_second_is_told(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    less(settings)
    token = staff(client)
    assert press(client, token, "clear").status_code == 303
    for step in ("clear", "refund"):
        answer = press(client, token, step)
        assert (answer.status_code, "explained already" in answer.text) == (409, True)
    assert back.refunds() == []


def test_of_two_staff_at_once_one_decides(database: Database, settings: Settings) -> None:
    make.raising()
    less(settings)
    money = the_money().id

    def decide(way: Callable[..., object], name: str, by: int) -> None:
        with transaction() as session:
            way(session, money, by=by, note=name)

    done = back.at_once(
        database,
        partial(decide, unexplained.clear_to_donations, "clear", 1),
        partial(decide, unexplained.refund_unexplained, "refund", 2),
    )
    assert sorted(done) == ["ExplainedAlready", "done"]
    winner = "clear" if done[0] == "done" else "refund"
    found = the_money()
    assert (found.explanation, found.explained_by) == (winner, {"clear": 1, "refund": 2}[winner])
    assert len(back.refunds()) == (winner == "refund")


def test_a_fee_learnt_before_or_after_clearing_ends_in_the_same_books(database: Database, settings: Settings) -> None:
    make.raising()
    make.noise()
    less(settings, fee=True)
    with transaction() as session:
        unexplained.clear_to_donations(session, the_money().id, by=1, note="before")
    before = back.balances()
    late = less(settings, fee=False)
    with transaction() as session:
        second = session.scalars(select(UnbookedMoney.id).order_by(UnbookedMoney.id.desc())).first()
        assert second is not None
        unexplained.clear_to_donations(session, second, by=1, note="after")
    learn_fee(late, settings)
    assert {code: 2 * balance for code, balance in before.items()} == back.balances()
    sequencer.drain(database)
    assert failing() == []


@pytest.mark.parametrize("held", [8, 9, 17, 18])
def test_whether_the_fee_fund_covers_it_does_not_depend_on_when_its_fee_is_learnt(
    database: Database, settings: Settings, held: int
) -> None:
    """Two payments whose fee is 9 each: of what the fund holds each gets the whole, or nothing, in the order of booking."""
    make.raising()
    make.noise()
    early = less(settings, fee=True)
    fill_cover(early.book_id, held)
    with transaction() as session:
        unexplained.clear_to_donations(session, the_money().id, by=1, note="its fee was known")
    covered = 9 if held >= 9 else 0
    assert back.balances()["fund:yunxi"] == -(1400 - 9 + covered)
    late = less(settings, fee=False)
    with transaction() as session:
        second = session.scalars(select(UnbookedMoney.id).order_by(UnbookedMoney.id.desc()).limit(1)).one()
        unexplained.clear_to_donations(session, second, by=1, note="its fee comes later")
    learn_fee(late, settings)
    covered += 9 if held >= 18 else 0
    found = back.balances()
    assert (found["fund:yunxi"], found.get("fee_cover", 0)) == (-(2 * (1400 - 9) + covered), -(held - covered))
    sequencer.drain(database)
    assert failing() == []


def test_money_goes_back_only_once_its_fee_is_known(database: Database, settings: Settings) -> None:
    make.raising()
    made = less(settings, fee=False)
    with transaction() as session, pytest.raises((unexplained.FeeNotKnownYet,)):
        unexplained.refund_unexplained(session, the_money().id, by=1, note="early")
    learn_fee(made, settings)
    with transaction() as session:
        unexplained.refund_unexplained(session, the_money().id, by=1, note="now")
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM refund")) == 1
