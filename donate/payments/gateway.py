"""Our own words for what a payment provider does. No other word of the provider's crosses this border."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

from donate.errors import N_, DonateError
from donate.payments.facts import (
    AccountSeen,
    BalanceLine,
    BalanceSeen,
    ChargeSeen,
    DisputeSeen,
    EndpointSeen,
    FraudWarning,
    MethodsSeen,
    PayoutSeen,
    RecurringCharge,
    RecurringSeen,
    RefundRequest,
    RefundSeen,
    RefusedMonth,
)

# A session must live 30 minutes at least, counted by the provider when the request arrives. One minute is for the
# way there, so that `expires_at` can be fixed in our row before the request (a retry must send the very same).
SESSION_LIFETIME = timedelta(minutes=31)

CheckoutStatus = Literal["open", "processing", "paid", "expired", "failed"]


class ProviderUnavailable(DonateError):
    """Not reached, too slow, too busy or broken on their side. Nothing is known to have happened; a retry is safe."""

    sentence = N_(
        "The payment provider does not answer at the moment. Please try again in a minute; nothing is charged twice."
    )
    status = 503


class ProviderRefused(DonateError):
    """The provider understood the request and said no. `code` is for the log, never for a donor."""

    sentence = N_("The payment provider refused this request.")
    status = 502


class AmountRefused(ProviderRefused):
    sentence = N_("The payment provider does not take this amount. Please choose another one.")
    status = 422
    field = "amount"


class ProviderKeyRefused(ProviderRefused):
    """The key is wrong, revoked or lacks a right: an operator must act."""

    sentence = N_("Payments are not set up correctly here. The operator has to look into it.")
    status = 503


class SameKeyOtherRequest(ProviderRefused):
    """The idempotency key was used before with other content: our row and the request disagree."""

    sentence = N_("This payment was already started with other details. Please start a new one.")
    status = 409


class NoSuchSession(ProviderRefused):
    sentence = N_("The payment provider does not know this payment.")
    status = 404


class RefundRefused(ProviderRefused):
    """The provider will not send this money back; `code` says why, for staff."""

    sentence = N_("The payment provider refused this refund.")
    status = 409


class BadSignature(DonateError):
    sentence = N_("The message is not signed by the provider.")
    status = 400


class StaleSignature(BadSignature):
    sentence = N_("The message was signed too long ago or in the future.")


class UnreadableEvent(DonateError):
    sentence = N_("The message is signed, but it is not an event that can be read.")
    status = 400


class WrongMode(DonateError):
    sentence = N_("The message belongs to the other mode: test and live money are never mixed.")
    status = 400


class OtherAccountsEvent(DonateError):
    sentence = N_("The message belongs to another merchant account.")
    status = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantRef:
    """A host's account at the provider, as the rows of the ledger name it.

    `provider` is "stripe" or "sandbox"; `tariff` is one of donate.payments.tariffs.TARIFFS.
    """

    ref: str
    provider: str
    livemode: bool
    tariff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One donation on the provider's page. `reference` is the donation's public id."""

    name: str
    amount_minor: int
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """Everything that the provider is asked for. Derived from stored rows only, so that a retry is equal byte for byte."""

    merchant: MerchantRef
    checkout_public_id: UUID
    currency: str
    lines: tuple[Line, ...]
    locale: str
    success_url: str
    cancel_url: str
    methods: tuple[str, ...]
    expires_at: datetime
    email: str | None = None
    # Our row's public id where the donor promises the same amount every month: what is paid is the first of them.
    recurring: UUID | None = None

    @property
    def amount_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession:
    """The provider's page is ready; the donor is sent to `url`."""

    session_id: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCheckout:
    """What the provider says about one session now.

    `fee_minor` is None until the provider has settled on it, and stays None when it is in another currency
    (then read_charge_fee tells both). `charge_id` is None before a charge, and when this was read from an event.
    """

    session_id: str
    status: CheckoutStatus
    amount_minor: int
    currency: str
    charge_id: str | None
    fee_minor: int | None
    paid_at: datetime | None
    reference: UUID | None
    method: str | None = None
    recurring_id: str | None = None  # the standing promise that this payment began, once it was paid
    awaits_donor: bool = False  # who has begun to pay and is to confirm it elsewhere: in a wallet, at their bank


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeFee:
    """The provider's own account of one charge. `fee_minor` is None while it is not known yet."""

    charge_id: str
    reference: UUID | None
    amount_minor: int
    currency: str
    fee_minor: int | None
    fee_currency: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A verified message. `reference` is the checkout that it is about, where the message names one."""

    id: str
    kind: str
    livemode: bool
    api_version: str
    created_at: datetime
    object_id: str
    object: Mapping[str, Any]
    reference: UUID | None


class Gateway(Protocol):
    """One merchant account's way to its provider.

    Every call but `verify` and `checkout_in` goes over the network: never call one in a transaction.
    """

    def open_session(self, request: SessionRequest) -> OpenedSession:
        """Open a hosted payment page; asking again for the same checkout gives the same one."""
        ...

    def read_session(self, session_id: str) -> ProviderCheckout:
        """The session as it stands now, with charge and fee where they are known."""
        ...

    def close_session(self, session_id: str) -> None:
        """Let nobody pay on this page any more. Raises ProviderRefused when it is over already."""
        ...

    def read_charge_fee(self, charge_id: str) -> ChargeFee:
        """What the provider kept of one charge, where it is known."""
        ...

    def verify(self, body: bytes, signature: str) -> Event:
        """The event in a raw message. Raises BadSignature, UnreadableEvent, WrongMode, OtherAccountsEvent."""
        ...

    def checkout_in(self, event: Event) -> ProviderCheckout | None:
        """What a verified event itself says about a session, without asking; None when it is about something else."""
        ...

    def read_recurring(self, recurring_id: str) -> RecurringSeen:
        """The standing promise as it stands now."""
        ...

    def cancel_recurring(self, recurring_id: str, our_id: UUID) -> RecurringSeen:
        """End it at once: nothing is charged any more. One that has ended already is no error."""
        ...

    def read_recurring_charge(self, invoice_id: str) -> RecurringCharge:
        """One month of a standing promise as it stands now."""
        ...

    def read_refused_month(self, *, intent_id: str | None = None, invoice_id: str | None = None) -> RefusedMonth | None:
        """What a refused payment was for, by its intent or its invoice; None where it was for no standing promise."""
        ...

    def recurring_charges(self, recurring_id: str, since: datetime) -> Iterator[RecurringCharge]:
        """The months of a promise whose charge was begun at `since` or later, oldest first."""
        ...

    def refund(self, request: RefundRequest) -> RefundSeen:
        """Send money back to the instrument that paid; asking again for the same row is the same refund.

        Raises RefundRefused when the provider says no: more than is left, disputed, too old.
        """
        ...

    def read_refund(self, refund_id: str) -> RefundSeen:
        """The refund as it stands now."""
        ...

    def read_charge(self, charge_id: str) -> ChargeSeen:
        """The charge with all its refunds and disputes as they stand now, oldest first."""
        ...

    def read_dispute(self, dispute_id: str) -> DisputeSeen:
        """The dispute as it stands now."""
        ...

    def read_fraud_warning(self, warning_id: str) -> FraudWarning:
        """The warning, and which charge it is about."""
        ...

    def read_payout(self, payout_id: str) -> PayoutSeen:
        """The payout as it stands now."""
        ...

    def payouts_since(self, moment: datetime) -> Iterator[PayoutSeen]:
        """Payouts created at `moment` or later, oldest first."""
        ...

    def payout_lines(self, payout_id: str) -> Iterator[BalanceLine]:
        """What one automatic payout pays out, the payout's own line included."""
        ...

    def balance(self) -> tuple[BalanceSeen, ...]:
        """What the provider holds now, by currency."""
        ...

    def balance_lines_since(self, moment: datetime) -> Iterator[BalanceLine]:
        """Movements of the balance created at `moment` or later, oldest first."""
        ...

    def events_since(self, moment: datetime, *, kinds: tuple[str, ...], undelivered: bool = False) -> Iterator[bytes]:
        """Messages created at `moment` or later, oldest first, as bodies that the inbox can store.

        The provider keeps them for 30 days. With `undelivered` only those that no endpoint has taken; what happened
        while every endpoint was switched off was never sent and is not among those, so ask for all after that.
        """
        ...

    def read_account(self) -> AccountSeen:
        """How the account is set up. Raises ProviderKeyRefused also where the key may not read it."""
        ...

    def read_endpoints(self) -> tuple[EndpointSeen, ...]:
        """Where the account's messages go."""
        ...

    def read_methods(self) -> MethodsSeen:
        """Which ways of paying a page offers that names none but those which we know."""
        ...
