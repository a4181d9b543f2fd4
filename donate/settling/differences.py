"""Every way in which the provider and our books can disagree, each with its sentence and the query that finds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import cast

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_

# What is booked may wait for its balance line so long: the provider writes some of them in batches.
LINE_PATIENCE = timedelta(days=3)


class Difference(StrEnum):
    """What differs. `sentence` is what everybody reads; `is_repairable`: `--repair` puts it right by new entries."""

    BALANCE_DIFFERS = "balance_differs"
    CLEARING_DIFFERS = "clearing_differs"
    PROVIDER_SILENT = "provider_silent"
    LINE_WAITS = "line_waits"
    LINE_UNEXPLAINED = "line_unexplained"
    LINE_KNOWN_NOW = "line_known_now"
    AMOUNT_DIFFERS = "amount_differs"
    FEE_DIFFERS = "fee_differs"
    NO_LINE = "no_line"
    SETTLEMENT_DIFFERS = "settlement_differs"
    SETTLEMENT_WITHOUT_LINES = "settlement_without_lines"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]

    @property
    def is_repairable(self) -> bool:
        return self is Difference.LINE_KNOWN_NOW


_SENTENCES = {
    Difference.BALANCE_DIFFERS: N_("The provider’s balance is not the sum of its balance lines that we know."),
    Difference.CLEARING_DIFFERS: N_("Our books say another amount at the provider than the provider itself."),
    Difference.PROVIDER_SILENT: N_("The provider did not answer; this account was not compared to the end."),
    Difference.LINE_WAITS: N_("A balance line waits for the message that says what it is."),
    Difference.LINE_UNEXPLAINED: N_("A movement of the balance is none of ours; it stands until somebody explains it."),
    Difference.LINE_KNOWN_NOW: N_("A balance line was put in suspense, and its owner is known now."),
    Difference.AMOUNT_DIFFERS: N_("The provider’s line has another amount than the payment that we booked."),
    Difference.FEE_DIFFERS: N_("The provider’s line has another fee than the one that we booked."),
    Difference.NO_LINE: N_("Booked more than three days ago, and still without a balance line at the provider."),
    Difference.SETTLEMENT_DIFFERS: N_("The lines of a settlement do not sum to its amount."),
    Difference.SETTLEMENT_WITHOUT_LINES: N_(
        "A settlement was asked for by hand, so the provider does not say which payments it contains."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One difference. `subject` is the provider's id or our opaque reference."""

    merchant_id: int
    kind: Difference
    subject: str
    ours_minor: int | None
    theirs_minor: int | None
    currency: str


def find(session: Session, merchant_ids: Sequence[int]) -> list[Found]:
    """All differences that the database alone can show, for these merchant accounts."""
    facts: dict[str, object] = {"merchants": list(merchant_ids), "before": _before()}
    found = []
    for kind, query in _QUERIES:
        statement = text(query)
        bound = {name: value for name, value in facts.items() if name in statement.compile().params}
        rows = cast("Sequence[tuple[int, str, int | None, int | None, str]]", session.execute(statement, bound).all())
        found += [
            Found(
                merchant_id=merchant_id,
                kind=kind,
                subject=subject,
                ours_minor=None if ours is None else int(ours),
                theirs_minor=None if theirs is None else int(theirs),
                currency=currency,
            )
            for merchant_id, subject, ours, theirs, currency in rows
        ]
    return found


def _before() -> datetime:
    return clock.now() - LINE_PATIENCE


