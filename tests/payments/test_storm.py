"""Nothing is lost, doubled or left over by payments in a storm, whatever is killed meanwhile: figures at the end."""

import random
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, TimeoutError
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.giving.checks import ALL_CHECKS
from donate.giving.merchants import merchant_of
from donate.giving.recurring_sync import sync_due
from donate.giving.refund_sync import sync_money_back
from donate.giving.sync import sync_stale
from donate.ledger import checks
from donate.payments.facts import BalanceSeen
from donate.payments.merchants import gateway_for
from donate.payments.sandbox import deliveries, ripening, trouble
from donate.sequencer import drain
from donate.settling.balance import clearing_parts
from donate.settling.differences import Difference
from donate.settling.messages import handle_waiting
from donate.settling.reconcile import reconcile
from tests.payments import storm as weather
from tests.payments import storm_staff as staff
from tests.payments.storm import MERCHANT, Storm
from tests.payments.storm_site import PARTS, StormSite, storm_site

KILLED = ("database", "web", "worker", "sequencer", "backend")
# What the storm plants of money that is none of ours, or not as agreed, is to stand there until somebody explains it.
UNEXPLAINED = {"nothing_of_the_provider_is_unexplained", "suspense_is_empty", "no_money_is_unbooked"}
MOST_WAITING = 600  # messages in the post before the storm waits a little


