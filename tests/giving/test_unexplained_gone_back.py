"""Money that is not as agreed and goes back by itself, or does not go back after all: closed, opened again, kept."""

from collections.abc import Callable
from itertools import permutations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from donate import clock, sequencer
from donate.db import Database, Role, transaction
from donate.giving import unexplained
from donate.giving.merchants import merchant_of
from donate.giving.models import Checkout, UnbookedMoney
from donate.giving.refund_models import Refund
from donate.giving.refund_sync import refresh_charge, send_refund, sync_money_back
from donate.payments.sandbox import disputes
from donate.payments.sandbox import refunds as sandbox
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as make
from tests.giving.test_paid_twice import pay_another_page
from tests.giving.test_refund_pages import staff
from tests.giving.test_unexplained import failing, learn_fee, less, path, press, the_money
from tests.settling import factories as settling

FEE = 9


def refreshed(made: Checkout, settings: Settings) -> None:
    refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)


def refund_there(made: Checkout, amount_minor: int | None = 1400) -> str:
    with transaction() as session:
        return sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(made), amount_minor).object_id


def fail(refund_id: str) -> None:
    with transaction() as session:
        sandbox.fail_refund(session, make.MERCHANT, refund_id)


def lose_dispute(made: Checkout, amount_minor: int = 1400) -> None:
    with transaction() as session:
        charge = back.charge_of(made)
        dispute = disputes.open_dispute(session, make.MERCHANT, charge, amount_minor=amount_minor).object_id
        disputes.close_dispute(session, make.MERCHANT, dispute, won=False)


def dispute_fee() -> int:
    return sum(entry.amount_minor for entry in make.booked() if entry.reason == "dispute_fee")


def decide(way: Callable[..., object], note: str = "said on the phone") -> None:
    with transaction() as session:
        way(session, the_money().id, by=1, note=note)


def stands() -> tuple[str | None, int, int]:
    """How the one sum is closed, what suspense holds, and what the general fund bore of it beside dispute fees."""
    found = back.balances()
    return the_money().outcome, -found.get("suspense", 0), found.get("general", 0) - dispute_fee()


def green(database: Database) -> bool:
    sequencer.drain(database)
    return failing() == []


def test_what_is_refunded_in_the_dashboard_is_closed_by_itself(
    client: FlaskClient, settings: Settings, database: Database
) -> None:
    make.raising()
    made = less(settings)
    refund_there(made)
    refreshed(made, settings)
    assert stands() == ("gone_back", 0, FEE)
    assert green(database)
    assert "Your payment was sent back" in client.get(f"/en/paid/{made.secret}").text
    staff(client)
    assert "with nobody here deciding so" in client.get(path()).text
    page = client.get("/en/staff/unbooked-money").text
    assert "Nothing stands open" in page
    assert "Gone back by itself" in page


def test_what_a_lost_dispute_took_is_closed_by_itself(settings: Settings, database: Database) -> None:
    make.raising()
    made = less(settings)
    lose_dispute(made)
    refreshed(made, settings)
    assert stands() == ("gone_back", 0, FEE)
    assert green(database)


def test_what_an_issuers_warning_sends_back_is_closed_by_itself(
    client: FlaskClient, settings: Settings, database: Database
) -> None:
    make.raising()
    page = pay_another_page(settings, None)
    make.deliver(client, settings)
    with clock.frozen_at(clock.now() + make.FEE_KNOWN):
        make.deliver(client, settings)
        with transaction() as session:
            disputes.warn_of_fraud(session, make.MERCHANT, back.charge_of_page(page))
        make.deliver(client, settings)
    assert back.refunds() == [("succeeded", 1500)]
    assert stands() == ("gone_back", 0, 74)
    with settling.days_later(1):
        assert settling.kinds(settling.run(settings)) == []
    assert green(database)


def test_what_is_gone_before_its_fee_is_known_is_closed_with_the_fee(settings: Settings, database: Database) -> None:
    make.raising()
    made = less(settings, fee=False)
    refund_there(made)
    with transaction() as session:
        row = session.get_one(Checkout, made.id)
        row.charge_id = back.charge_of(made)
    refreshed(made, settings)
    assert stands() == (None, 0, 0)
    learn_fee(made, settings)
    assert stands() == ("gone_back", 0, FEE)
    assert green(database)


