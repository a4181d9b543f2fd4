"""What is asked of the provider, and what the job finds."""

from datetime import timedelta
from uuid import uuid4

import pytest

from donate import clock
from donate.db import Database, transaction
from donate.errors import NotFound
from donate.giving.booking import move_towards
from donate.giving.payment import begin_payment
from donate.giving.service import CheckoutOver, start_checkout
from donate.giving.sync import sync_checkout, sync_stale
from donate.payments.gateway import CheckoutStatus, ProviderUnavailable
from donate.settings import Settings
from tests.giving import factories as make


def test_a_paid_checkout_is_booked_with_its_fee(database: Database, settings: Settings) -> None:
    make.raising()
    made = make.paid_in_sandbox(settings)
    assert sync_checkout(made.public_id, settings) == "paid"
    assert make.booked() == [make.DONATION]
    with clock.frozen_at(clock.now() + make.FEE_KNOWN):
        sync_checkout(made.public_id, settings)
    assert make.booked() == [make.DONATION, make.FEE]


def test_an_open_checkout_stays_open(database: Database, settings: Settings) -> None:
    make.raising()
    assert sync_checkout(make.opened(settings).public_id, settings) == "open"


def test_an_expired_checkout_is_learnt_of(database: Database, settings: Settings) -> None:
    make.raising()
    made = make.opened(settings)
    with clock.frozen_at(clock.now() + timedelta(hours=1)):
        assert sync_checkout(made.public_id, settings) == "expired"
    assert make.checkout(made.public_id).next_sync_at is None


def test_who_paid_in_time_is_never_told_that_time_ran_out(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.raising()
    new = make.new_checkout()
    begin_payment(new, settings)
    make.pay(make.checkout(new.public_id))
    with clock.frozen_at(clock.now() + timedelta(hours=1)):
        with monkeypatch.context() as patch:
            patch.setattr("donate.payments.stripe.StripeGateway.read_session", _unreachable)
            with pytest.raises(ProviderUnavailable):
                begin_payment(new, settings)
        assert begin_payment(new, settings).provider_url is None
    assert make.DONATION in make.booked()


def test_who_did_not_pay_in_time_is_told_so_once_the_provider_says_it(database: Database, settings: Settings) -> None:
    make.raising()
    new = make.new_checkout()
    begin_payment(new, settings)
    with clock.frozen_at(clock.now() + timedelta(hours=1)), pytest.raises(CheckoutOver):
        begin_payment(new, settings)
    assert make.checkout(new.public_id).state == "expired"


def _unreachable(*_: object) -> None:
    raise ProviderUnavailable


@pytest.mark.parametrize("earlier", ["expired", "failed"])
@pytest.mark.parametrize("amount_minor", [1500, 1400])
def test_the_job_asks_for_the_fee_of_what_was_paid_after_all(
    database: Database, settings: Settings, earlier: CheckoutStatus, amount_minor: int
) -> None:
    make.raising()
    made = make.opened(settings)
    for told in (make.seen(made, status=earlier), make.seen(made, amount_minor=amount_minor)):
        with transaction() as session:
            move_towards(session.connection(), make.MERCHANT, told)
    make.pay(made)
    with clock.frozen_at(clock.now() + timedelta(minutes=3)):
        assert sync_stale(settings) == 1
        assert make.checkout(made.public_id).fee_minor == 9
        assert make.checkout(made.public_id).next_sync_at is None


def test_an_unknown_checkout_is_not_found(database: Database, settings: Settings) -> None:
    with pytest.raises(NotFound):
        sync_checkout(uuid4(), settings)


def test_a_checkout_that_never_reached_the_provider_ends_by_itself(database: Database, settings: Settings) -> None:
    make.raising()
    new = make.new_checkout()
    with transaction() as session:
        start_checkout(session, new)
    assert sync_checkout(new.public_id, settings) == "created"
    with clock.frozen_at(clock.now() + timedelta(hours=1)):
        assert sync_checkout(new.public_id, settings) == "expired"


def test_the_job_books_what_no_message_told(database: Database, settings: Settings) -> None:
    make.raising()
    make.paid_in_sandbox(settings)
    assert sync_stale(settings) == 0
    with clock.frozen_at(clock.now() + timedelta(minutes=3)):
        assert sync_stale(settings) == 1
        assert sync_stale(settings) == 0
    assert make.booked() == [make.DONATION, make.FEE]
    with clock.frozen_at(clock.now() + timedelta(days=30)):
        assert sync_stale(settings) == 0


def test_the_job_asks_again_later_and_less_often(database: Database, settings: Settings) -> None:
    make.raising()
    make.opened(settings)
    asked = 0
    start = clock.now()
    for minute in range(30):
        with clock.frozen_at(start + timedelta(minutes=minute)):
            asked += sync_stale(settings)
    assert 3 <= asked <= 8


def test_one_that_cannot_be_asked_about_does_not_hold_up_the_others(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.raising()
    broken, good = make.paid_in_sandbox(settings), make.paid_in_sandbox(settings)
    from donate.giving import sync

    real = sync.sync_checkout

    def sometimes(reference: object, settings: Settings) -> object:
        if reference == broken.public_id:
            raise ProviderUnavailable
        return real(reference, settings)  # type: ignore[arg-type]

    monkeypatch.setattr(sync, "sync_checkout", sometimes)
    with clock.frozen_at(clock.now() + timedelta(minutes=3)):
        assert sync_stale(settings) == 2
    assert make.checkout(good.public_id).state == "paid"
    assert make.checkout(broken.public_id).state == "open"
