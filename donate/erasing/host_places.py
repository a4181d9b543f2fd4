"""What the host and its bank wrote down of a donor: recorded donations, official receipts, complaints."""

from donate.erasing.laws import Rule
from donate.erasing.place import place

RECORDED = (
    place(
        "recorded_shown_name",
        "consents to show the name of a recorded donation",
        find="SELECT id FROM recorded_donation WHERE id = ANY(:recorded) AND name_is_public",
        erase="UPDATE recorded_donation SET name_is_public = false WHERE id = ANY(:ids) RETURNING id",
    ),
    place(
        "recorded_name",
        "names of recorded donations",
        rule=Rule.FUNDRAISING,
        find="""
            SELECT private.recorded_id AS id, book.currency, recorded.state = 'entered' AS is_waiting,
                   CASE WHEN recorded.state IN ('confirmed', 'reversed') THEN recorded.received_on END AS since
            FROM recorded_donation recorded JOIN recorded_private private ON private.recorded_id = recorded.id
            JOIN book ON book.id = recorded.book_id
            WHERE recorded.id = ANY(:recorded)
            """,
        erase="DELETE FROM recorded_private WHERE recorded_id = ANY(:ids) RETURNING recorded_id",
    ),
    place(
        "recorded_agreement",
        "where the agreement of a large recorded donation is kept",
        rule=Rule.IDENTITY,
        find="""
            SELECT recorded.id, book.currency, recorded.state = 'entered' AS is_waiting,
                   CASE WHEN recorded.state IN ('confirmed', 'reversed') THEN recorded.received_on END AS since
            FROM recorded_donation recorded JOIN book ON book.id = recorded.book_id
            WHERE recorded.id = ANY(:recorded) AND recorded.agreement NOT IN ('', '[erased]')
            """,
        erase="UPDATE recorded_donation SET agreement = :erased WHERE id = ANY(:ids) RETURNING id",
    ),
    # The file names others as well. When its day comes, theirs has come too: it is one voucher.
    place(
        "recorded_file",
        "files of other platforms in which the donor stands",
        rule=Rule.VOUCHER,
        find="""
            SELECT batch.id, book.currency, batch.state IN ('checked', 'entered') AS is_waiting,
                   CASE WHEN batch.state = 'confirmed'
                        THEN CAST(batch.decided_at AT TIME ZONE book.time_zone AS date) END AS since
            FROM recorded_batch batch JOIN recorded_file file ON file.batch_id = batch.id
            JOIN book ON book.id = batch.book_id
            WHERE batch.id IN (SELECT batch_id FROM recorded_donation WHERE id = ANY(:recorded))
            """,
        erase="DELETE FROM recorded_file WHERE batch_id = ANY(:ids) RETURNING batch_id",
    ),
    place(
        "recorded_words",
        "words of staff about recorded donations",
        find="""
            SELECT id, state = 'entered' AS is_waiting FROM recorded_donation
            WHERE id = ANY(:recorded)
              AND (other_money NOT IN ('', '[erased]') OR decline_reason NOT IN ('', '[erased]'))
            """,
        erase="""
            UPDATE recorded_donation
            SET other_money = CASE other_money WHEN '' THEN '' ELSE :erased END,
                decline_reason = CASE decline_reason WHEN '' THEN '' ELSE :erased END
            WHERE id = ANY(:ids) RETURNING id
            """,
    ),
    place(
        "reversal_reason",
        "words of staff about reversals of recorded donations",
        find="""
            SELECT id, state = 'asked' AS is_waiting FROM recorded_reversal
            WHERE recorded_id = ANY(:recorded) AND reason <> '[erased]'
            """,
        erase="UPDATE recorded_reversal SET reason = :erased WHERE id = ANY(:ids) RETURNING id",
    ),
    place(
        "sent_back_note",
        "words of staff about money that was sent back from the bank",
        find="""
            SELECT note.refund_id AS id,
                   refund.state = 'asked' OR (refund.undo_way IS NOT NULL AND refund.undo_entry_id IS NULL) AS is_waiting
            FROM recorded_refund refund JOIN recorded_refund_note note ON note.refund_id = refund.id
            WHERE refund.recorded_id = ANY(:recorded)
            """,
        erase="DELETE FROM recorded_refund_note WHERE refund_id = ANY(:ids) RETURNING refund_id",
    ),
    place(
        "bank_words",
        "the bank's words on lines of its statement, and the treasurer's notes",
        rule=Rule.STATEMENT,
        find="""
            SELECT line.id, line.booked_on AS since, book.currency
            FROM (
              SELECT book_id, 'recorded_donation' AS met, CAST(public_id AS text) AS subject
              FROM recorded_donation WHERE id = ANY(:recorded)
              UNION ALL
              SELECT book_id, name.met, CAST(public_id AS text)
              FROM recorded_refund CROSS JOIN (VALUES ('recorded_refund'), ('recorded_refund_returned')) AS name (met)
              WHERE recorded_id = ANY(:recorded)) AS theirs
            JOIN bank_line line USING (book_id, met, subject)
            JOIN bank_line_private private ON private.line_id = line.id
            JOIN book ON book.id = line.book_id
            """,
        erase="DELETE FROM bank_line_private WHERE line_id = ANY(:ids) RETURNING line_id",
    ),
)

