"""Reconciling: everything that the provider would have told us is fetched, and what then still differs is published.

Plain recording is always done: messages, balance lines and settlements are stored and booked as if they had been
delivered. A repair, which reverses an entry of ours, is only named, unless it was asked for. A run ends: it asks about
the checkouts that were due when it began, each once, and leaves an account whose provider stays silent, saying so.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.errors import DonateError
from donate.giving.merchants import all_merchants, merchant_of
from donate.giving.sync import sync_due
from donate.payments.gateway import MerchantRef
from donate.payments.merchants import gateway_for
from donate.settings import Settings
from donate.settling import differences, repairs, under_way
from donate.settling.balance import lines_at
from donate.settling.bank_matching import match_waiting
from donate.settling.differences import Difference, Found
from donate.settling.lines import Home, home_of
from donate.settling.pulling import pull_events, pull_lines, pull_payouts
from donate.settling.run_models import ProviderSnapshot, ReconcileDifference, ReconcileRun

log = structlog.get_logger("donate.settling")


@dataclass(slots=True)
class Report:
    """What a run did and found; `found` are the differences, each with whether it was repaired."""

    run_id: int
    checkout_count: int = 0
    event_count: int = 0
    line_count: int = 0
    settlement_count: int = 0
    found: list[tuple[Found, bool]] = field(default_factory=list)

    @property
    def difference_count(self) -> int:
        """What still differs after the run."""
        return sum(not was_repaired for _, was_repaired in self.found)


def reconcile(
    settings: Settings,
    *,
    since: datetime | None = None,
    repair: bool = False,
    merchant: str | None = None,
    by_hand: bool = False,
) -> Report:
    """Read every merchant account (or one) from where the last run got to, or from `since`, and compare.

    Raises NotFound for an unknown `merchant`. An account whose provider does not answer is named in the report.
    """
    merchants = all_merchants() if merchant is None else [merchant_of(merchant)]
    began_at = clock.now()
    with transaction() as session:
        run = ReconcileRun(
            started_by="hand" if by_hand else "schedule",
            with_repairs=repair,
            merchant_account_id=None if merchant is None else home_of(session, merchant).merchant_id,
            started_at=began_at,
        )
        session.add(run)
        session.flush()
        report = Report(run.id)
    homes = {}
    for account in merchants:
        with reading() as session:
            homes[account.ref] = home_of(session, account.ref)
        _ask_about_checkouts(homes[account.ref], settings, began_at, report)
        with _silence_noted(report, homes[account.ref]):
            _pull(account, settings, since, report)
            _look_at_balance(account, settings, homes[account.ref], report.run_id)
    for book_id in {home.book_id for home in homes.values()}:
        with transaction() as session:
            match_waiting(session, book_id)
    for home in homes.values():
        report.found += repairs.standing(home, repair=repair)
    with reading() as session:
        found = differences.find(session, [home.merchant_id for home in homes.values()])
    report.found += [(difference, False) for difference in found]
    with transaction() as session:
        under_way.keep(
            session,
            report.run_id,
            [home.merchant_id for home in homes.values()],
            {home.book_id for home in homes.values()},
        )
        _publish(session, report)
    log.info("reconciled", run=report.run_id, differences=report.difference_count, events=report.event_count)
    return report


def _ask_about_checkouts(home: Home, settings: Settings, began_at: datetime, report: Report) -> None:
    """About those that were due when the run began; that those left out were not asked about stands in the run."""
    swept = sync_due(home.merchant, settings, began_at)
    report.checkout_count += swept.asked_count
    if swept.silence is not None:
        _note_silence(report, home, swept.silence)


def _pull(merchant: MerchantRef, settings: Settings, since: datetime | None, report: Report) -> None:
    report.event_count += pull_events(merchant, settings, since)
    report.line_count += pull_lines(merchant, settings, since)
    report.settlement_count += pull_payouts(merchant, settings, since)


def _look_at_balance(merchant: MerchantRef, settings: Settings, home: Home, run_id: int) -> None:
    """Keep what the provider holds now, beside the sum of its lines at that moment."""
    taken_at = clock.now()
    held = {seen.currency: seen.total_minor for seen in gateway_for(merchant, settings).balance()}
    pull_lines(merchant, settings)
    with transaction() as session:
        for currency, total_minor in sorted(({home.currency: 0} | held).items()):
            session.add(
                ProviderSnapshot(
                    run_id=run_id,
                    merchant_account_id=home.merchant_id,
                    currency=currency,
                    total_minor=total_minor,
                    lines_minor=lines_at(session, home.merchant_id, currency, total_minor, taken_at),
                    taken_at=taken_at,
                )
            )


@contextmanager
def _silence_noted(report: Report, home: Home) -> Iterator[None]:
    """One account that cannot be read must not keep the others from being compared."""
    try:
        yield
    except DonateError as error:
        _note_silence(report, home, error)


def _note_silence(report: Report, home: Home, error: DonateError) -> None:
    """Once for each account and error, however often it was asked."""
    log.warning("reconcile_broke_off", merchant=home.merchant, error=type(error).__name__)
    silent = Found(
        merchant_id=home.merchant_id,
        kind=Difference.PROVIDER_SILENT,
        subject=type(error).__name__,
        ours_minor=None,
        theirs_minor=None,
        currency=home.currency,
    )
    if (silent, False) not in report.found:
        report.found.append((silent, False))


def _publish(session: Session, report: Report) -> None:
    session.add_all(_rows(report.run_id, report.found))
    session.execute(
        update(ReconcileRun)
        .where(ReconcileRun.id == report.run_id)
        .values(
            finished_at=clock.now(),
            checkout_count=report.checkout_count,
            event_count=report.event_count,
            line_count=report.line_count,
            settlement_count=report.settlement_count,
            difference_count=report.difference_count,
        )
    )


def _rows(run_id: int, found: Sequence[tuple[Found, bool]]) -> Iterator[ReconcileDifference]:
    for difference, was_repaired in found:
        yield ReconcileDifference(
            run_id=run_id,
            merchant_account_id=difference.merchant_id,
            kind=difference.kind.value,
            subject=difference.subject,
            ours_minor=difference.ours_minor,
            theirs_minor=difference.theirs_minor,
            currency=difference.currency,
            was_repaired=was_repaired,
        )
