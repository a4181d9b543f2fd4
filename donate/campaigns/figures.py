"""The figures of a campaign as pages show them: numbered entries only, each as of a line of the public log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ScalarSelect, Select, func, select

from donate.campaigns.models import Campaign, UnitPrice
from donate.ledger.models import CampaignTotal, Entry
from donate.publiclog.models import LogLeaf

# A query whose columns are many, and read by position.
Wide = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class AsOf:
    """The newest line of the public log that a figure holds, and when its entry was made."""

    index: int
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a campaign received and what became of it, in minor units, and the price that turns it into meals."""

    currency: str
    price_minor: int
    goal_minor: int
    received_minor: int
    donation_count: int
    refunded_minor: int
    fees_minor: int
    disbursed_minor: int
    evidenced_minor: int
    as_of: AsOf | None  # none before the first numbered entry

    @property
    def balance_minor(self) -> int:
        """What the fund holds. Refunds after the money was spent leave no fund below nothing: the general fund covers."""
        return max(0, self.received_minor - self.refunded_minor - self.fees_minor - self.disbursed_minor)

    @property
    def given_minor(self) -> int:
        """What was given and did not go back to donors; the payment's fees count as given."""
        return max(0, self.received_minor - self.refunded_minor)

    @property
    def net_minor(self) -> int:
        """What reached the fund after fees and refunds."""
        return self.received_minor - self.refunded_minor - self.fees_minor

    @property
    def goal_units(self) -> int:
        return self.goal_minor // self.price_minor

    @property
    def funded_units(self) -> int:
        return self.given_minor // self.price_minor

    @property
    def evidenced_units(self) -> int:
        return self.evidenced_minor // self.price_minor


TOTAL_COLUMNS = (
    func.coalesce(CampaignTotal.received_minor, 0),
    func.coalesce(CampaignTotal.donation_count, 0),
    func.coalesce(CampaignTotal.refunded_minor, 0),
    func.coalesce(CampaignTotal.fees_minor, 0),
    func.coalesce(CampaignTotal.disbursed_minor, 0),
    func.coalesce(CampaignTotal.evidenced_minor, 0),
    CampaignTotal.as_of,
    Entry.recorded_at,
)


def with_total(query: Wide) -> Wide:
    """Join a query over campaigns to their total and its newest entry, for TOTAL_COLUMNS."""
    return (
        query.outerjoin(CampaignTotal, CampaignTotal.campaign == Campaign.ref)
        .outerjoin(LogLeaf, LogLeaf.log_index == CampaignTotal.as_of)
        .outerjoin(Entry, Entry.id == LogLeaf.entry_id)
    )


def figures(campaign: Campaign, price_minor: int, total: Sequence[Any]) -> Figures:
    """From a campaign, its price and the values of TOTAL_COLUMNS."""
    received, count, refunded, fees, disbursed, evidenced, index, at = total
    return Figures(
        currency=campaign.currency,
        price_minor=price_minor,
        goal_minor=campaign.goal_minor or 0,
        received_minor=received,
        donation_count=count,
        refunded_minor=refunded,
        fees_minor=fees,
        disbursed_minor=disbursed,
        evidenced_minor=evidenced,
        as_of=None if index is None else AsOf(index, at),
    )


def price_on(on: date) -> ScalarSelect[int]:
    """The price of one unit on a day; before the first one counts, the first."""
    return (
        select(UnitPrice.amount_minor)
        .where(UnitPrice.campaign_id == Campaign.id, UnitPrice.effective_on <= on)
        .order_by(UnitPrice.effective_on.desc())
        .limit(1)
        .scalar_subquery()
    )
