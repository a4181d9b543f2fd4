"""What the provider says about money after it was paid: charges, refunds, disputes, its balance, its payouts.

Amounts are minor units of `currency` (upper case); moments are UTC. `BalanceLine` amounts are signed as the provider
signs them: what raises the balance is positive.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

RefundStatus = Literal["pending", "succeeded", "failed", "canceled"]
DisputeStatus = Literal["warning", "open", "won", "lost"]
PayoutStatus = Literal["pending", "in_transit", "paid", "failed", "canceled"]
RecurringStatus = Literal["pending", "active", "past_due", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """A refund that we ask for, from stored rows only: the idempotency key is `refund-<public_id>`."""

    public_id: UUID
    charge_id: str
    amount_minor: int
    is_fraudulent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSeen:
    """One refund as it stands now. `our_id` is our row's public id where we asked for it, None where others did.

    `pending` covers every state in which the money has left the balance and may still come back.
    """

    refund_id: str
    charge_id: str
    amount_minor: int
    currency: str
    status: RefundStatus
    created_at: datetime
    our_id: UUID | None
    failure: str | None = None  # the provider's word for why, for the log and staff, never for a donor


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeSeen:
    """One dispute as it stands now.

    `warning` is an inquiry that has moved no money; `won` may still follow `lost`, after an appeal.
    `withdrawn_minor` is what the provider holds back at this moment (0 before the withdrawal and after a
    reinstatement), `fee_minor` what it ever took for itself, `fee_returned_minor` what it gave back of that (the fee
    for answering, where the dispute is won). Both only rise, so that an older answer is told from a newer one.
    """

    dispute_id: str
    charge_id: str
    amount_minor: int
    currency: str
    status: DisputeStatus
    reason: str
    created_at: datetime
    withdrawn_minor: int
    fee_minor: int
    fee_returned_minor: int
    evidence_due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeSeen:
    """One charge with everything that came back of it, oldest first."""

    charge_id: str
    reference: UUID | None  # the checkout, where it was paid on our page
    invoice_id: str | None
    amount_minor: int
    currency: str
    is_paid: bool
    refunded_minor: int
    fee_minor: int | None
    fee_currency: str | None
    created_at: datetime
    refunds: tuple[RefundSeen, ...]
    disputes: tuple[DisputeSeen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudWarning:
    """The card's issuer suspects fraud; a dispute may follow unless the charge is refunded first."""

    warning_id: str
    charge_id: str
    is_actionable: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceLine:
    """One movement of the provider's balance: `net_minor` = `amount_minor` - `fee_minor`.

    `kind` is the provider's own word (charge, payment, refund, payment_refund, refund_failure, adjustment, payout,
    payout_failure, stripe_fee, …): the list is open, and what we do not know goes to suspense.
    """

    line_id: str
    kind: str
    source_id: str | None  # the charge, refund, dispute or payout behind it
    amount_minor: int
    fee_minor: int
    net_minor: int
    currency: str
    created_at: datetime
    available_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceSeen:
    """What the provider holds in one currency: what can be paid out, and what is still on its way there."""

    currency: str
    available_minor: int
    pending_minor: int

    @property
    def total_minor(self) -> int:
        return self.available_minor + self.pending_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutSeen:
    """The provider's transfer to the charity's bank, as it stands now."""

    payout_id: str
    amount_minor: int
    currency: str
    status: PayoutStatus
    arrives_on: date
    created_at: datetime
    bank_reference: str | None  # what the bank's statement will show, where the provider knows it
    is_automatic: bool  # only an automatic payout has a list of the lines that it pays out
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringSeen:
    """A donor's standing promise at the provider, as it stands now."""

    recurring_id: str  # the provider's id
    our_id: UUID | None
    status: RecurringStatus  # pending while its first month was refused on the page, and for good if it never begins
    amount_minor: int
    currency: str
    is_ending: bool  # cancelled, but still to run until `paid_until`
    has_failed: bool  # ended because no charge went through any more
    paid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringCharge:
    """One month of a standing promise: paid, or tried in vain. `invoice_id` is unique for each month."""

    invoice_id: str
    recurring_id: str
    our_id: UUID | None
    amount_minor: int
    currency: str
    is_paid: bool
    is_first: bool  # the one that was paid on the provider's page
    charge_id: str | None
    attempt_count: int
    next_attempt_at: datetime | None
    paid_at: datetime | None
    period_from: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedMonth:
    """Which month of which standing promise a refused payment was for. `charge_id` is the attempt that came last."""

    our_id: UUID | None
    is_first: bool  # tried on the provider's page, where a donor sits
    charge_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSeen:
    """Where the provider sends its messages for this account, as its own settings say."""

    url: str
    kinds: tuple[str, ...]  # ("*",) for all
    is_enabled: bool
    api_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSeen:
    """How the merchant account is set up at the provider."""

    account_id: str
    currency: str  # the one that it settles in
    may_charge: bool
    may_pay_out: bool
    payout_interval: str | None  # daily, weekly, monthly; "manual" has no list of what a payout pays out
    takes_cards: bool
    answered_at: datetime | None  # the provider's clock, to the second


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodsSeen:
    """Which ways of paying the provider's page offers for this account, by our names.

    `is_on`: switched on, and the account has the right to it. `lacks_right`: switched on, but the right is still missing.
    """

    is_on: frozenset[str]
    lacks_right: frozenset[str] = frozenset()