def test_what_was_gone_before_anybody_knew_how_to_close_it_is_closed_by_the_job(
    settings: Settings, database: Database
) -> None:
    make.raising()
    made = less(settings)
    refund_there(made)
    refreshed(made, settings)
    with transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE refund SET next_sync_at = NULL"))
        session.execute(text("UPDATE unbooked_money SET explained_at = NULL, explanation = NULL, outcome = NULL"))
        borne = "(SELECT id FROM entry WHERE idempotency_key LIKE 'fee-borne:%')"
        for table in ("transfer", "entry_private", "entry_pending"):
            session.execute(text(f"DELETE FROM {table} WHERE entry_id IN {borne}"))
        session.execute(text("DELETE FROM entry WHERE idempotency_key LIKE 'fee-borne:%'"))
    assert stands() == (None, -FEE, 0)
    sync_money_back(settings)
    assert stands() == ("gone_back", 0, FEE)
    assert green(database)


def test_what_is_gone_of_another_currency_is_closed_with_no_entry(settings: Settings, database: Database) -> None:
    make.raising()
    made = less(settings, currency="USD")
    refund_there(made)
    refreshed(made, settings)
    assert (the_money().outcome, make.booked()) == ("gone_back", [])
    assert green(database)


def test_a_part_that_went_back_closes_nothing(settings: Settings, database: Database) -> None:
    make.raising()
    made = less(settings)
    refund_there(made, 400)
    refreshed(made, settings)
    assert stands() == (None, 1000 - FEE, 0)
    decide(unexplained.refund_unexplained)
    assert back.refunds() == [("pending", 400), ("requested", 1000)]


def test_what_went_twice_is_borne_by_the_general_fund(settings: Settings, database: Database) -> None:
    make.raising()
    made = less(settings)
    refund_there(made)
    refreshed(made, settings)
    lose_dispute(made)
    refreshed(made, settings)
    assert stands() == ("gone_back", 0, FEE + 1400)
    assert green(database)


@pytest.mark.parametrize("order", list(permutations(["fee", "charge", "later"])))
def test_any_order_of_messages_closes_it_in_the_same_books(
    settings: Settings, database: Database, order: tuple[str, ...]
) -> None:
    make.raising()
    made = less(settings, fee=False)
    with transaction() as session:
        session.get_one(Checkout, made.id).charge_id = back.charge_of(made)
    first = refund_there(made, 900)
    refund_there(made, 500)
    for told in order:
        if told == "later":
            fail(first)
            lose_dispute(made, 900)
        if told == "fee":
            learn_fee(made, settings)
        else:
            refreshed(made, settings)
    refreshed(made, settings)
    assert stands() == ("gone_back", 0, FEE)
    assert green(database)


def sent_in_vain(settings: Settings, made: Checkout) -> None:
    """The staff send it all back, and the receiving bank returns it."""
    with transaction() as session:
        refund = unexplained.refund_unexplained(session, the_money().id, by=1, note="send it back")
        public_id = refund.public_id
    send_refund(public_id, settings)
    assert stands() == ("refunded", 0, FEE)
    with transaction() as session:
        refund_id = session.scalars(select(Refund.refund_id).where(Refund.public_id == public_id)).one()
    fail(refund_id or "")
    refreshed(made, settings)


def test_a_refund_that_fails_opens_the_sum_again_for_another_try(
    client: FlaskClient, settings: Settings, database: Database
) -> None:
    make.raising()
    made = less(settings)
    sent_in_vain(settings, made)
    assert stands() == (None, 1400 - FEE, 0)
    assert "reversal" in [entry.reason for entry in make.booked()]
    token = staff(client)
    assert "14.00" in client.get("/en/staff/unbooked-money").text
    page = client.get(path()).text
    assert all(words in page for words in ("Send it all back", "Book it to its donations", "send it back"))
    assert press(client, token, "refund").status_code == 303
    assert back.refunds() == [("failed", 1400), ("pending", 1400)]
    assert stands() == ("refunded", 0, FEE)
    assert green(database)


