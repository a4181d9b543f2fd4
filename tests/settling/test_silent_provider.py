"""A run ends and keeps to its account, also while the provider is slow or silent, and says what it left out."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from donate import clock
from donate.db import transaction
from donate.giving import sync
from donate.giving.models import Checkout
from donate.payments.gateway import ProviderKeyRefused, ProviderRefused, ProviderUnavailable
from donate.payments.models import ProviderEvent
from donate.payments.silence import MOST_SILENT, Silence
from donate.payments.stripe import StripeGateway
from donate.settling.run_models import ReconcileDifference, ReconcileRun
from tests.giving import factories as giving
from tests.settling import factories as make

pytestmark = pytest.mark.usefixtures("database")
LATER = timedelta(minutes=3)


def asked_instead(monkeypatch: pytest.MonkeyPatch, answer: Callable[[UUID], object]) -> list[UUID]:
    """Put `answer` in the place of asking about a checkout; what was asked about, in order."""
    asked: list[UUID] = []

    def ask(reference: UUID, settings: object) -> object:
        asked.append(reference)
        return answer(reference)

    monkeypatch.setattr(sync, "sync_checkout", ask)
    return asked


def silent(_: object) -> None:
    raise ProviderUnavailable


def merchants_of(references: list[UUID]) -> set[int]:
    with transaction() as session:
        query = select(Checkout.merchant_account_id).where(Checkout.public_id.in_(references))
        return set(session.scalars(query))


def said() -> list[tuple[str, str]]:
    """What the newest finished run published."""
    with transaction() as session:
        run = session.scalars(select(ReconcileRun.id).where(ReconcileRun.finished_at.is_not(None))).all()[-1]
        rows = session.execute(
            select(ReconcileDifference.kind, ReconcileDifference.subject).where(ReconcileDifference.run_id == run)
        )
        return [(kind, subject) for kind, subject in rows]


def test_a_run_asks_about_what_was_due_when_it_began_each_once(settings, monkeypatch):
    giving.raising()
    made = [giving.opened(settings).public_id for _ in range(6)]
    now = clock.now() + LATER
    monkeypatch.setattr("donate.clock.now", lambda: now)

    def slow(_: UUID) -> None:
        nonlocal now
        now += timedelta(minutes=3)  # longer than it is put off: with the clock alone, all would be due again

    asked = asked_instead(monkeypatch, slow)
    assert make.run(settings).checkout_count == 6
    assert sorted(asked) == sorted(made)


def test_what_becomes_due_while_it_runs_is_left_for_the_next_one(settings, monkeypatch):
    giving.raising()
    first = giving.opened(settings)
    with clock.frozen_at(clock.now() + timedelta(minutes=2)):
        giving.opened(settings)  # due in two minutes
    with clock.frozen_at(clock.now() + timedelta(minutes=2, seconds=30)):
        asked = asked_instead(monkeypatch, lambda _: None)
        make.run(settings)
    assert asked == [first.public_id]


def test_a_run_for_one_account_asks_about_its_checkouts_alone(settings, monkeypatch):
    giving.raising()
    giving.noise()
    giving.opened(settings)
    giving.opened(settings, ("noise", 1500))
    with clock.frozen_at(clock.now() + LATER):
        asked = asked_instead(monkeypatch, lambda _: None)
        assert make.run(settings, merchant="noise").checkout_count == 1
        assert len(merchants_of(asked)) == 1
        make.run(settings)
    assert len(merchants_of(asked)) == 2


@pytest.mark.parametrize("error", [ProviderUnavailable, ProviderKeyRefused])
def test_a_silent_account_is_given_up_and_the_run_says_so(settings, monkeypatch, error):
    giving.raising()
    giving.noise()
    for _ in range(MOST_SILENT + 4):
        giving.opened(settings)
    other = giving.opened(settings, ("noise", 1500))

    def answer(reference: UUID) -> None:
        if reference != other.public_id:
            raise error

    with clock.frozen_at(clock.now() + LATER):
        asked = asked_instead(monkeypatch, answer)
        report = make.run(settings)
        assert report.checkout_count == MOST_SILENT + 1
        assert asked.count(other.public_id) == 1  # the other account is asked all the same
        assert said() == [("provider_silent", error.__name__)]
    with clock.frozen_at(clock.now() + LATER):
        asked = asked_instead(monkeypatch, lambda _: None)
        make.run(settings)  # what was left out is still due
        assert len(asked) == 4


def test_it_is_said_once_however_often_the_account_was_asked(settings, monkeypatch):
    giving.raising()
    for _ in range(MOST_SILENT):
        giving.opened(settings)
    monkeypatch.setattr(StripeGateway, "events_since", lambda *_, **__: silent(None))
    with clock.frozen_at(clock.now() + LATER):
        asked_instead(monkeypatch, silent)
        make.run(settings)
    assert said() == [("provider_silent", "ProviderUnavailable")]


def test_a_refusal_is_an_answer(settings, monkeypatch):
    giving.raising()
    made = [giving.opened(settings).public_id for _ in range(MOST_SILENT + 4)]

    def refuse(_: UUID) -> None:
        raise ProviderRefused

    with clock.frozen_at(clock.now() + LATER):
        asked = asked_instead(monkeypatch, refuse)
        make.run(settings)
    assert (sorted(asked), said()) == (sorted(made), [])


def test_an_answer_between_two_silences_begins_the_count_anew():
    silence = Silence()
    for error in (ProviderUnavailable, ProviderUnavailable, None, ProviderUnavailable, ProviderUnavailable):
        try:
            with silence.noted():
                if error is not None:
                    raise error
        except ProviderUnavailable:
            pass
    assert not silence.is_total
    with pytest.raises(ProviderUnavailable), silence.noted():
        raise ProviderUnavailable
    assert silence.is_total


def test_fetched_messages_are_kept_and_no_more_are_asked_about_once_it_falls_silent(settings, monkeypatch):
    giving.raising()
    for _ in range(5):
        make.give(settings)
    calls = []

    def read_session(*_: object) -> None:
        calls.append(1)
        raise ProviderUnavailable

    with monkeypatch.context() as patch:
        patch.setattr("donate.settling.pulling.at_once", lambda _: {})
        for name in ("read_session", "read_charge_fee", "read_charge"):
            patch.setattr(StripeGateway, name, read_session)
        patch.setattr(sync, "book_fee", lambda *_: None)
        report = make.run(settings)
        assert ("provider_silent", "ProviderUnavailable") in said()
        assert len(calls) <= 2 * MOST_SILENT
    with transaction() as session:
        outcomes = session.scalars(select(ProviderEvent.outcome)).all()
    assert 0 < outcomes.count("failed") <= MOST_SILENT
    assert report.event_count == 0  # the block was broken off; what was stored of it is not fetched again
    assert make.kinds(make.run(settings)) == []
    assert make.balance_of("clearing") == 5 * 1491


def test_the_job_leaves_a_silent_account_and_asks_the_others(settings, monkeypatch):
    giving.raising()
    giving.noise()
    for _ in range(MOST_SILENT + 4):
        giving.opened(settings)
    other = giving.opened(settings, ("noise", 1500))

    def answer(reference: UUID) -> None:
        if reference != other.public_id:
            raise ProviderUnavailable

    with clock.frozen_at(clock.now() + LATER):
        asked = asked_instead(monkeypatch, answer)
        assert sync.sync_stale(settings) == MOST_SILENT + 1
        assert other.public_id in asked
        assert sync.sync_stale(settings) == 0  # the others of the silent account are put off with it
