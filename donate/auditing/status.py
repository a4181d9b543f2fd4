"""How the installation is doing, in public: how far behind the log is, what the ledger's checks found, what runs."""

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.ledger import checks, cover
from donate.ledger.cover import CoverHeld
from donate.organisations.queries import OrganisationFacts, organisations_named
from donate.publiclog import queries
from donate.publiclog.queries import Lag, Position


@dataclass(frozen=True, slots=True)
class CheckRun:
    """The newest run of the ledger's checks; `results` hold name, sentence, is_ok and the first findings."""

    ran_at: datetime
    is_ok: bool
    as_of: int | None
    results: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Status:
    """What the status page shows."""

    position: Position
    lag: Lag
    check_run: CheckRun | None
    fee_funds: tuple[tuple[OrganisationFacts, CoverHeld], ...]
    donate_version: str
    postgresql_version: str
    revision: str


def status(session: Session) -> Status:
    """The status as of one snapshot."""
    return Status(
        queries.position(session),
        queries.lag(session),
        check_run(session),
        _fee_funds(session),
        _own_version(),
        str(session.scalar(text("SHOW server_version"))).split(" ")[0],
        str(session.scalar(text("SELECT version_num FROM alembic_version"))),
    )


def _fee_funds(session: Session) -> tuple[tuple[OrganisationFacts, CoverHeld], ...]:
    funds = cover.held(session)
    hosts = {host.ref: host for host in organisations_named(session, {fund.host for fund in funds})} if funds else {}
    return tuple((hosts[fund.host], fund) for fund in funds if fund.host in hosts)


def check_run(session: Session) -> CheckRun | None:
    """The newest run of the checks, if any ran."""
    run = checks.last_run(session)
    return None if run is None else CheckRun(run.ran_at, run.is_ok, run.as_of, run.results)


def _own_version() -> str:
    try:
        return version("donate")
    except PackageNotFoundError:
        return "—"  # run from a checkout that was never installed
