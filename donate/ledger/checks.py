"""Named checks of the ledger: each is a query that must return no row.

Some look at the public log's table by name, since what they state is about entries; nothing is imported from above.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_
from donate.ledger.models import LedgerCheck

SHOWN_OFFENDERS = 5
LARGEST_SHARE = 20  # of the time at most one part in so many is spent on checking


@dataclass(frozen=True, slots=True)
class Check:
    """`query` names what offends, one text column a row; `sentence` says what holds while it returns none."""

    name: str
    sentence: str
    query: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found; `offending` holds the first few findings."""

    name: str
    sentence: str
    is_ok: bool
    offending: tuple[str, ...]


CHECKS = (
    Check(
        "entries_have_legs",
        N_("Every entry has at least one transfer."),
        """
        SELECT 'entry ' || id FROM entry
        WHERE NOT EXISTS (SELECT FROM transfer WHERE transfer.entry_id = entry.id)
        """,
    ),
    Check(
        "books_balance",
        N_("In every book the debits of all accounts equal their credits."),
        """
        SELECT 'book ' || book.ref
        FROM book JOIN account_total total ON total.book_id = book.id
        GROUP BY book.ref HAVING sum(total.debits_minor) <> sum(total.credits_minor)
        """,
    ),
    Check(
        "account_totals_equal_a_replay",
        N_("The totals of every account equal a recalculation from its transfers."),
        """
        WITH numbered AS (
          SELECT transfer.debit_id, transfer.credit_id, transfer.amount_minor
          FROM log_leaf JOIN transfer ON transfer.entry_id = log_leaf.entry_id
        ), replay AS (
          SELECT account_id, sum(debit) AS debits, sum(credit) AS credits,
                 count(*) FILTER (WHERE debit > 0) AS debit_count, count(*) FILTER (WHERE credit > 0) AS credit_count
          FROM (SELECT debit_id AS account_id, amount_minor AS debit, 0 AS credit FROM numbered
                UNION ALL SELECT credit_id, 0, amount_minor FROM numbered) AS sides
          GROUP BY account_id
        )
        SELECT 'account ' || coalesce(replay.account_id, total.account_id)
        FROM replay FULL JOIN account_total total ON total.account_id = replay.account_id
        WHERE (coalesce(replay.debits, 0), coalesce(replay.credits, 0),
               coalesce(replay.debit_count, 0), coalesce(replay.credit_count, 0))
          IS DISTINCT FROM (coalesce(total.debits_minor, 0), coalesce(total.credits_minor, 0),
               coalesce(total.debit_count, 0), coalesce(total.credit_count, 0))
        """,
    ),
    Check(
        "day_totals_equal_a_replay",
        N_("The totals of every campaign, day and reason equal a recalculation."),
        """
        WITH replay AS (
          SELECT entry.book_id, coalesce(entry.campaign, '') AS campaign, entry.effective_on AS day, entry.reason,
                 sum(legs.amount) AS amount, count(*) AS entries
          FROM log_leaf
          JOIN entry ON entry.id = log_leaf.entry_id
          JOIN (SELECT entry_id, sum(amount_minor) AS amount FROM transfer GROUP BY entry_id) legs
            ON legs.entry_id = entry.id
          GROUP BY 1, 2, 3, 4
        )
        SELECT coalesce(replay.campaign, total.campaign) || ' ' || coalesce(replay.day, total.day)
               || ' ' || coalesce(replay.reason, total.reason)
        FROM replay FULL JOIN day_total total USING (book_id, campaign, day, reason)
        WHERE (replay.amount, replay.entries) IS DISTINCT FROM (total.amount_minor, total.entry_count)
        """,
    ),
    Check(
        "campaign_totals_equal_a_replay",
        N_("What every campaign received, gave back and paid out equals a recalculation."),
        """
        WITH counted AS (
          SELECT entry.id, entry.campaign, coalesce(original.reason, entry.reason) AS reason,
                 CASE WHEN entry.reverses IS NULL THEN 1 ELSE -1 END AS forth
          FROM log_leaf JOIN entry ON entry.id = log_leaf.entry_id
          LEFT JOIN entry original ON original.id = entry.reverses
        ), sides AS (
          SELECT entry_id, credit_id AS account_id, amount_minor AS amount FROM transfer
          UNION ALL SELECT entry_id, debit_id, -amount_minor FROM transfer
        ), moved AS (
          SELECT counted.id, counted.reason, split_part(account.code, ':', 2) AS campaign, sum(sides.amount) AS amount
          FROM counted JOIN sides ON sides.entry_id = counted.id
          JOIN account ON account.id = sides.account_id AND account.code LIKE 'fund:%'
          GROUP BY 1, 2, 3
        ), figures AS (
          SELECT campaign,
            CASE WHEN reason IN ('donation', 'recorded_donation', 'jar_directed', 'match', 'suspense_cleared')
                 THEN amount ELSE 0 END AS received,
            CASE WHEN reason IN ('donation', 'recorded_donation', 'jar_directed', 'suspense_cleared')
                 THEN sign(amount) ELSE 0 END AS donations,
            CASE WHEN reason IN ('refund', 'refund_failed', 'dispute_lost') THEN -amount ELSE 0 END AS refunded,
            CASE WHEN reason IN ('processing_fee', 'fee_covered', 'provider_adjustment')
                 THEN -amount ELSE 0 END AS fees,
            0 AS disbursed
          FROM moved
          UNION ALL
          SELECT campaign, 0, 0, 0, 0, forth * transfer.amount_minor
                 * CASE reason WHEN 'disbursement_paid' THEN 1 ELSE -1 END
          FROM counted JOIN transfer ON transfer.entry_id = counted.id
          WHERE campaign IS NOT NULL AND reason IN ('disbursement_paid', 'disbursement_returned')
        ), replay AS (
          SELECT campaign, sum(received) AS received, sum(donations) AS donations, sum(refunded) AS refunded,
                 sum(fees) AS fees, sum(disbursed) AS disbursed
          FROM figures GROUP BY campaign
        )
        SELECT 'campaign ' || campaign
        FROM replay FULL JOIN campaign_total total USING (campaign)
        WHERE (coalesce(received, 0), coalesce(donations, 0), coalesce(refunded, 0), coalesce(fees, 0),
               coalesce(disbursed, 0))
          IS DISTINCT FROM (coalesce(received_minor, 0), coalesce(donation_count, 0), coalesce(refunded_minor, 0),
               coalesce(fees_minor, 0), coalesce(disbursed_minor, 0))
        """,
    ),
    Check(
        "log_has_no_gap",
        N_("The public log’s numbers run from zero without a gap."),
        """
        SELECT 'after ' || log_index FROM (
          SELECT log_index, lead(log_index) OVER (ORDER BY log_index) AS following FROM log_leaf
        ) AS pairs WHERE following IS NOT NULL AND following <> log_index + 1
        UNION ALL
        SELECT 'first is ' || min(log_index) FROM log_leaf HAVING min(log_index) <> 0
        """,
    ),
    Check(
        "every_entry_is_logged",
        N_("Every entry older than the merge delay has its line in the public log, or waits in the queue."),
        """
        SELECT 'entry ' || entry.id FROM entry
        WHERE NOT EXISTS (SELECT FROM log_leaf WHERE log_leaf.entry_id = entry.id)
          AND (recorded_at < :overdue_before
               OR NOT EXISTS (SELECT FROM entry_pending pending WHERE pending.entry_id = entry.id))
        """,
    ),
    Check(
        "nothing_is_logged_twice",
        N_("No entry in the public log still waits in the queue."),
        """
        SELECT 'entry ' || entry_id FROM entry_pending pending
        WHERE EXISTS (SELECT FROM log_leaf WHERE log_leaf.entry_id = pending.entry_id)
        """,
    ),
    Check(
        "reversals_mirror",
        N_("Every reversal turns round exactly the transfers of what it reverses."),
        """
        SELECT 'entry ' || entry.id FROM entry
        WHERE entry.reverses IS NOT NULL AND EXISTS (
          (SELECT debit_id, credit_id, amount_minor, line FROM transfer WHERE entry_id = entry.id
           EXCEPT SELECT credit_id, debit_id, amount_minor, line FROM transfer WHERE entry_id = entry.reverses)
          UNION ALL
          (SELECT credit_id, debit_id, amount_minor, line FROM transfer WHERE entry_id = entry.reverses
           EXCEPT SELECT debit_id, credit_id, amount_minor, line FROM transfer WHERE entry_id = entry.id))
        """,
    ),
    Check(
        "reversals_come_after",
        N_("No reversal stands in the log before what it reverses."),
        """
        SELECT 'line ' || later.log_index
        FROM entry JOIN log_leaf later ON later.entry_id = entry.id
        LEFT JOIN log_leaf original ON original.entry_id = entry.reverses
        WHERE entry.reverses IS NOT NULL AND (original.log_index IS NULL OR original.log_index > later.log_index)
        """,
    ),
    Check(
        "funds_are_not_negative",
        N_("No fund is negative by more than what refunds, disputes and reversals took from it."),
        """
        SELECT account.code
        FROM account
        JOIN account_total total ON total.account_id = account.id
        LEFT JOIN LATERAL (
          SELECT sum(CASE WHEN transfer.debit_id = account.id AND entry.reason IN ('refund', 'dispute_lost', 'reversal')
                          THEN transfer.amount_minor
                          WHEN transfer.credit_id = account.id AND entry.reason IN ('refund_failed', 'shortfall_covered')
                          THEN -transfer.amount_minor
                          WHEN transfer.debit_id = account.id AND entry.reason = 'shortfall_covered'
                          THEN transfer.amount_minor ELSE 0 END) AS minor
          FROM transfer
          JOIN log_leaf ON log_leaf.entry_id = transfer.entry_id
          JOIN entry ON entry.id = transfer.entry_id
          WHERE account.id IN (transfer.debit_id, transfer.credit_id)
            AND total.credits_minor < total.debits_minor) AS gone ON true
        WHERE account.account_class = 'fund' AND account.code LIKE 'fund:%'
          AND total.debits_minor - total.credits_minor > greatest(0, coalesce(gone.minor, 0))
        """,
    ),
    Check(
        "stock_equals_ledger",
        N_("What each fund may still spend equals what was settled less what was approved and what is kept back."),
        """
        WITH flows AS (
          SELECT account_id, amount_minor FROM fund_release
          UNION ALL
          SELECT account_id, -amount_minor FROM fund_return
          UNION ALL
          SELECT account_id, -amount_minor FROM fund_hold
          UNION ALL
          SELECT transfer.debit_id, -transfer.amount_minor FROM entry JOIN transfer ON transfer.entry_id = entry.id
          WHERE entry.reason = 'disbursement_approved'
          UNION ALL
          SELECT transfer.credit_id, transfer.amount_minor FROM entry JOIN transfer ON transfer.entry_id = entry.id
          WHERE entry.reason = 'disbursement_returned'
          UNION ALL
          SELECT transfer.credit_id, transfer.amount_minor FROM entry
          JOIN transfer ON transfer.entry_id = entry.id
          JOIN entry original ON original.id = entry.reverses
          WHERE original.reason = 'disbursement_approved'
        ), replay AS (
          SELECT account_id, sum(amount_minor) AS available FROM flows GROUP BY account_id
        )
        SELECT 'account ' || fund_stock.account_id
        FROM fund_stock LEFT JOIN replay USING (account_id)
        WHERE fund_stock.available_minor <> coalesce(replay.available, 0)
        """,
    ),
    Check(
        "stock_is_within_the_fund",
        N_("No fund may spend more than it holds without what the general fund gave it and what is disputed."),
        """
        WITH sides AS (
          SELECT transfer.entry_id, side.account_id, side.minor
          FROM transfer
          CROSS JOIN LATERAL (VALUES (credit_id, amount_minor), (debit_id, -amount_minor)) AS side(account_id, minor)
        ), own AS (
          SELECT account_id, minor FROM sides JOIN entry ON entry.id = sides.entry_id
          WHERE entry.reason <> 'shortfall_covered'
          UNION ALL
          SELECT fund.id, sides.minor
          FROM sides
          JOIN account disputed ON disputed.id = sides.account_id AND disputed.code = 'disputed'
          JOIN entry ON entry.id = sides.entry_id
          JOIN account fund ON fund.book_id = entry.book_id AND fund.code = 'fund:' || entry.campaign
        ), held AS (
          SELECT account_id, sum(minor) AS minor FROM own GROUP BY account_id
        )
        SELECT account.code
        FROM fund_stock JOIN account ON account.id = fund_stock.account_id LEFT JOIN held USING (account_id)
        WHERE fund_stock.available_minor > coalesce(held.minor, 0)
        """,
    ),
    Check(
        "fee_funds_equal_ledger",
        N_("What each fee fund may still pay equals what it was given less what it paid."),
        """
        SELECT 'account ' || account.id
        FROM account
        LEFT JOIN cover_stock stock ON stock.account_id = account.id
        LEFT JOIN LATERAL (
          SELECT sum(CASE WHEN credit_id = account.id THEN amount_minor ELSE -amount_minor END) AS held
          FROM transfer WHERE account.id IN (credit_id, debit_id)) AS replay ON true
        WHERE account.code = 'fee_cover' AND coalesce(stock.available_minor, 0) <> coalesce(replay.held, 0)
        """,
    ),
    Check(
        "releases_are_covered",
        N_("No more was made available to funds than the entry brought to the bank."),
        """
        SELECT 'entry ' || fund_release.entry_id
        FROM fund_release
        GROUP BY fund_release.entry_id
        HAVING sum(amount_minor) > coalesce((
          SELECT sum(transfer.amount_minor) FROM transfer JOIN account ON account.id = transfer.debit_id
          WHERE transfer.entry_id = fund_release.entry_id AND account.code = 'bank'), 0)
          -- What other accounts owe of a settlement they pay from what they were given before.
          + coalesce((
          SELECT sum(-share.due_minor) FROM settlement JOIN settlement_share share ON share.settlement_id = settlement.id
          WHERE fund_release.entry_id = CASE WHEN share.is_return THEN settlement.returned_entry_id
                                             ELSE settlement.entry_id END AND share.due_minor < 0), 0)
          -- What left suspense after it had reached the bank: explained, or its owner known by then.
          + coalesce((
          SELECT sum(transfer.amount_minor) FROM entry JOIN transfer ON transfer.entry_id = entry.id
          JOIN account ON 'suspense' = account.code AND account.id IN (transfer.debit_id, transfer.credit_id)
          WHERE entry.id = fund_release.entry_id AND entry.reason IN ('suspense_cleared', 'reversal')), 0)
        """,
    ),
    Check(
        "receipts_have_no_gap",
        N_("Receipt numbers of every book and year run from one without a gap."),
        """
        SELECT 'book ' || book_id || ' year ' || year FROM receipt_number
        GROUP BY book_id, year HAVING count(*) <> max(number) OR min(number) <> 1
        """,
    ),
    Check(
        "suspense_is_empty",
        N_("No money waits unexplained in suspense."),
        """
        SELECT 'account ' || account.id FROM account JOIN account_total total ON total.account_id = account.id
        WHERE account.code = 'suspense' AND total.debits_minor <> total.credits_minor
        """,
    ),
)


