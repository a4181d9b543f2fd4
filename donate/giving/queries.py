"""What the give page is drawn from, and what staff and organisers read of donations."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, aliased

from donate import clock
from donate.campaigns.models import Campaign
from donate.campaigns.queries import CampaignForGiving, campaign_for_giving
from donate.errors import N_, DonateError, NotFound
from donate.giving.brought import COUNTS
from donate.giving.forms import MOST_LINES, Terms
from donate.giving.models import Checkout, Donation, DonationPrivate, UnbookedMoney
from donate.giving.money_back_queries import answer
from donate.giving.refund_models import Refund, RefundNote, RefundState
from donate.ledger import cover
from donate.ledger.models import Book, MerchantAccount
from donate.money import Money
from donate.organisations.models import Organisation
from donate.payments.tariffs import Rule
from donate.people.models import User
from donate.text import InBoth


class SeveralHosts(DonateError):
    """A payment goes to one merchant account, so to one book."""

    sentence = N_("One payment can hold donations to campaigns of one charity only. Please give to them one by one.")


class TooManyCampaigns(DonateError):
    sentence = N_("One payment can hold donations to %(most)s campaigns at most.")


class PaymentsNotSetUp(DonateError):
    sentence = N_("Donations to “%(title)s” cannot be taken yet: its host has not set up payments.")
    status = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeShown:
    """What a way of paying keeps of an amount, said before anybody pays."""

    method: str
    rule: Rule
    amount_minor: int
    fee_minor: int

    @property
    def rate_percent(self) -> str:
        """The rule's rate as it is read: `0.6`, `2.9`."""
        return f"{self.rule.rate // 100}.{self.rule.rate % 100:02d}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class GivePage:
    """Everything that the give page says before somebody types."""

    campaigns: tuple[CampaignForGiving, ...]
    merchant_account_id: int
    terms: Terms
    cover_minor: int

    @property
    def campaign(self) -> CampaignForGiving:
        """The one that the page is about; its price is what meals are counted by."""
        return self.campaigns[0]

    @property
    def refs(self) -> tuple[str, ...]:
        return tuple(campaign.ref for campaign in self.campaigns)

    @property
    def meal_counts(self) -> tuple[int, ...]:
        """Amounts named as meals, the same as on the campaign's page."""
        return self.terms.offered(self.campaign.unit_price_minor)

    def fees(self, amount_minor: int | None) -> tuple[FeeShown, ...]:
        """The fee of each way for an amount, or for five meals while none is chosen."""
        shown = amount_minor or 5 * self.campaign.unit_price_minor
        return tuple(
            FeeShown(
                method=method,
                rule=self.terms.rule(method),
                amount_minor=max(shown, self.terms.rule(method).minimum_minor),
                fee_minor=self.terms.rule(method).fee(max(shown, self.terms.rule(method).minimum_minor)),
            )
            for method in self.terms.methods
        )

    def is_fee_covered(self, fees: Sequence[FeeShown]) -> bool:
        """Whether the fee-cover fund could pay any of these today."""
        return self.cover_minor >= max(fee.fee_minor for fee in fees) > 0


def give_page(session: Session, refs: Sequence[str]) -> GivePage:
    """The page for these campaigns, open for donations or not.

    Raises NotFound, TooManyCampaigns, SeveralHosts, PaymentsNotSetUp.
    """
    wanted = tuple(dict.fromkeys(refs))
    if len(wanted) > MOST_LINES:
        raise TooManyCampaigns(most=MOST_LINES)
    on = _today_of(session, wanted[0])
    campaigns = tuple(campaign_for_giving(session, ref, on) for ref in wanted)
    first = campaigns[0]
    if any(campaign.book_id != first.book_id for campaign in campaigns):
        raise SeveralHosts
    merchant = session.scalars(
        select(MerchantAccount).where(MerchantAccount.book_id == first.book_id).order_by(MerchantAccount.id).limit(1)
    ).one_or_none()
    terms = Terms(currency=first.currency, tariff=merchant.tariff, on=on) if merchant else None
    if merchant is None or terms is None or not terms.methods:
        raise PaymentsNotSetUp(title=InBoth(first.title_zh, first.title_en))
    return GivePage(
        campaigns=campaigns,
        merchant_account_id=merchant.id,
        terms=terms,
        cover_minor=cover.numbered(session, first.book_id),
    )