def test_after_a_refund_that_failed_the_donations_may_count_after_all(settings: Settings, database: Database) -> None:
    make.raising()
    made = less(settings)
    sent_in_vain(settings, made)
    decide(unexplained.clear_to_donations)
    assert stands() == ("cleared", 0, 0)
    assert back.balances()["fund:yunxi"] == -(1400 - FEE)
    assert green(database)


def test_a_refund_that_the_provider_refuses_opens_the_sum_again(settings: Settings, database: Database) -> None:
    make.raising()
    made = less(settings)
    there = refund_there(made, 1500)  # somebody was faster, and no message has told us
    with transaction() as session:
        refund = unexplained.refund_unexplained(session, the_money().id, by=1, note="send it back")
        public_id = refund.public_id
    assert the_money().outcome == "refunded"
    send_refund(public_id, settings)
    assert back.refunds() == [("refused", 1400), ("pending", 1500)]
    assert the_money().outcome == "gone_back"
    fail(there)
    refreshed(made, settings)
    assert stands() == (None, 1400 - FEE, 0)
    decide(unexplained.clear_to_donations)
    assert green(database)


def test_what_could_not_be_sent_back_the_general_fund_may_keep(
    client: FlaskClient, settings: Settings, database: Database
) -> None:
    make.raising()
    made = less(settings)
    token = staff(client)
    assert "Let the general fund keep it" not in client.get(path()).text
    assert press(client, token, "general").status_code == 409
    sent_in_vain(settings, made)
    assert "Let the general fund keep it" in client.get(path()).text
    assert press(client, token, "general").status_code == 303
    assert stands() == ("general", 0, FEE - 1400)
    assert "Kept by the general fund" in client.get(path()).text
    assert "noted what became of it" in client.get(f"/en/paid/{made.secret}").text
    assert green(database)


def test_what_the_general_fund_kept_may_still_go_back(settings: Settings, database: Database) -> None:
    make.raising()
    made = less(settings)
    sent_in_vain(settings, made)
    decide(unexplained.keep_in_general)
    refund_id = refund_there(made, 600)
    refreshed(made, settings)
    assert stands() == ("general", 0, FEE - 800)
    lose_dispute(made, 800)
    refreshed(made, settings)
    assert stands() == ("general", 0, FEE)
    fail(refund_id)
    refreshed(made, settings)
    assert stands() == ("general", 0, FEE - 600)
    assert green(database)


def test_the_rest_of_what_was_partly_lost_can_be_kept_since_the_provider_sends_nothing_back_any_more(
    settings: Settings, database: Database
) -> None:
    make.raising()
    made = less(settings)
    lose_dispute(made, 400)
    refreshed(made, settings)
    with transaction() as session:
        ways = unexplained.ways_out(session, the_money().id)
    assert ways == {unexplained.Way.REFUND, unexplained.Way.GENERAL}
    decide(unexplained.keep_in_general)
    assert stands() == ("general", 0, FEE - 1000)
    assert green(database)


def test_while_a_dispute_is_open_nothing_can_be_decided(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = less(settings)
    with transaction() as session:
        disputes.open_dispute(session, make.MERCHANT, back.charge_of(made), amount_minor=1400)
    refreshed(made, settings)
    token = staff(client)
    assert "Nothing can be decided at the moment" in client.get(path()).text
    assert {press(client, token, step).status_code for step in ("clear", "refund", "general", "note")} == {409}
    assert the_money().explained_at is None


def test_of_a_second_payment_the_same_holds(client: FlaskClient, settings: Settings, database: Database) -> None:
    make.raising()
    made = make.paid_in_sandbox(settings)
    page = pay_another_page(settings, str(made.public_id))
    make.deliver(client, settings)
    with transaction() as session:
        refund_id = sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of_page(page)).object_id
    with clock.frozen_at(clock.now() + make.FEE_KNOWN):
        make.deliver(client, settings)
        make.deliver(client, settings)
        assert stands() == ("gone_back", 0, 74)
        fail(refund_id)
        make.deliver(client, settings)
        assert stands() == (None, 1500 - 74, 0)
        decide(unexplained.keep_in_general)
    assert stands() == ("general", 0, 74 - 1500)
    with settling.days_later(1):
        assert settling.kinds(settling.run(settings)) == []
    with transaction() as session:
        assert session.scalars(select(UnbookedMoney.is_own)).all() == [False]
    assert green(database)
