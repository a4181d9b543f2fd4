"""An endpoint that was off: how long one `donate reconcile` takes to bring home what was missed, in a real run."""

from collections.abc import Iterator
from time import perf_counter

from sqlalchemy import func, select, text

from donate import clock
from donate.db import Role, transaction
from donate.giving.messages import at_once
from donate.payments import inbox
from donate.payments.merchants import gateway_for
from donate.payments.models import SandboxObject
from donate.settling.messages import handlers
from donate.settling.pulling import KEPT
from tests.bench.figures import Figure
from tests.bench.site import Site, site
from tests.giving import factories as giving
from tests.settling import factories as settling


def measure(events: int = 10_000) -> Iterator[Figure]:
    """Missed messages of paid donations, fetched and handled by one run; then the same messages once more."""
    with site() as world:
        donations = _miss(world, events)
        with settling.days_later(0.05):
            begin = perf_counter()
            report = settling.run(world.settings)
            seconds = perf_counter() - begin
            assert report.event_count >= events, report.event_count
            assert report.difference_count == 0, settling.kinds(report)
            detail = (
                f"{report.event_count:,} messages and {report.line_count:,} balance lines of {donations:,} donations"
            )
            yield Figure("recovery: one reconcile after an outage", seconds, "s", detail, ceiling=600)
            yield Figure("recovery: missed messages brought home", report.event_count / seconds, "messages/s")
            yield _again(world)


def _miss(world: Site, events: int) -> int:
    """Donations that are paid while nothing is delivered, until there are so many messages; how many donations."""
    kinds = tuple(handlers(world.settings))
    count = select(func.count()).where(SandboxObject.kind == "event", SandboxObject.body["type"].as_string().in_(kinds))
    donations, missed = 0, 0
    while missed < events:
        for _ in range(100):
            giving.paid_in_sandbox(world.settings)
        donations += 100
        with settling.days_later(0.01), transaction() as session:
            missed = session.scalars(count).one()
    return donations


def _again(world: Site) -> Figure:
    """Every message through the inbox as if it had never been here: handlers find their work done, and change nothing."""
    merchant = settling.merchant()
    kinds = handlers(world.settings)
    since = clock.now() - KEPT
    bodies = list(gateway_for(merchant, world.settings).events_since(since, kinds=tuple(kinds)))
    with world.database.transaction(Role.OWNER) as session:
        session.execute(text("TRUNCATE provider_event"))
    before = _entries(world)
    begin = perf_counter()
    for body in bodies:
        inbox.pull(merchant, body, kinds, at_once(world.settings))
    seconds = perf_counter() - begin
    assert _entries(world) == before
    return Figure("recovery: messages replayed through the inbox", len(bodies) / seconds, "messages/s")


def _entries(world: Site) -> int:
    with world.database.reading() as session:
        return session.execute(text("SELECT count(*) FROM entry")).scalar_one()
