"""Named checks that tie the public log's lines to the books.

What a line must be is spelt here a second time, in SQL and from the books, and compared byte for byte: LEAF.md says
how. Every string of a leaf is printable ASCII without escapes, so nothing has to be parsed, and a line whose bytes are
damaged is a finding and no error. Where a format changes, both spellings change, each from its own version on.
"""

from donate.errors import N_
from donate.ledger.chart import Reason
from donate.ledger.checks import Check
from donate.publiclog.log import REFERENCED, SETTLEMENTS


def _listed(reasons: frozenset[Reason]) -> str:
    return ", ".join(f"'{reason.value}'" for reason in sorted(reasons))


_OF_ENTRIES = """
    WITH legs AS (
      SELECT transfer.entry_id,
             string_agg('["' || debit.code || '","' || credit.code || '","' || transfer.amount_minor || '"]', ','
                        ORDER BY transfer.line) AS spelt
      FROM transfer
      JOIN account debit ON debit.id = transfer.debit_id
      JOIN account credit ON credit.id = transfer.credit_id
      GROUP BY transfer.entry_id
    ), said AS (
      SELECT line.log_index, line.leaf,
             (line.book_id, line.reason, line.campaign, line.day, line.month, line.reference)
               IS NOT DISTINCT FROM
             (entry.book_id, entry.reason, entry.campaign, entry.effective_on,
              CAST(date_trunc('month', CAST(entry.effective_on AS timestamp)) AS date),
              CASE WHEN entry.reason IN (REFERENCED, SETTLEMENTS) THEN entry.reference END) AS is_found_by_it,
             '{"book":"' || book.ref || '"'
               || coalesce(',"campaign":"' || entry.campaign || '"', '')
               || ',"cm":"' || encode(entry.commitment, 'hex') || '","cur":"' || book.currency
               || '","day":"' || to_char(entry.effective_on, 'YYYY-MM-DD') || '"'
               || coalesce(',"doc":"' || encode(entry.document_sha256, 'hex') || '"', '')
               || ',"kind":"entry","legs":[' || legs.spelt || ']'
               || coalesce(',"note":"' || encode(entry.note_sha256, 'hex') || '"', '')
               || ',"reason":"' || entry.reason || '"'
               || CASE WHEN entry.reason IN (REFERENCED) THEN coalesce(',"ref":"' || entry.reference || '"', '') ELSE '' END
               || CASE WHEN entry.reverses IS NULL THEN '' ELSE ',"rev":"' || original.log_index || '"' END
               || ',"seq":"' || line.log_index || '"'
               || CASE WHEN entry.reason IN (SETTLEMENTS) THEN coalesce(',"settle":"' || entry.reference || '"', '') ELSE '' END
               || ',"v":"1"}' AS spelt
      FROM log_leaf line
      LEFT JOIN entry ON entry.id = line.entry_id
      LEFT JOIN book ON book.id = entry.book_id
      LEFT JOIN legs ON legs.entry_id = entry.id
      LEFT JOIN log_leaf original ON original.entry_id = entry.reverses
      WHERE line.kind = 'entry'
    )
    SELECT 'line ' || log_index FROM said
    WHERE leaf IS DISTINCT FROM convert_to(spelt, 'UTF8') OR NOT is_found_by_it
    ORDER BY log_index
"""

_OF_OPENINGS = """
    WITH said AS (
      SELECT line.log_index, line.leaf,
             (line.campaign, line.month, line.reason, line.reference)
               IS NOT DISTINCT FROM
             (CASE split_part(line.opens, ':', 1) WHEN 'campaign' THEN split_part(line.opens, ':', 3)
                WHEN 'account' THEN fund.campaign END,
              CAST(date_trunc('month', CAST(line.day AS timestamp)) AS date), NULL, NULL) AS is_found_by_it,
             CASE
               WHEN line.opens = 'book:' || book.ref THEN
                 '{"book":"' || book.ref || '","cur":"' || book.currency
                   || '","day":"' || to_char(book.opened_at AT TIME ZONE book.time_zone, 'YYYY-MM-DD')
                   || '","host":"' || book.host || '","kind":"open","mode":"' || book.mode
                   || '","open":"book","seq":"' || line.log_index || '","v":"1","zone":"' || book.time_zone || '"}'
               WHEN account.id IS NOT NULL THEN
                 '{"account":"' || account.code || '","book":"' || book.ref || '"'
                   || coalesce(',"campaign":"' || fund.campaign || '"', '') || ',"cls":"' || account.account_class
                   || '","day":"' || to_char(account.opened_at AT TIME ZONE book.time_zone, 'YYYY-MM-DD')
                   || '","kind":"open","open":"account","seq":"' || line.log_index || '","v":"1"}'
               -- A campaign is opened on the day on which its line is written.
               WHEN line.opens = 'campaign:' || book.ref || ':' || line.campaign THEN
                 '{"book":"' || book.ref || '","campaign":"' || line.campaign
                   || '","day":"' || to_char(line.day, 'YYYY-MM-DD')
                   || '","kind":"open","open":"campaign","seq":"' || line.log_index || '","v":"1"}'
             END AS spelt
      FROM log_leaf line
      LEFT JOIN book ON book.id = line.book_id
      LEFT JOIN account
        ON account.book_id = line.book_id AND line.opens = 'account:' || book.ref || ':' || account.code
      LEFT JOIN LATERAL (
        SELECT split_part(account.code, ':', 2) AS campaign WHERE account.code LIKE 'fund:%') fund ON true
      WHERE line.kind = 'open'
    )
    SELECT 'line ' || log_index FROM said
    WHERE leaf IS DISTINCT FROM convert_to(spelt, 'UTF8') OR NOT is_found_by_it
    UNION ALL
    -- Lines of the other kinds are of their kind and in their place, so that no entry hides among them.
    SELECT 'line ' || log_index FROM log_leaf
    WHERE kind NOT IN ('entry', 'open')
      AND (position(convert_to('"kind":"' || kind || '"', 'UTF8') IN leaf) = 0
           OR position(convert_to('"seq":"' || log_index || '"', 'UTF8') IN leaf) = 0)
"""

LEAF_CHECKS = (
    Check(
        "leaves_equal_their_entries",
        N_(
            "Every entry’s line in the public log says exactly what the books say: day, reason, campaign, accounts,"
            " amounts, reversal and commitment."
        ),
        _OF_ENTRIES.replace("REFERENCED", _listed(REFERENCED)).replace("SETTLEMENTS", _listed(SETTLEMENTS)),
    ),
    Check(
        "openings_equal_the_books",
        N_("Every line that opens a book, an account or a campaign says exactly what the books say of it."),
        _OF_OPENINGS,
    ),
    Check(
        "leaf_hashes_are_of_their_leaves",
        N_("The hash of every line in the public log is the SHA-256 of a zero byte and its bytes."),
        r"""
        SELECT 'line ' || log_index FROM log_leaf
        WHERE leaf_hash <> sha256(CAST('\x00' AS bytea) || leaf)
        ORDER BY log_index
        """,
    ),
)
