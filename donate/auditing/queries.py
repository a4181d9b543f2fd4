"""What the ledger's pages show: lines of the log with the names and prices that campaigns give them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.campaigns.lifecycle import PUBLIC
from donate.campaigns.models import Campaign, UnitPrice
from donate.giving.recorded_models import Channel, RecordedDonation
from donate.ledger.chart import Reason
from donate.ledger.models import CampaignTotal
from donate.publiclog import queries
from donate.publiclog.models import LogLeaf
from donate.publiclog.queries import LineFilter, LinePage, LoggedLine, Position
from donate.text import InBoth
from donate.tlog.leaf import CAMPAIGN, EntryLeaf

PAGE_LINES = 50


@dataclass(frozen=True, slots=True)
class CampaignNames:
    """A campaign as a line of the ledger names it; prices of one unit, newest first."""

    ref: str
    title_zh: str
    title_en: str
    unit_zh: str
    unit_en: str
    prices: tuple[tuple[date, int], ...]

    def price_on(self, on: date) -> int | None:
        """The price of one unit on a day; before the first one counts, the first."""
        past = [amount for effective_on, amount in self.prices if effective_on <= on]
        if past:
            return past[0]
        return self.prices[-1][1] if self.prices else None


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """One screen of the ledger."""

    position: Position
    page: LinePage
    campaigns: dict[str, CampaignNames]
    channels: dict[int, Channel]
    choices: tuple[tuple[str, InBoth], ...]


@dataclass(frozen=True, slots=True)
class EntryPage:
    """One line of the log with what its page explains."""

    position: Position
    line: LoggedLine
    campaigns: dict[str, CampaignNames]
    channels: dict[int, Channel]


def ledger_page(session: Session, wanted: LineFilter, *, before: int | None, after: int | None) -> LedgerPage:
    """A screen of entries for the filter, newest first."""
    page = queries.page(session, wanted, size=PAGE_LINES, before=before, after=after)
    return LedgerPage(
        queries.position(session),
        page,
        campaign_names(session, page.lines),
        channels(session, page.lines),
        campaign_choices(session),
    )


def entry_page(session: Session, log_index: int) -> EntryPage:
    """One line. Raises NotFound."""
    line = queries.line(session, log_index)
    return EntryPage(queries.position(session), line, campaign_names(session, [line]), channels(session, [line]))


def channels(session: Session, lines: Sequence[LoggedLine]) -> dict[int, Channel]:
    """How the recorded donations among these lines came, by log index. The line itself says only that they did."""
    recorded = [line.log_index for line in lines if getattr(line.leaf, "reason", None) == Reason.RECORDED_DONATION]
    if not recorded:
        return {}
    rows = session.execute(
        select(LogLeaf.log_index, RecordedDonation.channel)
        .join(RecordedDonation, RecordedDonation.entry_id == LogLeaf.entry_id)
        .where(LogLeaf.log_index.in_(recorded))
    )
    return {log_index: Channel(channel) for log_index, channel in rows}


def campaign_names(session: Session, lines: Sequence[LoggedLine]) -> dict[str, CampaignNames]:
    """Names and prices of the public campaigns that these lines mention, by reference."""
    refs = {getattr(line.leaf, "campaign", None) for line in lines}
    for line in lines:
        if isinstance(line.leaf, EntryLeaf):
            refs |= {code.partition(":")[2] for leg in line.leaf.legs for code in (leg.debit, leg.credit)}
    refs -= {None, ""}
    if not refs:
        return {}
    rows = session.execute(
        select(
            Campaign.ref,
            Campaign.title_zh,
            Campaign.title_en,
            Campaign.unit_zh,
            Campaign.unit_en,
            UnitPrice.effective_on,
            UnitPrice.amount_minor,
        )
        .outerjoin(UnitPrice, UnitPrice.campaign_id == Campaign.id)
        .where(Campaign.ref.in_(refs), Campaign.state.in_(PUBLIC))
        .order_by(Campaign.ref, UnitPrice.effective_on.desc())
    )
    found: dict[str, CampaignNames] = {}
    for ref, title_zh, title_en, unit_zh, unit_en, effective_on, amount in rows:
        known = found[ref].prices if ref in found else ()
        prices = known if effective_on is None else (*known, (effective_on, amount))
        found[ref] = CampaignNames(ref, title_zh, title_en, unit_zh, unit_en, prices)
    return found


def campaign_choices(session: Session) -> tuple[tuple[str, InBoth], ...]:
    """Public campaigns that have entries, for the filter."""
    rows = session.execute(
        select(Campaign.ref, Campaign.title_zh, Campaign.title_en)
        .join(CampaignTotal, CampaignTotal.campaign == Campaign.ref)
        .where(Campaign.state.in_(PUBLIC))
        .order_by(Campaign.title_zh)
    )
    return tuple((ref, InBoth(title_zh, title_en or title_zh)) for ref, title_zh, title_en in rows)


def is_known_campaign(session: Session, ref: str) -> bool:
    """Whether a public campaign has this reference: only then is there a file of its entries."""
    if not re.fullmatch(CAMPAIGN, ref):
        return False
    return session.scalar(select(Campaign.id).where(Campaign.ref == ref, Campaign.state.in_(PUBLIC))) is not None


def has_meals(reason: str) -> bool:
    """Whether an amount of this kind reads naturally as meals: what came in for them or was paid out for them."""
    return reason not in NOT_IN_MEALS


NOT_IN_MEALS = frozenset(
    {
        Reason.PROCESSING_FEE,
        Reason.FEE_COVERED,
        Reason.DISPUTE_FEE,
        Reason.BANK_CHARGE,
        Reason.INTEREST,
        Reason.SETTLEMENT,
        Reason.SETTLEMENT_FAILED,
        Reason.PROVIDER_ADJUSTMENT,
    }
)
