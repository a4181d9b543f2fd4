"""What a dispute costs, and what of that comes back when it is won: booked both ways, whatever is heard first."""

from itertools import permutations

import pytest
from sqlalchemy import select

from donate import sequencer
from donate.db import Database, transaction
from donate.giving.charges import payment_of
from donate.giving.merchants import merchant_of
from donate.giving.models import Checkout
from donate.giving.money_back import book_charge
from donate.giving.refund_models import Dispute
from donate.giving.refund_sync import refresh_charge
from donate.payments.facts import ChargeSeen
from donate.payments.merchants import gateway_for
from donate.payments.sandbox import disputes
from donate.payments.tariffs import DISPUTE_FEES
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as make
from tests.giving.test_unexplained import failing
from tests.settling import factories as settling

RECEIVED, COUNTERED = DISPUTE_FEES["CNY"], 1_500


@pytest.fixture
def made(database: Database, settings: Settings) -> Checkout:
    make.raising()
    make.noise()
    return back.paid(settings, method="card")


def seen(made: Checkout, settings: Settings) -> ChargeSeen:
    return gateway_for(merchant_of(make.MERCHANT), settings).read_charge(back.charge_of(made))


def book(charge: ChargeSeen) -> None:
    with transaction() as session:
        payment = payment_of(session, make.MERCHANT, charge)
        assert payment is not None
        book_charge(session, payment, charge)


def told(made: Checkout, settings: Settings, *, won: bool = True, returned: int | None = None) -> list[ChargeSeen]:
    """The charge as it stood when the dispute was opened, when it was answered for a fee, and at its end."""
    found = []
    with transaction() as session:
        dispute = disputes.open_dispute(session, make.MERCHANT, back.charge_of(made)).object_id
    found.append(seen(made, settings))
    with transaction() as session:
        disputes.answer_dispute(session, make.MERCHANT, dispute, counter_fee=COUNTERED)
    found.append(seen(made, settings))
    with transaction() as session:
        disputes.close_dispute(session, make.MERCHANT, dispute, won=won, returned_fee=returned)
    return [*found, seen(made, settings)]


def paid_for_it() -> list[int]:
    fees = [entry for entry in make.booked() if entry.reason == "dispute_fee"]
    return [entry.amount_minor if entry.debit == "general" else -entry.amount_minor for entry in fees]


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize(("won", "borne"), [(True, RECEIVED), (False, RECEIVED + COUNTERED)])
def test_the_fee_for_answering_comes_back_when_it_is_won_in_any_order(
    settings: Settings, made: Checkout, database: Database, order: tuple[int, ...], won: bool, borne: int
) -> None:
    heard = told(made, settings, won=won)
    for number in (*order, order[0]):
        book(heard[number])
    found = back.balances()
    with settling.days_later(1):
        assert settling.kinds(settling.run(settings)) == []
    assert back.balances().get("clearing", 0) == back.provider_balance(settings)
    assert (found.get("disputed", 0), sum(paid_for_it())) == (0, borne)
    sequencer.drain(database)
    assert failing() == []


@pytest.mark.parametrize("returned", [RECEIVED + COUNTERED, 400])
def test_all_that_was_taken_may_come_back_or_a_part(
    settings: Settings, made: Checkout, database: Database, returned: int
) -> None:
    told(made, settings, returned=returned)
    refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)
    refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)
    with settling.days_later(1):
        assert settling.kinds(settling.run(settings)) == []
    assert back.balances().get("general", 0) == RECEIVED + COUNTERED - returned
    with transaction() as session:
        row = session.scalars(select(Dispute)).one()
        assert (row.fee_minor, row.fee_returned_minor) == (RECEIVED + COUNTERED, returned)
    sequencer.drain(database)
    assert failing() == []


def test_what_came_back_is_a_share_of_its_settlement(settings: Settings, made: Checkout, database: Database) -> None:
    told(made, settings)
    settling.give(settings, ("yunxi", 20_000))
    with settling.days_later(9):
        settling.pay_out()
        with settling.days_later(3):
            assert settling.kinds(settling.run(settings)) == []
    assert settling.share_codes() == {"fund:yunxi": 1500 - 74 + 20_000 - 120, "general": -RECEIVED}
    assert settling.failing(database) == []


def test_books_are_even_at_every_moment_of_it(settings: Settings, made: Checkout, database: Database) -> None:
    """What is booked before its line is read, and the other way round, is no difference at any time."""
    with settling.days_later(1):
        settling.run(settings)
        for charge in told(made, settings):
            book(charge)
            assert "clearing_equals_the_provider" not in settling.failing(database)
        settling.run(settings)
        assert settling.failing(database) == []


def test_a_line_that_moves_another_amount_than_was_disputed_is_shown_to_staff(
    settings: Settings, made: Checkout
) -> None:
    told(made, settings)
    with settling.days_later(1):
        settling.run(settings)
        dispute = next(line for line in settling.lines() if line.met == "dispute").source_id
        strange = settling.line(line_id="txn_strange", kind="adjustment", source_id=dispute, amount_minor=-77)
        with transaction() as session:
            settling.store(session, strange)
        with settling.days_later(1):
            found = settling.kinds(settling.run(settings))
    assert "line_unexplained None -77" in found
    assert not any(kind.startswith("clearing_differs") for kind in found)