_THEIR_RECEIPTS = """
    JOIN book ON book.id = receipt.book_id
    LEFT JOIN donation ON donation.id = receipt.donation_id
    WHERE (donation.checkout_id = ANY(:checkouts) OR receipt.recorded_id = ANY(:recorded))
    """

OFFICIAL = (
    place(
        "official_email",
        "e-mail addresses for official receipts",
        find="""
            SELECT private.receipt_id AS id, receipt.state = 'requested' AS is_waiting
            FROM official_receipt receipt JOIN official_receipt_private private ON private.receipt_id = receipt.id
            {theirs} AND private.email IS NOT NULL
            """.replace("{theirs}", _THEIR_RECEIPTS),
        erase="UPDATE official_receipt_private SET email = NULL WHERE receipt_id = ANY(:ids) RETURNING receipt_id",
    ),
    # One that never got a number is no stub of anything.
    place(
        "official_title",
        "to whom official receipts are made out",
        rule=Rule.OFFICIAL,
        find="""
            SELECT private.receipt_id AS id, book.currency, receipt.state = 'requested' AS is_waiting,
                   (SELECT CAST(max(step.at) AT TIME ZONE book.time_zone AS date) FROM official_receipt_step step
                    WHERE step.receipt_id = receipt.id AND step.state = 'issued') AS since
            FROM official_receipt receipt JOIN official_receipt_private private ON private.receipt_id = receipt.id
            {theirs}
            """.replace("{theirs}", _THEIR_RECEIPTS),
        erase="DELETE FROM official_receipt_private WHERE receipt_id = ANY(:ids) RETURNING receipt_id",
    ),
    place(
        "official_reason",
        "words of staff about official receipts",
        find="""
            SELECT step.id FROM official_receipt receipt
            JOIN official_receipt_step step ON step.receipt_id = receipt.id
              AND step.user_id IS NOT NULL AND step.reason NOT IN ('', '[erased]')
            {theirs}
            """.replace("{theirs}", _THEIR_RECEIPTS),
        erase="UPDATE official_receipt_step SET reason = :erased WHERE id = ANY(:ids) RETURNING id",
    ),
)

COMPLAINTS = (
    place(
        "complaint",
        "complaints with the answers to them",
        rule=Rule.COMPLAINT,
        find="""
            SELECT id, CAST(answered_at AT TIME ZONE 'Asia/Shanghai' AS date) AS since, answered_at IS NULL AS is_waiting
            FROM complaint WHERE id = ANY(:complaints) AND (contact <> '' OR message <> '[erased]')
            """,
        erase="""
            UPDATE complaint SET contact = '', message = :erased, answer = :erased
            WHERE id = ANY(:ids) AND answered_at IS NOT NULL RETURNING id
            """,
    ),
)
