"""Splitting around the threshold of large donations: payments below it that are one person's and together reach it.

A job looks at what was paid or recorded since it ran last, so giving itself is neither slowed nor refused. What one
person's payments have in common is kept as hashes keyed by the installation's secret, for the rule pack's window alone, and
only of payments of some size (`watched_part`): of those who give a few meals nothing is kept.

Online payments are joined by their e-mail address, or by name and network together; recorded donations by their payer's name.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import TextClause, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError, NotFound
from donate.giving import rules
from donate.giving.large_models import SplitAlert, SplitKind, SplitTrace
from donate.giving.tries import KEPT
from donate.people import limits
from donate.text import TextTooLong, clean_text

NOTE_LENGTH = 500


class NoteMissing(DonateError):
    sentence = N_("Write what you found; the note stays with the alert.")
    field = "note"


class NoteTooLong(TextTooLong):
    field = "note"


class ClosedAlready(DonateError):
    sentence = N_("Somebody closed this alert in the meantime.")
    status = 409


def watch(session: Session) -> int:
    """Trace what was paid lately, raise or extend alerts, forget what is too old. How many payments joined an alert.

    The tries that say from where a checkout came are kept for a day, so this wants to run more often than that. Wants
    `limits.bind_key` first.
    """
    forget(session)
    _trace(session, _online(session), "checkout_id")
    _trace(session, _recorded(session), "recorded_id")
    joined = 0
    for kind in SplitKind:  # one after the other: what one kind shows need not be shown again by the next
        groups = session.execute(_GROUPS, _by_currency() | {"kind": kind.value}).all()
        joined += sum(_raise_alert(session, group) for group in groups)
    return joined


def forget(session: Session) -> None:
    """Drop traces older than the window, and the hashes of alerts that none is left of."""
    for pack in rules.PACKS:
        currencies = list(pack.large_from_minor)
        session.execute(_FORGET, {"before": clock.now() - pack.split_within, "currencies": currencies})
    session.execute(_FORGET_KEYS)


def _online(session: Session) -> list[tuple[Any, dict[SplitKind, str]]]:
    found = []
    for row in session.execute(_PAID, _by_currency() | {"since": clock.now() - KEPT}).all():
        keys = {}
        if row.email:
            keys[SplitKind.EMAIL] = _folded(row.email)
        if row.name:
            keys[SplitKind.NAME_AND_NETWORK] = f"{_folded(row.name)}\n{bytes(row.network_hash).hex()}"
        found.append((row, keys))
    return found


def _recorded(session: Session) -> list[tuple[Any, dict[SplitKind, str]]]:
    rows = session.execute(_RECORDED, _by_currency() | {"since": clock.now() - KEPT}).all()
    return [(row, {SplitKind.PAYER: _folded(row.name)}) for row in rows]


def _folded(name: str) -> str:
    return "".join(name.casefold().split())


def _trace(session: Session, found: Iterable[tuple[Any, dict[SplitKind, str]]], column: str) -> None:
    other = "recorded_id" if column == "checkout_id" else "checkout_id"
    rows = [
        {
            "book_id": row.book_id,
            "kind": kind.value,
            "key_hash": limits.hash_of(f"split by {kind.value}", key),
            column: row.id,
            other: None,
            "amount_minor": row.amount_minor,
            "paid_at": row.paid_at,
        }
        for row, keys in found
        for kind, key in keys.items()
    ]
    if rows:
        session.execute(upsert(SplitTrace).on_conflict_do_nothing(), rows)


def _raise_alert(session: Session, group: Any) -> int:
    """Put every payment of the group that no alert of its kind knows into the open one; how many."""
    book_id, kind, key_hash = group
    alert_id = session.scalar(
        select(SplitAlert.id).filter_by(book_id=book_id, kind=kind, key_hash=key_hash, closed_at=None)
    )
    if alert_id is None:
        values = {"book_id": book_id, "kind": kind, "key_hash": key_hash, "raised_at": clock.now(), "note": ""}
        alert_id = session.scalars(insert(SplitAlert).values(**values).returning(SplitAlert.id)).one()
    facts = {"alert_id": alert_id, "book_id": book_id, "kind": kind, "key_hash": key_hash}
    joined: Sequence[Any] = session.execute(_JOIN, facts).all()
    return len(joined)


def close(session: Session, alert_id: int, *, note: str, by: int) -> None:
    """Put an alert aside with what was found. Raises NotFound, NoteMissing, NoteTooLong, ClosedAlready."""
    words = clean_text(note, NOTE_LENGTH, NoteTooLong)
    alert = session.scalars(select(SplitAlert).where(SplitAlert.id == alert_id).with_for_update()).one_or_none()
    if alert is None:
        raise NotFound
    if not words:
        raise NoteMissing
    if alert.closed_at is not None:
        raise ClosedAlready
    alert.closed_at, alert.closed_by, alert.note = clock.now(), by, words
    session.flush()


def _by_currency() -> dict[str, object]:
    """The packs as parallel lists: currencies, from where on payments are watched, and from where on they are large."""
    currencies = [currency for pack in rules.PACKS for currency in pack.large_from_minor]
    return {
        "currencies": currencies,
        "watched": [rules.watched_from_minor(currency) for currency in currencies],
        "large": [rules.large_from(currency).minor for currency in currencies],
    }


_LIMITS = """
    unnest(CAST(:currencies AS text[]), CAST(:watched AS bigint[]), CAST(:large AS bigint[]))
      AS pack(currency, watched_minor, large_minor)
