"""All places where something of a donor stands. What is in none of them names nobody: amounts, days, ids, keyed hashes."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.erasing.finding import Subjects, addresses_of
from donate.erasing.host_places import COMPLAINTS, OFFICIAL, RECORDED
from donate.erasing.laws import Rule
from donate.erasing.online_places import GIVEN, LARGE
from donate.erasing.place import Found, Place, place
from donate.files.store import Store
from donate.payments.donor_messages import empty_bodies, messages_about

# What an entry committed to. Erased, the public log stays valid and says nothing more; the donor's own proof file still
# opens. One without its place in the log waits, since its donor had no time yet to save the file.
SALTS = place(
    "entry_private",
    "salts and private fields of ledger entries",
    find="""
        WITH RECURSIVE key (book_id, key) AS (
          SELECT checkout.book_id, name.key
          FROM checkout JOIN donation ON donation.checkout_id = checkout.id
          CROSS JOIN LATERAL (VALUES
            ('donation:' || donation.public_id), ('cleared:' || donation.public_id),
            ('fee:' || checkout.public_id || ':' || donation.public_id),
            ('cover:' || checkout.public_id || ':' || donation.public_id),
            ('suspense:' || checkout.session_id)) AS name (key)
          WHERE checkout.id = ANY(:checkouts)
          UNION
          SELECT checkout.book_id, name.key
          FROM refund JOIN checkout ON checkout.id = refund.checkout_id
          LEFT JOIN donation ON donation.checkout_id = checkout.id
          CROSS JOIN LATERAL (VALUES
            ('refund:' || refund.refund_id || ':' || coalesce(CAST(donation.public_id AS text), 'whole')),
            ('refund-failed:' || refund.refund_id || ':' || coalesce(CAST(donation.public_id AS text), 'whole')))
            AS name (key)
          WHERE checkout.id = ANY(:checkouts)
        ), theirs (id) AS (
          SELECT entry.id FROM key JOIN entry ON entry.book_id = key.book_id AND entry.idempotency_key = key.key
          UNION SELECT entry_id FROM recorded_donation WHERE id = ANY(:recorded)
          UNION SELECT entry_id FROM recorded_refund WHERE recorded_id = ANY(:recorded)
          UNION SELECT undo_entry_id FROM recorded_refund WHERE recorded_id = ANY(:recorded)
          UNION SELECT entry.id FROM entry JOIN theirs ON entry.reverses = theirs.id
        )
        SELECT private.entry_id AS id, log_leaf.log_index IS NULL AS is_waiting
        FROM theirs JOIN entry_private private ON private.entry_id = theirs.id
        LEFT JOIN log_leaf ON log_leaf.entry_id = private.entry_id
        """,
    erase="DELETE FROM entry_private WHERE entry_id = ANY(:ids) RETURNING entry_id",
)


def _find_messages(session: Session, subjects: Subjects) -> list[Found]:
    given = subjects.parameters
    began = session.scalar(_BEGAN, given)
    if began is None:
        return []
    names = set(session.scalars(_REFERENCES, given)) | addresses_of(session, subjects)
    found = messages_about(session, names, since=began - timedelta(days=1))
    return [Found(id=one.id, is_waiting=one.is_waiting) for one in found]


MESSAGES = Place(
    name="provider_event",
    sentence="messages of the payment provider",
    find=_find_messages,
    erase=lambda session, _, ids: empty_bodies(session, ids),
)


def _find_proofs(session: Session, subjects: Subjects) -> list[Found]:
    return [Found(**row) for row in session.execute(_PROOFS, subjects.parameters).mappings()]


def _erase_proofs(session: Session, store: Store, ids: Sequence[int]) -> int:
    hashes = session.scalars(_HASHES, {"ids": list(ids)}).all()
    for sha256 in hashes:
        store.erase(bytes(sha256))
    return len(hashes)


# The database keeps the picture's hash, which is in the log: whether it still has its bytes, the record of erasures says.
PROOFS = Place(
    name="proof_file",
    sentence="pictures of bank slips and receipts for recorded donations",
    find=_find_proofs,
    erase=_erase_proofs,
    rule=Rule.VOUCHER,
)

PLACES: tuple[Place, ...] = (*GIVEN, *LARGE, *RECORDED, *OFFICIAL, *COMPLAINTS, SALTS, PROOFS, MESSAGES)

_BEGAN = text(
    """
    SELECT min(began_at) FROM (
      SELECT created_at AS began_at FROM checkout WHERE id = ANY(:checkouts)
      UNION ALL SELECT asked_at FROM large_request WHERE id = ANY(:large)) AS theirs
    """
)

_REFERENCES = text(
    """
    WITH theirs AS (SELECT * FROM checkout WHERE id = ANY(:checkouts)),
    promise AS (SELECT * FROM recurring WHERE checkout_id = ANY(:checkouts))
    SELECT named.name FROM (
      SELECT CAST(public_id AS text) FROM theirs
      UNION SELECT session_id FROM theirs
      UNION SELECT charge_id FROM theirs
      UNION SELECT CAST(public_id AS text) FROM donation WHERE checkout_id = ANY(:checkouts)
      UNION SELECT CAST(public_id AS text) FROM promise
      UNION SELECT recurring_id FROM promise
      UNION SELECT invoice_id FROM recurring_month WHERE checkout_id = ANY(:checkouts)
      UNION SELECT refund_id FROM refund WHERE checkout_id = ANY(:checkouts)
      UNION SELECT dispute_id FROM dispute WHERE checkout_id = ANY(:checkouts)
      UNION SELECT session_id FROM unbooked_money WHERE checkout_id = ANY(:checkouts)
      UNION SELECT charge_id FROM unbooked_money WHERE checkout_id = ANY(:checkouts)) AS named (name)
    WHERE named.name <> ''
    """
)

# A slip that stands for other donations as well is kept as long as the last of them. One shown as a photo is no slip.
_PROOFS = text(
    """
    SELECT recorded.id, book.currency, recorded.state = 'entered' AS is_waiting,
           (SELECT max(other.received_on) FROM recorded_donation other
            WHERE other.proof_sha256 = recorded.proof_sha256 AND other.state <> 'declined') AS since
    FROM recorded_donation recorded JOIN book ON book.id = recorded.book_id
    WHERE recorded.id = ANY(:recorded) AND recorded.proof_sha256 IS NOT NULL
      AND NOT EXISTS (SELECT FROM campaign WHERE photo_sha256 = recorded.proof_sha256)
      AND NOT EXISTS (SELECT FROM update_photo WHERE sha256 = recorded.proof_sha256)
    """
)

_HASHES = text("SELECT proof_sha256 FROM recorded_donation WHERE id = ANY(:ids)")
