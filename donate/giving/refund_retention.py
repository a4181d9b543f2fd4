"""How long words about refunds are kept: why staff refunded, what donors wrote and what they were answered."""

from datetime import timedelta
from typing import cast

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate import clock

# A payment can be disputed for some months after it, and an appeal takes as long again; then nobody needs the words.
KEEP_WORDS = timedelta(days=540)


def forget_refund_words(session: Session) -> int:
    """Erase the words about refunds and wishes that were settled long ago; how many rows."""
    before = {"before": clock.now() - KEEP_WORDS}
    statements = (_NOTES, _WISHES, _SENT_BACK)
    return sum(len(cast("list[int]", session.scalars(statement, before).all())) for statement in statements)


_NOTES = text(
    """
    DELETE FROM refund_note note USING refund
    WHERE refund.id = note.refund_id AND refund.requested_at < :before AND refund.state NOT IN ('requested', 'pending')
    RETURNING note.refund_id
    """
)

_WISHES = text(
    """
    DELETE FROM refund_wish_private private USING refund_wish wish
    WHERE wish.id = private.wish_id AND wish.decided_at < :before
    RETURNING private.wish_id
    """
)

_SENT_BACK = text(
    """
    DELETE FROM recorded_refund_note note USING recorded_refund refund
    WHERE refund.id = note.refund_id AND refund.asked_at < :before AND refund.state <> 'asked'
      AND (refund.undo_way IS NULL OR refund.undo_entry_id IS NOT NULL)
    RETURNING note.refund_id
    """
)
