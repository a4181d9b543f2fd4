"""What the campaign page shows of giving: who gave by name, each day's total, and what may be given."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.campaigns.campaign_page import CampaignPage
from donate.giving.forms import Terms
from donate.giving.recorded_models import Channel
from donate.tlog.counting import DONATIONS

NAMED = 6
DAYS = 3
LOOK_BACK_DAYS = 60
# How many of the newest named donations are looked through for ones that were paid and numbered.
NAMED_CANDIDATES = 60


@dataclass(frozen=True, slots=True)
class NamedDonation:
    """A donation whose donor agreed that their name is shown."""

    name: str
    amount_minor: int
    day: date
    channel: Channel | None = None  # of a recorded donation


@dataclass(frozen=True, slots=True)
class DayLine:
    """Everything else that was given on a day, as one line: here, or recorded as it came by its channels."""

    day: date
    donation_count: int
    amount_minor: int
    channels: tuple[Channel, ...] | None = None  # none: given on these pages

    @property
    def is_recorded(self) -> bool:
        return self.channels is not None


@dataclass(frozen=True, slots=True)
class RecentDonations:
    named: tuple[NamedDonation, ...]
    others: tuple[DayLine, ...]


# Candidates first: however many named checkouts were never paid, a bounded number of rows is looked at. What was reversed
# stands in its day's total for ever, the reversal under a reason of its own; here it is taken away again, and so is what
# was refunded, sent back from the bank or lost to a donor's bank. Reversals are few and have an index to themselves;
# refunds are few.
_RECENT = text(
    """
    WITH gone AS MATERIALIZED (
      SELECT donation.id AS donation_id, donation.public_id, sum(part.amount_minor)::bigint AS amount_minor
      FROM (SELECT donation_id, refund_part.amount_minor FROM refund_part
            JOIN refund ON refund.id = refund_part.refund_id AND refund.state IN ('pending', 'succeeded')
            UNION ALL
            SELECT donation_id, dispute_part.amount_minor FROM dispute_part
            JOIN dispute ON dispute.id = dispute_part.dispute_id AND dispute.state = 'lost') AS part
      JOIN donation ON donation.id = part.donation_id AND donation.campaign_ref = :campaign
      GROUP BY donation.id),
    sent_back AS MATERIALIZED (
      SELECT recorded.id AS recorded_id, recorded.entry_id, recorded.amount_minor AS given_minor,
             sum(refund.amount_minor)::bigint AS amount_minor
      FROM recorded_refund refund
      JOIN recorded_donation recorded ON recorded.id = refund.recorded_id AND recorded.campaign_ref = :campaign
      WHERE refund.book_id = :book_id AND refund.state = 'booked'
      GROUP BY recorded.id)
    (SELECT donation_private.name, brought.amount_minor - coalesce(gone.amount_minor, 0), log_leaf.day,
            CAST(NULL AS bigint), CAST(NULL AS text[])
     FROM (SELECT id, public_id FROM donation
           WHERE campaign_ref = :campaign AND name_is_public
           ORDER BY id DESC LIMIT :candidates) AS newest
     JOIN donation_private ON donation_private.donation_id = newest.id
     JOIN entry ON entry.book_id = :book_id
       AND entry.idempotency_key IN ('donation:' || newest.public_id, 'cleared:' || newest.public_id)
     JOIN log_leaf ON log_leaf.entry_id = entry.id
     CROSS JOIN LATERAL (SELECT sum(transfer.amount_minor)::bigint AS amount_minor
                         FROM transfer WHERE transfer.entry_id = entry.id) AS brought
     LEFT JOIN gone ON gone.donation_id = newest.id
     WHERE donation_private.name IS NOT NULL AND brought.amount_minor > coalesce(gone.amount_minor, 0)
       AND NOT EXISTS (SELECT FROM entry AS reversal WHERE reversal.reverses = entry.id)
     ORDER BY newest.id DESC LIMIT :named)
    UNION ALL
    (SELECT recorded_private.name, newest.amount_minor - coalesce(sent_back.amount_minor, 0), log_leaf.day, NULL,
            ARRAY[newest.channel]
     FROM (SELECT id, entry_id, amount_minor, channel FROM recorded_donation
           WHERE campaign_ref = :campaign AND name_is_public AND state = 'confirmed'
           ORDER BY id DESC LIMIT :candidates) AS newest
     JOIN recorded_private ON recorded_private.recorded_id = newest.id
     JOIN log_leaf ON log_leaf.entry_id = newest.entry_id
     LEFT JOIN sent_back ON sent_back.recorded_id = newest.id
     WHERE newest.amount_minor > coalesce(sent_back.amount_minor, 0)
     ORDER BY newest.id DESC LIMIT :named)
    UNION ALL
    (SELECT NULL, sum(amount_minor)::bigint, day, sum(entry_count)::bigint,
            CASE WHEN is_recorded THEN ARRAY(
              SELECT channel FROM unnest(ARRAY['bank_transfer', 'cash', 'platform']) AS channel
              WHERE EXISTS (SELECT FROM recorded_donation came
                            WHERE came.campaign_ref = :campaign AND came.received_on = given.day
                              AND came.channel = channel.channel AND came.state = 'confirmed'
                              AND NOT came.name_is_public)) END
     FROM (SELECT day, amount_minor, entry_count, reason = 'recorded_donation' AS is_recorded
           FROM day_total
           WHERE book_id = :book_id AND campaign = :campaign AND reason = ANY(:reasons) AND day > :since
           UNION ALL
           SELECT log_leaf.day, -(SELECT sum(amount_minor) FROM transfer WHERE transfer.entry_id = undone.id), -1,
                  undone.reason = 'recorded_donation'
           FROM entry AS reversal
           JOIN entry AS undone ON undone.id = reversal.reverses
           JOIN log_leaf ON log_leaf.entry_id = undone.id
           WHERE reversal.reverses IS NOT NULL AND reversal.book_id = :book_id AND undone.campaign = :campaign
             AND undone.reason = ANY(:reasons) AND log_leaf.day > :since
           UNION ALL
           SELECT log_leaf.day, -gone.amount_minor,
                  CASE WHEN gone.amount_minor >= (SELECT sum(amount_minor) FROM transfer
                                                  WHERE transfer.entry_id = entry.id) THEN -1 ELSE 0 END, false
           FROM gone
           JOIN entry ON entry.book_id = :book_id
             AND entry.idempotency_key IN ('donation:' || gone.public_id, 'cleared:' || gone.public_id)
           JOIN log_leaf ON log_leaf.entry_id = entry.id
           WHERE log_leaf.day > :since
           UNION ALL
           SELECT log_leaf.day, -sent_back.amount_minor,
                  CASE WHEN sent_back.amount_minor >= sent_back.given_minor THEN -1 ELSE 0 END, true
           FROM sent_back JOIN log_leaf ON log_leaf.entry_id = sent_back.entry_id
           WHERE log_leaf.day > :since) AS given
     GROUP BY day, is_recorded HAVING sum(entry_count) > 0 ORDER BY day DESC, is_recorded LIMIT :days)
    """
)


def recent_donations(session: Session, book_id: int, campaign_ref: str, on: date) -> RecentDonations:
    """The newest named donations, and what else came in on the last days. Numbered entries only.

    One statement, whose cost does not grow with the number of donations. Days, not times of day: an unnamed
    donation must not be told by its moment.
    """
    facts = {
        "book_id": book_id,
        "campaign": campaign_ref,
        "candidates": NAMED_CANDIDATES,
        "named": NAMED,
        "reasons": sorted(DONATIONS),
        "since": on - timedelta(days=LOOK_BACK_DAYS),
        "days": DAYS,
    }
    named: list[NamedDonation] = []
    days: list[DayLine] = []
    rows: Sequence[Sequence[Any]] = session.execute(_RECENT, facts).all()
    for name, amount_minor, day, count, codes in rows:
        channels = tuple(Channel(code) for code in codes or ())
        if name is None:
            days.append(DayLine(day, count, amount_minor, None if codes is None else channels))
        else:
            named.append(NamedDonation(name, amount_minor, day, channels[0] if channels else None))
    named.sort(key=lambda donation: donation.day, reverse=True)
    named = named[:NAMED]
    return RecentDonations(tuple(named), _without(days, named))


def _without(days: Sequence[DayLine], named: Sequence[NamedDonation]) -> tuple[DayLine, ...]:
    """What a day holds beside the donations that stand on the page by name."""
    others = []
    for line in days:
        shown = [
            donation.amount_minor
            for donation in named
            if donation.day == line.day and (donation.channel is not None) == line.is_recorded
        ]
        rest = replace(
            line, donation_count=line.donation_count - len(shown), amount_minor=line.amount_minor - sum(shown)
        )
        if rest.donation_count > 0 and rest.amount_minor > 0:
            others.append(rest)
    return tuple(others)


@dataclass(frozen=True, slots=True)
class Offer:
    """What the form on the campaign page offers."""

    counts: tuple[int, ...]  # units
    least_minor: int


def offer(page: CampaignPage) -> Offer | None:
    """The amounts that the form offers; None where nothing can be paid at all."""
    if page.tariff is None or page.giving.closed_reason is not None:
        return None
    terms = Terms(currency=page.figures.currency, tariff=page.tariff, on=page.on)
    if not terms.methods:
        return None
    return Offer(terms.offered(page.figures.price_minor), terms.minimum_minor)
