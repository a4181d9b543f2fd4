"""Money between donors and the bank, by what holds it up: kept with every run, so that its age is public and cheap.

A payment is under way until a settlement that stands pays it out; one that the bank turned back holds up its payments
again, until a later settlement sends what came back.
"""

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_
from donate.settling.balance import clearing_parts
from donate.settling.run_models import ClearingSnapshot


class UnderWay(StrEnum):
    """What holds money up. `sentence` is what everybody reads."""

    PAYMENT = "payment"
    SETTLEMENT = "settlement"
    SETTLEMENT_FAILED = "settlement_failed"
    REFUND = "refund"
    DISPUTE = "dispute"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    UnderWay.PAYMENT: N_("Payments that no settlement has sent to the bank"),
    UnderWay.SETTLEMENT: N_("Settlements on their way to the bank"),
    UnderWay.SETTLEMENT_FAILED: N_("Settlements that the bank turned back and that were not sent again"),
    UnderWay.REFUND: N_("Refunds on their way to donors"),
    UnderWay.DISPUTE: N_("Disputed money that the provider holds back"),
}


def keep(session: Session, run_id: int, merchant_ids: Collection[int], book_ids: Collection[int]) -> None:
    """Write down, for these accounts and books, what is under way and what our clearing account is the sum of."""
    session.execute(_KEEP, {"run_id": run_id, "merchants": list(merchant_ids)})
    session.add_all(
        ClearingSnapshot(
            run_id=run_id,
            book_id=book_id,
            clearing_minor=parts.clearing_minor,
            lines_minor=parts.lines_minor,
            under_way_minor=parts.under_way_minor,
            unlined_minor=parts.unlined_minor,
            taken_at=clock.now(),
        )
        for book_id, parts in clearing_parts(session).items()
        if book_id in book_ids
    )
    session.flush()


_KEEP = text(
    """
    WITH mine AS (
      SELECT id FROM merchant_account WHERE id = ANY (CAST(:merchants AS bigint[]))
    ), failed AS (
      SELECT settlement.* FROM settlement JOIN mine ON mine.id = settlement.merchant_account_id
      WHERE settlement.state IN ('failed', 'canceled') AND NOT EXISTS (
        SELECT FROM provider_line back
        JOIN settlement_line again ON again.line_id = back.id
        JOIN settlement later ON later.id = again.settlement_id AND later.state NOT IN ('failed', 'canceled')
        WHERE back.merchant_account_id = settlement.merchant_account_id AND back.source_id = settlement.payout_id
          AND back.kind IN ('payout_failure', 'payout_cancel'))
    ), item AS (
      SELECT line.merchant_account_id, 'payment' AS kind, line.currency, line.net_minor AS minor, line.occurred_at AS at
      FROM provider_line line JOIN mine ON mine.id = line.merchant_account_id
      WHERE line.kind IN ('charge', 'payment') AND line.met IS DISTINCT FROM 'opening'
        AND NOT EXISTS (SELECT FROM settlement_line WHERE settlement_line.line_id = line.id)
      UNION ALL
      SELECT settlement.merchant_account_id, 'settlement', settlement.currency, settlement.amount_minor,
             settlement.created_at
      FROM settlement JOIN mine ON mine.id = settlement.merchant_account_id
      WHERE settlement.state IN ('pending', 'in_transit')
      UNION ALL
      SELECT failed.merchant_account_id, 'settlement_failed', failed.currency, failed.amount_minor,
             least(failed.created_at, (SELECT min(line.occurred_at) FROM settlement_line paid_out
                                       JOIN provider_line line ON line.id = paid_out.line_id
                                       WHERE paid_out.settlement_id = failed.id))
      FROM failed
      UNION ALL
      SELECT mine.id, 'refund', coalesce(checkout.currency, money.currency), refund.amount_minor, refund.requested_at
      FROM refund
      LEFT JOIN checkout ON checkout.id = refund.checkout_id
      LEFT JOIN unbooked_money money ON money.id = refund.unbooked_id
      JOIN mine ON mine.id = coalesce(checkout.merchant_account_id, money.merchant_account_id)
      WHERE refund.state IN ('requested', 'pending')
      UNION ALL
      SELECT mine.id, 'dispute', coalesce(checkout.currency, money.currency), dispute.amount_minor, dispute.opened_at
      FROM dispute
      LEFT JOIN checkout ON checkout.id = dispute.checkout_id
      LEFT JOIN unbooked_money money ON money.id = dispute.unbooked_id
      JOIN mine ON mine.id = coalesce(checkout.merchant_account_id, money.merchant_account_id)
      WHERE dispute.state = 'open'
    )
    INSERT INTO money_under_way (run_id, merchant_account_id, kind, currency, item_count, amount_minor, oldest_at)
    SELECT :run_id, merchant_account_id, kind, currency, count(*), sum(minor), min(at)
    FROM item GROUP BY merchant_account_id, kind, currency
    """
)