def _today_of(session: Session, ref: str) -> date:
    time_zone = session.scalar(
        select(Book.time_zone).join(Campaign, Campaign.book_id == Book.id).where(Campaign.ref == ref)
    )
    if time_zone is None:
        raise NotFound
    return clock.today(time_zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A donor's words to the organiser of a campaign; nobody else reads them."""

    campaign_ref: str
    title_zh: str
    title_en: str
    name: str | None
    words: str
    paid_at: datetime
    time_zone: str


def messages(session: Session, organisations: Collection[str], *, most: int = 100) -> list[Message]:
    """Words of donors whose money arrived, to campaigns that one of `organisations` runs or hosts; newest first."""
    host, partner = aliased(Organisation), aliased(Organisation)
    rows = session.execute(
        select(DonationPrivate, Campaign, Checkout.paid_at, Book.time_zone)
        .join(Donation, Donation.id == DonationPrivate.donation_id)
        .join(Checkout, Checkout.id == Donation.checkout_id)
        .join(Book, Book.id == Checkout.book_id)
        .join(Campaign, Campaign.ref == Donation.campaign_ref)
        .join(host, host.id == Campaign.host_id)
        .join(partner, partner.id == Campaign.partner_id)
        .where(
            or_(host.ref.in_(organisations), partner.ref.in_(organisations)),
            DonationPrivate.message.is_not(None),
            Checkout.booked_as.in_(COUNTS),
        )
        .order_by(Donation.id.desc())
        .limit(most)
    )
    return [
        Message(
            campaign_ref=campaign.ref,
            title_zh=campaign.title_zh,
            title_en=campaign.title_en,
            name=private.name,
            words=private.message or "",
            paid_at=paid_at,
            time_zone=time_zone,
        )
        for private, campaign, paid_at, time_zone in rows
        if paid_at is not None
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingMoney:
    """Money at the provider that is not as agreed; explained once a person said what became of it."""

    id: int
    merchant: str
    session_id: str
    amount_minor: int
    currency: str
    agreed_minor: int | None
    agreed_currency: str | None
    is_in_suspense: bool
    seen_at: datetime
    checkout: UUID | None
    charge_id: str | None
    fee_minor: int | None
    explained_at: datetime | None
    explained_by_name: str | None
    explanation: str | None
    outcome: str | None

    @property
    def fee(self) -> str | None:
        return None if self.fee_minor is None else _plain(self.fee_minor, self.currency)

    @property
    def amount(self) -> str:
        """In its own currency, which need not be one that we keep books in."""
        return _plain(self.amount_minor, self.currency)

    @property
    def agreed(self) -> str | None:
        if self.agreed_minor is None or self.agreed_currency is None:
            return None
        return _plain(self.agreed_minor, self.agreed_currency)


def standing_money(session: Session, *, most: int = 100) -> list[StandingMoney]:
    """What staff must look into, oldest first."""
    query = _money().where(UnbookedMoney.explained_at.is_(None)).order_by(UnbookedMoney.id).limit(most)
    return _read_money(session, query)


def explained_money(session: Session, *, most: int = 50) -> list[StandingMoney]:
    """What staff explained, newest first."""
    query = _money().where(UnbookedMoney.explained_at.is_not(None)).order_by(UnbookedMoney.explained_at.desc())
    return _read_money(session, query.limit(most))


def money_by_id(session: Session, unbooked_id: int) -> StandingMoney:
    """One row, explained or not. Raises NotFound."""
    found = _read_money(session, _money().where(UnbookedMoney.id == unbooked_id))
    if not found:
        raise NotFound
    return found[0]


def _money() -> Select[*tuple[Any, ...]]:
    return (
        select(UnbookedMoney, MerchantAccount.ref, Checkout, User.name)
        .join(MerchantAccount, MerchantAccount.id == UnbookedMoney.merchant_account_id)
        .outerjoin(Checkout, Checkout.id == UnbookedMoney.checkout_id)
        .outerjoin(User, User.id == UnbookedMoney.explained_by)
    )


def _read_money(session: Session, query: Select[*tuple[Any, ...]]) -> list[StandingMoney]:
    rows: Iterable[tuple[Any, ...]] = session.execute(query)
    return [_standing(*row) for row in rows]


def _standing(money: UnbookedMoney, merchant: str, checkout: Checkout | None, name: str | None) -> StandingMoney:
    own = checkout if money.is_own else None
    return StandingMoney(
        id=money.id,
        merchant=merchant,
        session_id=money.session_id,
        amount_minor=money.amount_minor,
        currency=money.currency,
        agreed_minor=checkout.amount_minor if checkout else None,
        agreed_currency=checkout.currency if checkout else None,
        is_in_suspense=money.is_in_suspense,
        seen_at=money.seen_at,
        checkout=own.public_id if own else None,
        charge_id=own.charge_id if own else money.charge_id,
        fee_minor=own.fee_minor if own else money.fee_minor,
        explained_at=money.explained_at,
        explained_by_name=name,
        explanation=money.explanation,
        outcome=money.outcome,
    )


def _plain(minor: int, currency: str) -> str:
    try:
        return f"{Money(minor, currency).plain} {currency}"
    except DonateError:
        return f"{minor} {currency}"


@dataclass(frozen=True, slots=True)
class MoneyRefund:
    """A refund of money that was not as agreed, in its own currency. `answer` says why it was refused or came back,
    `note` what staff wrote when they asked for it."""

    amount: str
    state: RefundState
    requested_at: datetime
    answer: str | None
    note: str | None


def refunds_of_money(session: Session, unbooked_id: int) -> list[MoneyRefund]:
    """What was sent back of one sum, oldest first."""
    money = session.get_one(UnbookedMoney, unbooked_id)
    of_it = Refund.checkout_id == money.checkout_id if money.is_own else Refund.unbooked_id == unbooked_id
    rows = session.execute(
        select(Refund, RefundNote.note)
        .outerjoin(RefundNote, RefundNote.refund_id == Refund.id)
        .where(of_it)
        .order_by(Refund.id)
    )
    return [
        MoneyRefund(
            _plain(refund.amount_minor, money.currency),
            RefundState(refund.state),
            refund.requested_at,
            answer(refund),
            note,
        )
        for refund, note in rows
    ]
