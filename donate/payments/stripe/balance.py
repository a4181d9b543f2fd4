"""The provider's balance: its lines, its payouts, what it holds."""

from datetime import UTC, datetime

import stripe

from donate.payments.facts import BalanceLine, BalanceSeen, PayoutSeen, PayoutStatus
from donate.payments.gateway import ProviderRefused
from donate.payments.stripe.words import id_of, moment

_PAYOUT_STATUS: dict[str, PayoutStatus] = {
    "pending": "pending",
    "in_transit": "in_transit",
    "paid": "paid",
    "failed": "failed",
    "canceled": "canceled",
}


def balance_line(line: stripe.BalanceTransaction) -> BalanceLine:
    return BalanceLine(
        line_id=line.id,
        kind=line.type,
        source_id=id_of(line.source),
        amount_minor=line.amount,
        fee_minor=line.fee,
        net_minor=line.net,
        currency=line.currency.upper(),
        created_at=moment(line.created),
        available_at=moment(line.available_on),
    )


def balances_seen(balance: stripe.Balance) -> tuple[BalanceSeen, ...]:
    """One for each currency that has an amount in either state."""
    available = {part.currency.upper(): part.amount for part in balance.available}
    pending = {part.currency.upper(): part.amount for part in balance.pending}
    return tuple(
        BalanceSeen(
            currency=currency,
            available_minor=available.get(currency, 0),
            pending_minor=pending.get(currency, 0),
        )
        for currency in sorted(available | pending)
    )


def payout_seen(payout: stripe.Payout) -> PayoutSeen:
    status = _PAYOUT_STATUS.get(payout.status)
    if status is None:
        raise ProviderRefused(code="payout_unreadable")
    return PayoutSeen(
        payout_id=payout.id,
        amount_minor=payout.amount,
        currency=payout.currency.upper(),
        status=status,
        arrives_on=datetime.fromtimestamp(payout.arrival_date, UTC).date(),  # midnight UTC of that day
        created_at=moment(payout.created),
        bank_reference=(payout.trace_id.value if payout.trace_id else None) or payout.statement_descriptor,
        is_automatic=payout.automatic,
        failure=payout.failure_code,
    )
