"""How the merchant account itself is set up at the provider: read by whoever looks for what is missing."""

from datetime import datetime
from email.utils import parsedate_to_datetime

import stripe

from donate.payments.facts import AccountSeen, EndpointSeen, MethodsSeen
from donate.payments.stripe.words import in_our_words
from donate.payments.tariffs import METHODS

_PAGE = 100


class AccountCalls:
    """The part of a Gateway that knows the account's own settings."""

    _client: stripe.StripeClient

    def read_account(self) -> AccountSeen:
        with in_our_words():
            account = self._client.v1.accounts.retrieve_current()
        payouts = account.settings.payouts if account.settings else None
        return AccountSeen(
            account_id=account.id,
            currency=(account.default_currency or "").upper(),
            may_charge=bool(account.charges_enabled),
            may_pay_out=bool(account.payouts_enabled),
            payout_interval=payouts.schedule.interval if payouts else None,
            takes_cards=account.capabilities is not None and account.capabilities.card_payments == "active",
            answered_at=_answered_at(account),
        )

    def read_endpoints(self) -> tuple[EndpointSeen, ...]:
        with in_our_words():
            page = self._client.v1.webhook_endpoints.list({"limit": _PAGE})
            found = list(page.auto_paging_iter())
        return tuple(
            EndpointSeen(
                url=endpoint.url,
                kinds=tuple(endpoint.enabled_events),
                is_enabled=endpoint.status == "enabled",
                api_version=endpoint.api_version,
            )
            for endpoint in found
        )

    def read_methods(self) -> MethodsSeen:
        """By the account's default configuration of payment methods, which a session uses that names no other."""
        with in_our_words():
            page = self._client.v1.payment_method_configurations.list({"limit": _PAGE})
            found = [one for one in page.auto_paging_iter() if one.is_default and one.active and not one.application]
        shown = {name: method for one in found for name in METHODS if (method := getattr(one, name, None)) is not None}
        wanted = {name for name, method in shown.items() if method.display_preference.value == "on"}
        is_on = frozenset(name for name in wanted if shown[name].available)
        return MethodsSeen(is_on=is_on, lacks_right=frozenset(wanted - is_on))


def _answered_at(account: stripe.Account) -> datetime | None:
    """The provider's clock, as its answer's Date header has it: whole seconds."""
    answer = account.last_response
    date = answer.headers.get("date") if answer is not None else None
    try:
        return parsedate_to_datetime(date) if date else None
    except ValueError:
        return None