def run_checks(
    session: Session, checks: Sequence[Check] = CHECKS, *, merge_delay_seconds: int = 300
) -> list[CheckResult]:
    """Run the checks over one snapshot: pass a session of `reading()`. Writes nothing."""
    facts = {"overdue_before": clock.now() - timedelta(seconds=merge_delay_seconds)}
    results = []
    for check in checks:
        statement = text(check.query)
        bound = {name: value for name, value in facts.items() if name in statement.compile().params}
        found = session.scalars(statement, bound).fetchmany(SHOWN_OFFENDERS)
        results.append(CheckResult(check.name, check.sentence, not found, tuple(str(row) for row in found)))
    return results


def store_result(
    session: Session, results: Sequence[CheckResult], as_of: int | None, *, took_milliseconds: int | None = None
) -> None:
    """Keep a run; the newest is public."""
    session.add(
        LedgerCheck(
            ran_at=clock.now(),
            is_ok=all(result.is_ok for result in results),
            as_of=as_of,
            results=[asdict(result) for result in results],
            took_milliseconds=took_milliseconds,
        )
    )


def is_due(session: Session) -> bool:
    """Whether the scheduled run may begin. The checks read every entry ever made, so that no edit of an old one is
    missed; however many there are, they rest nineteen times as long as the last run took."""
    last = last_run(session)
    if last is None or last.took_milliseconds is None:
        return True
    return clock.now() >= last.ran_at + LARGEST_SHARE * timedelta(milliseconds=last.took_milliseconds)


def newest_as_of(session: Session) -> int | None:
    """The newest log index, or None while the log is empty."""
    newest: int | None = session.scalar(text("SELECT max(log_index) FROM log_leaf"))
    return newest


def last_run(session: Session) -> LedgerCheck | None:
    """The newest stored run."""
    return session.scalars(select(LedgerCheck).order_by(LedgerCheck.ran_at.desc()).limit(1)).first()
