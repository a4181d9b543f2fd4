"""What donors typed into our forms, and what was typed about their payments."""

from donate.erasing.laws import Rule
from donate.erasing.place import place

GIVEN = (
    place(
        "shown_name",
        "consents to show the name on the campaign's page",
        find="SELECT id FROM donation WHERE checkout_id = ANY(:checkouts) AND name_is_public",
        erase="UPDATE donation SET name_is_public = false WHERE id = ANY(:ids) RETURNING id",
    ),
    place(
        "donation_words",
        "names and messages of donations",
        find="""
            SELECT private.donation_id AS id
            FROM donation JOIN donation_private private ON private.donation_id = donation.id
            WHERE donation.checkout_id = ANY(:checkouts)
            """,
        erase="DELETE FROM donation_private WHERE donation_id = ANY(:ids) RETURNING donation_id",
    ),
    place(
        "checkout_email",
        "e-mail addresses for receipts",
        find="SELECT checkout_id AS id FROM checkout_private WHERE checkout_id = ANY(:checkouts)",
        erase="DELETE FROM checkout_private WHERE checkout_id = ANY(:ids) RETURNING checkout_id",
    ),
    place(
        "refund_note",
        "words of staff about refunds",
        find="""
            SELECT note.refund_id AS id, refund.state IN ('requested', 'pending') AS is_waiting
            FROM refund JOIN refund_note note ON note.refund_id = refund.id
            LEFT JOIN unbooked_money money ON money.id = refund.unbooked_id
            WHERE coalesce(refund.checkout_id, money.checkout_id) = ANY(:checkouts)
            """,
        erase="DELETE FROM refund_note WHERE refund_id = ANY(:ids) RETURNING refund_id",
    ),
    place(
        "refund_wish",
        "words of wishes for a refund, and their answers",
        find="""
            SELECT private.wish_id AS id, wish.state = 'asked' AS is_waiting
            FROM refund_wish wish JOIN refund_wish_private private ON private.wish_id = wish.id
            WHERE wish.checkout_id = ANY(:checkouts)
            """,
        erase="DELETE FROM refund_wish_private WHERE wish_id = ANY(:ids) RETURNING wish_id",
    ),
    place(
        "unbooked_explanation",
        "words of staff about money that nobody could explain",
        find="""
            SELECT id FROM unbooked_money
            WHERE checkout_id = ANY(:checkouts) AND explained_by IS NOT NULL AND explanation <> '[erased]'
            """,
        erase="UPDATE unbooked_money SET explanation = :erased WHERE id = ANY(:ids) RETURNING id",
    ),
    place(
        "line_explanation",
        "words of staff about movements of the provider's balance",
        find="""
            WITH theirs AS (
              SELECT id, merchant_account_id, charge_id FROM checkout WHERE id = ANY(:checkouts)
            ), source (merchant_account_id, source_id) AS (
              SELECT merchant_account_id, charge_id FROM theirs
              UNION SELECT merchant_account_id, refund_id FROM theirs JOIN refund ON refund.checkout_id = theirs.id
              UNION SELECT merchant_account_id, dispute_id FROM theirs JOIN dispute ON dispute.checkout_id = theirs.id
            ), line AS (
              SELECT * FROM provider_line WHERE checkout_id = ANY(:checkouts)
              UNION SELECT provider_line.* FROM source JOIN provider_line USING (merchant_account_id, source_id)
            )
            SELECT id FROM line WHERE explained_by IS NOT NULL AND explanation <> '[erased]'
            """,
        erase="UPDATE provider_line SET explanation = :erased WHERE id = ANY(:ids) RETURNING id",
    ),
)

LARGE = (
    place(
        "large_contact",
        "e-mail addresses and messages of large donations",
        find="""
            SELECT request_id AS id FROM large_request_private
            WHERE request_id = ANY(:large) AND (email IS NOT NULL OR message IS NOT NULL)
            """,
        erase="""
            UPDATE large_request_private SET email = NULL, message = NULL WHERE request_id = ANY(:ids)
            RETURNING request_id
            """,
    ),
    # Of one that was never paid no law keeps anything: erased, it can only be declined.
    place(
        "large_identity",
        "names, identities and telephone numbers of large donations",
        rule=Rule.IDENTITY,
        find="""
            SELECT private.request_id AS id, request.currency,
                   CAST(checkout.paid_at AT TIME ZONE book.time_zone AS date) AS since,
                   coalesce(checkout.state IN ('created', 'open', 'processing'), false) AS is_waiting
            FROM large_request request JOIN large_request_private private ON private.request_id = request.id
            JOIN book ON book.id = request.book_id
            LEFT JOIN checkout ON checkout.public_id = request.checkout_ref
            WHERE request.id = ANY(:large)
            """,
        erase="DELETE FROM large_request_private WHERE request_id = ANY(:ids) RETURNING request_id",
    ),
    place(
        "large_decline_reason",
        "words of staff about large donations that were declined",
        find="SELECT id FROM large_request WHERE id = ANY(:large) AND decline_reason NOT IN ('', '[erased]')",
        erase="UPDATE large_request SET decline_reason = :erased WHERE id = ANY(:ids) RETURNING id",
    ),
    place(
        "split_trace",
        "keyed hashes of addresses and names",
        rule=Rule.SPLITTING,
        find="""
            SELECT trace.id, CAST(trace.paid_at AT TIME ZONE book.time_zone AS date) AS since, book.currency
            FROM split_trace trace JOIN book ON book.id = trace.book_id
            WHERE trace.checkout_id = ANY(:checkouts) OR trace.recorded_id = ANY(:recorded)
            """,
        erase="DELETE FROM split_trace WHERE id = ANY(:ids) RETURNING id",
    ),
    place(
        "split_alert",
        "words of staff about donations that look split",
        rule=Rule.IDENTITY,
        find="""
            SELECT alert.id, CAST(alert.closed_at AT TIME ZONE book.time_zone AS date) AS since, book.currency,
                   alert.closed_at IS NULL AS is_waiting
            FROM split_alert alert JOIN book ON book.id = alert.book_id
            WHERE alert.note NOT IN ('', '[erased]') AND EXISTS (
              SELECT FROM split_part part
              WHERE part.alert_id = alert.id
                AND (part.checkout_id = ANY(:checkouts) OR part.recorded_id = ANY(:recorded)))
            """,
        erase="UPDATE split_alert SET note = :erased WHERE id = ANY(:ids) RETURNING id",
    ),
)