# merchant account, subject, ours, theirs, currency
# A line that staff explained away is no line of what is booked: both would stand in the books. One that still waits or
# stands unexplained is named by itself.
_QUERIES = (
    (
        Difference.BALANCE_DIFFERS,
        """
        SELECT merchant_account_id, currency, lines_minor, total_minor, currency FROM (
          SELECT DISTINCT ON (merchant_account_id, currency) * FROM provider_snapshot
          WHERE merchant_account_id = ANY (CAST(:merchants AS bigint[]))
          ORDER BY merchant_account_id, currency, id DESC) AS newest
        WHERE lines_minor <> total_minor
        """,
    ),
    (
        Difference.CLEARING_DIFFERS,
        """
        SELECT min(merchant.id), part.book, part.clearing_minor,
               part.lines_minor + part.under_way_minor + part.unlined_minor, part.currency
        FROM clearing_part part JOIN merchant_account merchant ON merchant.book_id = part.book_id
        WHERE merchant.id = ANY (CAST(:merchants AS bigint[]))
          AND part.clearing_minor <> part.lines_minor + part.under_way_minor + part.unlined_minor
        GROUP BY part.book, part.clearing_minor, part.lines_minor, part.under_way_minor, part.unlined_minor,
                 part.currency
        """,
    ),
    (
        Difference.LINE_WAITS,
        """
        SELECT merchant_account_id, line_id, NULL, net_minor, currency FROM provider_line
        WHERE met IS NULL AND merchant_account_id = ANY (CAST(:merchants AS bigint[]))
        ORDER BY id
        """,
    ),
    (
        Difference.AMOUNT_DIFFERS,
        """
        SELECT line.merchant_account_id, line.line_id, checkout.amount_minor, line.amount_minor, line.currency
        FROM provider_line line JOIN checkout ON checkout.id = line.checkout_id
        WHERE checkout.booked_as = 'donations' AND line.amount_minor <> checkout.amount_minor
          AND line.merchant_account_id = ANY (CAST(:merchants AS bigint[]))
        UNION ALL
        SELECT line.merchant_account_id, line.line_id, money.amount_minor, line.amount_minor, line.currency
        FROM unbooked_money money
        JOIN provider_line line ON line.merchant_account_id = money.merchant_account_id AND line.met = 'charge'
          AND CASE WHEN money.is_own THEN line.checkout_id = money.checkout_id ELSE line.source_id = money.charge_id END
        WHERE money.is_in_suspense AND line.amount_minor <> money.amount_minor
          AND line.merchant_account_id = ANY (CAST(:merchants AS bigint[]))
        ORDER BY 2
        """,
    ),
    (
        Difference.FEE_DIFFERS,
        """
        SELECT line.merchant_account_id, line.line_id, checkout.fee_minor, line.fee_minor, line.currency
        FROM provider_line line JOIN checkout ON checkout.id = line.checkout_id
        WHERE checkout.booked_as <> 'unbooked' AND line.fee_minor <> checkout.fee_minor
          AND line.merchant_account_id = ANY (CAST(:merchants AS bigint[]))
        UNION ALL
        SELECT line.merchant_account_id, line.line_id, money.fee_minor, line.fee_minor, line.currency
        FROM unbooked_money money
        JOIN provider_line line ON line.merchant_account_id = money.merchant_account_id
          AND line.source_id = money.charge_id AND line.met = 'charge'
        WHERE money.is_in_suspense AND NOT money.is_own AND line.fee_minor <> money.fee_minor
          AND line.merchant_account_id = ANY (CAST(:merchants AS bigint[]))
        UNION ALL
        SELECT line.merchant_account_id, dispute.dispute_id, dispute.fee_minor - dispute.fee_returned_minor,
               sum(line.fee_minor), line.currency
        FROM dispute
        JOIN provider_line line ON line.source_id = dispute.dispute_id AND line.met = 'dispute'
        WHERE line.merchant_account_id = ANY (CAST(:merchants AS bigint[])) AND NOT EXISTS (
          SELECT FROM entry
          WHERE entry.reason = 'dispute_fee' AND entry.recorded_at >= :before
            AND split_part(entry.idempotency_key, ':', 2) = dispute.dispute_id)
        GROUP BY line.merchant_account_id, dispute.id, line.currency
        HAVING sum(line.fee_minor) <> dispute.fee_minor - dispute.fee_returned_minor
          AND max(line.seen_at) < :before
        ORDER BY 2
        """,
    ),
    (
        Difference.NO_LINE,
        """
        SELECT checkout.merchant_account_id, coalesce(checkout.charge_id, checkout.session_id), checkout.amount_minor,
               NULL, checkout.currency
        FROM checkout
        WHERE checkout.booked_as IN ('donations', 'suspense', 'cleared') AND checkout.paid_at < :before
          AND (checkout.session_id IS NOT NULL OR checkout.charge_id IS NOT NULL)
          AND checkout.merchant_account_id = ANY (CAST(:merchants AS bigint[]))
          AND NOT EXISTS (SELECT FROM provider_line WHERE provider_line.checkout_id = checkout.id)
        UNION ALL
        SELECT money.merchant_account_id, coalesce(money.charge_id, money.session_id), money.amount_minor, NULL,
               money.currency
        FROM unbooked_money money
        WHERE money.is_in_suspense AND NOT money.is_own AND money.seen_at < :before
          AND money.merchant_account_id = ANY (CAST(:merchants AS bigint[]))
          AND NOT EXISTS (SELECT FROM provider_line line
                          WHERE line.merchant_account_id = money.merchant_account_id
                            AND line.source_id = money.charge_id
                            AND (line.met IS DISTINCT FROM 'suspense' OR line.explained_at IS NULL))
        UNION ALL
        SELECT min(merchant.id), split_part(entry.idempotency_key, ':', 2), sum(transfer.amount_minor), NULL,
               min(book.currency)
        FROM entry
        JOIN book ON book.id = entry.book_id
        JOIN merchant_account merchant ON merchant.book_id = book.id
        JOIN transfer ON transfer.entry_id = entry.id
        WHERE entry.reason IN ('refund', 'refund_failed', 'dispute_opened', 'dispute_won')
          AND 'clearing' IN (SELECT code FROM account WHERE id IN (transfer.debit_id, transfer.credit_id))
          AND entry.recorded_at < :before AND split_part(entry.idempotency_key, ':', 2) <> 'sample'
          AND merchant.id = ANY (CAST(:merchants AS bigint[]))
          AND NOT EXISTS (SELECT FROM provider_line line
                          WHERE line.source_id = split_part(entry.idempotency_key, ':', 2)
                            AND (line.met IS DISTINCT FROM 'suspense' OR line.explained_at IS NULL)
                            AND line.amount_minor <> 0
                            AND (line.amount_minor < 0) = (entry.reason IN ('refund', 'dispute_opened')))
        GROUP BY 2
        """,
    ),
    (
        Difference.SETTLEMENT_DIFFERS,
        """
        SELECT merchant_account_id, payout_id, lines_minor, amount_minor, currency FROM settlement
        WHERE state = 'paid' AND is_automatic AND amount_minor <> coalesce(lines_minor, 0)
          AND merchant_account_id = ANY (CAST(:merchants AS bigint[]))
        ORDER BY id
        """,
    ),
    (
        Difference.SETTLEMENT_WITHOUT_LINES,
        """
        SELECT merchant_account_id, payout_id, NULL, amount_minor, currency FROM settlement
        WHERE state = 'paid' AND NOT is_automatic AND merchant_account_id = ANY (CAST(:merchants AS bigint[]))
        ORDER BY id
        """,
    ),
)
