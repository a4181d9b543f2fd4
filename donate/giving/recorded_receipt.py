"""The receipt of a recorded donation, behind its own secret link."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from donate.campaigns.lifecycle import PUBLIC
from donate.campaigns.queries import CampaignForGiving, campaign_for_giving
from donate.errors import NotFound
from donate.giving.chinese_amount import chinese_amount
from donate.giving.official_queries import receipt_number
from donate.giving.recorded_models import Channel, RecordedDonation, RecordedPrivate, RecordedState
from donate.giving.recorded_refund_queries import SentBack, stands
from donate.ledger.models import Book, Entry, ReceiptNumber
from donate.money import Money
from donate.publiclog.models import LogLeaf
from donate.qr import short_hash_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedReceipt:
    """A booked recorded donation as its donor may show it to others. Numbered once it is in the public log."""

    secret: str
    campaign: CampaignForGiving
    campaign_is_public: bool
    channel: Channel
    amount_minor: int
    currency: str
    received_on: date
    name: str | None
    name_is_public: bool
    is_reversed: bool
    sent_back: list[SentBack]  # what went back to the donor and stands
    log_index: int | None
    reversal_index: int | None
    leaf_hash: bytes | None
    number: str | None

    @property
    def refunded_minor(self) -> int:
        return sum(one.amount_minor for one in self.sent_back)

    @property
    def is_void(self) -> bool:
        """Whether nothing of it is given any more."""
        return self.is_reversed or self.refunded_minor >= self.amount_minor

    @property
    def chinese_amount(self) -> str | None:
        return chinese_amount(Money(self.amount_minor, self.currency))

    @property
    def meal_count(self) -> int:
        """Whole meals that the donation pays for."""
        return self.amount_minor // self.campaign.unit_price_minor

    @property
    def short_hash(self) -> str | None:
        return None if self.leaf_hash is None else short_hash_of(self.leaf_hash)


def recorded_receipt_page(session: Session, secret: str) -> RecordedReceipt:
    """The receipt behind a secret link; a reversed one says so. Raises NotFound, also before it is booked."""
    if "\x00" in secret:
        raise NotFound
    reversal, reversal_leaf = aliased(Entry), aliased(LogLeaf)
    row = session.execute(
        select(
            RecordedDonation,
            Book.currency,
            RecordedPrivate.name,
            LogLeaf.log_index,
            LogLeaf.leaf_hash,
            ReceiptNumber.year,
            ReceiptNumber.number,
            reversal_leaf.log_index,
        )
        .join(Book, Book.id == RecordedDonation.book_id)
        .outerjoin(RecordedPrivate, RecordedPrivate.recorded_id == RecordedDonation.id)
        .outerjoin(LogLeaf, LogLeaf.entry_id == RecordedDonation.entry_id)
        .outerjoin(ReceiptNumber, ReceiptNumber.entry_id == RecordedDonation.entry_id)
        .outerjoin(reversal, reversal.reverses == RecordedDonation.entry_id)
        .outerjoin(reversal_leaf, reversal_leaf.entry_id == reversal.id)
        .where(RecordedDonation.secret == secret, RecordedDonation.entry_id.is_not(None))
    ).one_or_none()
    if row is None:
        raise NotFound
    recorded, currency, name, log_index, leaf_hash, year, number, reversal_index = row
    campaign = campaign_for_giving(session, recorded.campaign_ref, recorded.received_on, also_hidden=True)
    return RecordedReceipt(
        secret=secret,
        campaign=campaign,
        campaign_is_public=campaign.state in PUBLIC,
        channel=Channel(recorded.channel),
        amount_minor=recorded.amount_minor,
        currency=currency,
        received_on=recorded.received_on,
        name=name,
        name_is_public=recorded.name_is_public,
        is_reversed=recorded.state == RecordedState.REVERSED,
        sent_back=stands(session, recorded.id),
        log_index=log_index,
        reversal_index=reversal_index,
        leaf_hash=leaf_hash,
        number=receipt_number(year, number),
    )