def blow(site: StormSite, seed: int, events: int, kills: int, reconciles: int = 0) -> Storm:
    """Make things happen until the provider has said `events` things, and kill something `kills` times meanwhile."""
    storm = Storm(site.settings, random.Random(seed))
    moments = random.Random(f"kills {seed}")
    kill_at = sorted(moments.randrange(events // 20, events) for _ in range(kills))
    victims = [KILLED[number % len(KILLED)] for number in range(kills)]
    moments.shuffle(victims)
    reconcile_at = [events * (number + 1) // (reconciles + 1) for number in range(reconciles)]
    said = 0
    waiting = 0
    while said < events:
        for _ in range(10 if waiting < MOST_WAITING else 0):
            storm.step()
        said, waiting = _post_of(said)
        if waiting >= MOST_WAITING:
            _help_the_post(site)
        if kill_at and said >= kill_at[0]:
            kill_at.pop(0)
            site.kill(victims.pop(), moments)
        if reconcile_at and said >= reconcile_at[0]:
            reconcile_at.pop(0)
            _reconcile_and_kill(site, moments)
        site.revive()
    return storm


def _post_of(before: int) -> tuple[int, int]:
    """Messages so far, and those still in the post."""
    try:
        with reading() as session:
            said, waiting = cast("tuple[int, int]", session.execute(_POST).one())
            return said, waiting
    except (DBAPIError, TimeoutError):
        return before, 0


def _help_the_post(site: StormSite) -> None:
    """A second postman beside the worker's, so that things can go on happening."""
    try:
        deliveries.deliver_due(
            site.settings.secret_key, deliveries.post_over_http(site.settings.base_url), most=50, merchant=MERCHANT
        )
    except (DBAPIError, TimeoutError):
        time.sleep(0.1)


def _reconcile_and_kill(site: StormSite, moments: random.Random) -> None:
    """`donate reconcile`, killed in the middle of its work."""
    process = subprocess.Popen(
        [sys.executable, "-m", "donate.cli", "reconcile"],
        env=site.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(2 + moments.random() * 2)
    process.kill()
    process.wait(20)
    site.kills["reconcile"] = site.kills.get("reconcile", 0) + 1


def settle(site: StormSite, seed: int, *, wait_for_post: float) -> None:
    """The storm is over: the post arrives, then hours pass in which every job runs again and again."""
    site.wait_for_web()
    weather.disturb_post(site.settings, seed, calm=True)
    with transaction() as session:
        trouble.switch_endpoint(session, MERCHANT, is_on=True)
        session.execute(text("UPDATE sandbox_object SET private = private - 'calls' WHERE kind = 'trouble'"))
    give_up_at = time.monotonic() + wait_for_post
    while _post_of(0)[1] and time.monotonic() < give_up_at:
        site.revive()
        time.sleep(0.2)
    site.end_parts()
    now = clock.now()
    for hours in (3, 6, 9):
        with clock.frozen_at(now + timedelta(hours=hours)):
            _run_jobs(site)


def _run_jobs(site: StormSite) -> None:
    while True:
        with transaction() as session:
            if not ripening.ripen(session, clock.now()):
                break
    while handle_waiting(site.settings):
        pass
    for job in (sync_stale, sync_due, sync_money_back):
        while job(site.settings):
            pass
    reconcile(site.settings)


def assert_nothing_is_lost(site: StormSite, storm: Storm) -> None:
    """The provider's own objects are the measure: what was paid there, and what its balance is."""
    with clock.frozen_at(clock.now() + timedelta(hours=10)):
        _run_jobs(site)  # the provider's midnight, at which it pays out, may lie in the hour before
        report = reconcile(site.settings)
        found = [(each.kind, each.subject, each.ours_minor, each.theirs_minor) for each, _ in report.found]
        assert [each for each in found if each[0] is not Difference.LINE_UNEXPLAINED] == []
        assert (report.event_count, report.line_count) == (0, 0)
        assert _nobodys_lines() == _planted()
        total = sum(seen.total_minor for seen in _held(site))
    drain(site.database)
    with site.database.reading() as session:
        results = checks.run_checks(session, ALL_CHECKS, merge_delay_seconds=300)
        broken = [result for result in results if not result.is_ok]
        assert {result.name for result in broken} <= UNEXPLAINED, broken
        _assert_even(session, total)
        for name, statement in _FACTS.items():
            assert session.execute(text(statement), {"merchant": MERCHANT}).all() == [], name
        assert session.execute(_GIVEN).one() == session.execute(_PAID, {"merchant": MERCHANT}).one()
    assert storm.done


def assert_all_can_be_explained(site: StormSite, storm: Storm) -> None:
    """Whatever still stands has a way out for staff once the banks have decided, and then every check is green."""
    staff.let_banks_decide(MERCHANT, storm.chance)
    now = clock.now()
    for hours in range(12, 48, 3):
        with clock.frozen_at(now + timedelta(hours=hours)):
            _run_jobs(site)
            stuck = staff.explain_all(site.settings, storm.chance)
            _run_jobs(site)
        if not staff.standing_money() and not staff.standing_lines():
            break
    assert (stuck, staff.standing_money(), staff.standing_lines()) == (0, [], [])
    with clock.frozen_at(now + timedelta(hours=hours)):
        assert reconcile(site.settings).found == []
        total = sum(seen.total_minor for seen in _held(site))
        drain(site.database)
        with site.database.reading() as session:
            results = checks.run_checks(session, ALL_CHECKS, merge_delay_seconds=300)
            assert [result for result in results if not result.is_ok] == []
            _assert_even(session, total)


def _held(site: StormSite) -> list[BalanceSeen]:
    """What the provider holds in the book's currency."""
    held = gateway_for(merchant_of(MERCHANT), site.settings).balance()
    return [seen for seen in held if seen.currency == "CNY"]


def _assert_even(session: Session, total: int) -> None:
    (parts,) = clearing_parts(session).values()
    assert parts.clearing_minor == parts.expected_minor
    assert (parts.lines_minor, parts.unlined_minor) == (total, 0)


def _planted() -> tuple[int, int]:
    """What the provider moved by itself, and what moved in another currency than the book's."""
    with reading() as session:
        return cast("tuple[int, int]", tuple(session.execute(_PLANTED).one()))


def _nobodys_lines() -> tuple[int, int]:
    with reading() as session:
        return cast("tuple[int, int]", tuple(session.execute(_NOBODYS).one()))


def figures(site: StormSite, storm: Storm, seconds: float) -> Sequence[tuple[str, object]]:
    with reading() as session:
        handled, copies, entries, checkouts, jobs = session.execute(_FIGURES).one()
    return (
        ("provider events handled", handled),
        ("deliveries of them", copies),
        ("checkouts", checkouts),
        ("entries in the public log", entries),
        ("jobs left over", jobs),
        ("kills", dict(sorted(site.kills.items()))),
        ("steps broken off by a kill", storm.broken_off),
        ("seconds", round(seconds)),
        ("what happened", dict(sorted(storm.done.items()))),
    )


def weather_of(seed: int, *, events: int, kills: int, reconciles: int = 0, wait_for_post: float = 120) -> None:
    began = time.monotonic()
    with storm_site() as site:
        weather.open_world()
        for part in PARTS:
            site.start(part)
        site.wait_for_web()
        weather.disturb_post(site.settings, seed)
        storm = blow(site, seed, events, kills, reconciles)
        settle(site, seed, wait_for_post=wait_for_post)
        for name, figure in figures(site, storm, time.monotonic() - began):
            print(f"{name}: {figure}")
        assert_nothing_is_lost(site, storm)
        assert_all_can_be_explained(site, storm)


_PLANTED = text(
    """
    SELECT count(*) FILTER (WHERE body->>'source' LIKE 'adj\\_%'), count(*) FILTER (WHERE body->>'currency' <> 'cny')
    FROM sandbox_object WHERE kind = 'balance_transaction'
    """
)

_NOBODYS = text(
    "SELECT count(*) FILTER (WHERE met = 'suspense'), count(*) FILTER (WHERE met = 'unbooked') FROM provider_line"
)

_POST = text(
    """
    SELECT (SELECT count(DISTINCT event_id) FROM sandbox_delivery),
           (SELECT count(*) FROM sandbox_delivery WHERE delivered_at IS NULL AND attempts < 16)
    """
)

_FIGURES = text(
    """
    SELECT (SELECT count(*) FROM provider_event WHERE outcome = 'handled'),
           (SELECT coalesce(sum(attempts), 0)::bigint FROM sandbox_delivery),
           (SELECT count(*) FROM log_leaf WHERE kind = 'entry'),
           (SELECT count(*) FROM checkout),
           (SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing')
    """
)

# Whatever these find is a fault; each begins at the provider's own objects or at the ledger, never at our states.
_FACTS = {
    "every paid page is booked once": """
        SELECT paid.object_id
        FROM sandbox_object paid
        LEFT JOIN checkout ON checkout.session_id = paid.object_id AND checkout.booked_as IS NOT NULL
        LEFT JOIN unbooked_money money ON money.session_id = paid.object_id
        WHERE paid.kind = 'checkout.session' AND paid.merchant = :merchant AND paid.body->>'payment_status' = 'paid'
          AND (checkout.booked_as IS NOT DISTINCT FROM 'donations') = (money.id IS NOT NULL)
    """,
    "every charged month is booked once": """
        SELECT invoice.object_id
        FROM sandbox_object invoice LEFT JOIN recurring_month month ON month.invoice_id = invoice.object_id
        LEFT JOIN checkout ON checkout.id = month.checkout_id
        LEFT JOIN unbooked_money money ON money.session_id = invoice.object_id
        WHERE invoice.kind = 'invoice' AND invoice.merchant = :merchant AND invoice.body->>'status' = 'paid'
          AND (checkout.booked_as IS NULL OR (checkout.booked_as = 'donations') = (money.id IS NOT NULL))
    """,
    "every message is here and handled": """
        SELECT event.object_id, provider_event.outcome
        FROM sandbox_object event LEFT JOIN provider_event ON provider_event.event_id = event.object_id
        WHERE event.kind = 'event' AND event.merchant = :merchant AND provider_event.outcome IS DISTINCT FROM 'handled'
          AND event.body->>'type' IN ('checkout.session.completed', 'checkout.session.expired', 'charge.updated',
            'refund.created', 'refund.updated', 'refund.failed', 'charge.refunded', 'charge.dispute.created',
            'charge.dispute.closed', 'charge.dispute.funds_withdrawn', 'charge.dispute.funds_reinstated',
            'radar.early_fraud_warning.created', 'invoice.paid', 'invoice.payment_failed',
            'customer.subscription.updated', 'customer.subscription.deleted', 'payout.paid', 'payout.failed')
    """,
    "every entry is in the log once": """
        SELECT entry.id, count(log_leaf.log_index)
        FROM entry LEFT JOIN log_leaf ON log_leaf.entry_id = entry.id AND log_leaf.kind = 'entry'
        GROUP BY entry.id HAVING count(log_leaf.log_index) <> 1
    """,
    "every charge has its money in the books once": """
        SELECT line.line_id FROM provider_line line
        WHERE line.met = 'charge' AND line.checkout_id IS NOT NULL
        GROUP BY line.line_id, line.checkout_id
        HAVING count(*) > 1
        UNION ALL
        SELECT min(line_id) FROM provider_line WHERE met = 'charge' AND checkout_id IS NOT NULL
        GROUP BY checkout_id HAVING count(*) > 1
    """,
    "every refund at the provider is known here as it stands": """
        SELECT there.object_id, there.body->>'status', refund.state
        FROM sandbox_object there LEFT JOIN refund ON refund.refund_id = there.object_id
        WHERE there.kind = 'refund' AND there.merchant = :merchant
          AND (refund.amount_minor IS DISTINCT FROM (there.body->>'amount')::bigint
               OR refund.state IS DISTINCT FROM there.body->>'status')
    """,
}

_GIVEN = text(
    """
    SELECT sum(amount_minor)::bigint FROM entry JOIN transfer ON transfer.entry_id = entry.id
    WHERE reason = 'donation' AND reverses IS NULL
    """
)

# What pages of ours and charged months brought in, first months being pages.
_PAID = text(
    """
    SELECT (coalesce((SELECT sum((paid.body->>'amount_total')::bigint)
                      FROM sandbox_object paid JOIN checkout ON checkout.session_id = paid.object_id
                      WHERE paid.kind = 'checkout.session' AND paid.merchant = :merchant
                        AND paid.body->>'payment_status' = 'paid' AND checkout.booked_as = 'donations'), 0)
          + coalesce((SELECT sum((invoice.body->>'amount_paid')::bigint)
                      FROM sandbox_object invoice
                      JOIN recurring_month month ON month.invoice_id = invoice.object_id
                      JOIN checkout ON checkout.id = month.checkout_id AND checkout.booked_as = 'donations'
                      WHERE invoice.kind = 'invoice' AND invoice.merchant = :merchant
                        AND invoice.body->>'status' = 'paid'
                        AND invoice.body->>'billing_reason' <> 'subscription_create'), 0))::bigint
    """
)


def test_a_hundred_events_with_kills_leave_no_difference() -> None:
    weather_of(7, events=100, kills=2, wait_for_post=3)


@pytest.mark.long
@pytest.mark.parametrize("events", [2_000, 50_000])
def test_many_random_events_with_kills_leave_no_difference(events: int) -> None:
    weather_of(events, events=events, kills=events // 400, reconciles=min(5, events // 1000), wait_for_post=300)