"""

# Not looked into yet by anybody, and not shown by an alert of another kind.
_UNKNOWN = """
    NOT EXISTS (SELECT FROM split_part part JOIN split_alert alert ON alert.id = part.alert_id
                WHERE (part.checkout_id = trace.checkout_id OR part.recorded_id = trace.recorded_id)
                  AND (alert.closed_at IS NOT NULL OR alert.kind <> trace.kind))
"""


def _statement(words: str) -> TextClause:
    return text(words.replace("{limits}", _LIMITS).replace("{unknown}", _UNKNOWN))


# Booked checkouts of the last day; one that two people accepted was tried by nobody, so it is not among them.
_PAID = _statement(
    """
    SELECT checkout.id, checkout.book_id, checkout.amount_minor, checkout.paid_at, private.email, tries.network_hash,
           (SELECT named.name FROM donation JOIN donation_private named ON named.donation_id = donation.id
            WHERE donation.checkout_id = checkout.id ORDER BY donation.id LIMIT 1) AS name
    FROM checkout_try tries
    JOIN checkout ON checkout.id = tries.checkout_id
    JOIN {limits} ON pack.currency = checkout.currency
    LEFT JOIN checkout_private private ON private.checkout_id = checkout.id
    WHERE tries.tried_at > :since AND tries.line = 0 AND checkout.booked_as IN ('donations', 'cleared')
      AND checkout.amount_minor >= pack.watched_minor
      AND NOT EXISTS (SELECT FROM split_trace WHERE split_trace.checkout_id = checkout.id)
    """
)

# Booked recorded donations of the last day; one under an agreement has been accepted.
_RECORDED = _statement(
    """
    SELECT recorded.id, recorded.book_id, recorded.amount_minor, recorded.decided_at AS paid_at, private.name
    FROM recorded_donation recorded
    JOIN book ON book.id = recorded.book_id
    JOIN {limits} ON pack.currency = book.currency
    JOIN recorded_private private ON private.recorded_id = recorded.id
    WHERE recorded.decided_at > :since AND recorded.state = 'confirmed' AND recorded.agreement = ''
      AND recorded.amount_minor >= pack.watched_minor
      AND NOT EXISTS (SELECT FROM split_trace WHERE split_trace.recorded_id = recorded.id)
    """
)

_GROUPS = _statement(
    """
    SELECT trace.book_id, trace.kind, trace.key_hash
    FROM split_trace trace JOIN book ON book.id = trace.book_id JOIN {limits} ON pack.currency = book.currency
    WHERE trace.kind = :kind AND {unknown}
    GROUP BY trace.book_id, trace.kind, trace.key_hash
    HAVING count(*) >= 2 AND sum(trace.amount_minor) >= min(pack.large_minor)
    ORDER BY trace.book_id, trace.key_hash
    """
)

_JOIN = _statement(
    """
    INSERT INTO split_part (alert_id, checkout_id, recorded_id, amount_minor, paid_at)
    SELECT :alert_id, trace.checkout_id, trace.recorded_id, trace.amount_minor, trace.paid_at
    FROM split_trace trace
    WHERE trace.book_id = :book_id AND trace.kind = :kind AND trace.key_hash = :key_hash AND {unknown}
    ORDER BY trace.paid_at
    ON CONFLICT DO NOTHING
    RETURNING id
    """
)

_FORGET = text(
    """
    DELETE FROM split_trace USING book
    WHERE book.id = split_trace.book_id AND book.currency = ANY(:currencies) AND split_trace.paid_at < :before
    """
)

_FORGET_KEYS = text(
    """
    UPDATE split_alert SET key_hash = NULL
    WHERE key_hash IS NOT NULL
      AND NOT EXISTS (SELECT FROM split_trace trace
                      WHERE (trace.book_id, trace.kind, trace.key_hash)
                          = (split_alert.book_id, split_alert.kind, split_alert.key_hash))
    """
)
