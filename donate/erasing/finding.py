"""Who the donor is: found by a receipt's number or link or by an e-mail address, and from there all that is theirs.

Never by a name: others have the same.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from donate.erasing.models import SubjectKind
from donate.errors import N_, DonateError
from donate.payments.donor_messages import checkouts_of_address


class UnknownDonor(DonateError):
    """Nothing here belongs to the receipt, link or address; or what did was erased, and only the receipt finds it now."""

    sentence = N_(
        "Nothing of a donor was found under this. Look at the spelling; what was erased before is found by a receipt only."
    )
    status = 404


class ReceiptInSeveralBooks(DonateError):
    sentence = N_("Several books have a receipt with this number: %(books)s. Say which with --book.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """What is one donor's, by ids of rows."""

    checkouts: frozenset[int] = frozenset()
    recorded: frozenset[int] = frozenset()
    large: frozenset[int] = frozenset()
    complaints: frozenset[int] = frozenset()

    def __or__(self, other: "Subjects") -> "Subjects":
        return Subjects(**{one.name: getattr(self, one.name) | getattr(other, one.name) for one in fields(self)})

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))

    @property
    def parameters(self) -> dict[str, Any]:
        """As statements name them."""
        return {one.name: sorted(getattr(self, one.name)) for one in fields(self)}

    @property
    def rows(self) -> list[tuple[SubjectKind, int]]:
        return [(kind, one) for kind, name in _NAMES.items() for one in sorted(getattr(self, name))]


_NAMES = {
    SubjectKind.CHECKOUT: "checkouts",
    SubjectKind.RECORDED: "recorded",
    SubjectKind.LARGE: "large",
    SubjectKind.COMPLAINT: "complaints",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Donor:
    """How staff name a donor: by one of these. `is_alone`: only what the receipt or link itself opens."""

    receipt: str | None = None
    book: str | None = None  # whose receipt it is; wanted where several books have its number
    link: str | None = None
    email: str | None = None
    is_alone: bool = False


def find(session: Session, donor: Donor) -> Subjects:
    """All that is this donor's. Raises UnknownDonor, ReceiptInSeveralBooks."""
    if donor.email is not None:
        found = _by_email(session, donor.email)
    elif donor.receipt is not None:
        found = _by_receipt(session, donor.receipt, donor.book)
    else:
        found = _by_link(session, donor.link or "")
    if not found:
        raise UnknownDonor
    return found if donor.is_alone else expand(session, found)


def expand(session: Session, subjects: Subjects) -> Subjects:
    """With everything else of the same donor: by address, by standing promise, by an erasure before this one."""
    while True:
        found = subjects | _query(session, _BESIDE, subjects.parameters)
        for email in addresses_of(session, found):
            found = found | _query(session, _BY_EMAIL, {"email": email})
        if found == subjects:
            return found
        subjects = found


def addresses_of(session: Session, subjects: Subjects) -> set[str]:
    """The e-mail addresses that the donor gave with what is theirs."""
    return set(session.scalars(_ADDRESSES, subjects.parameters))


def _by_email(session: Session, typed: str) -> Subjects:
    email = typed.strip()
    if not email or "\x00" in email:
        return Subjects()
    found = _query(session, _BY_EMAIL, {"email": email}) | _query(session, _BY_OTHER_EMAIL, {"email": email})
    at_provider = [str(one) for one in checkouts_of_address(session, email)]
    return found | _query(session, _BY_PUBLIC_ID, {"ids": at_provider})


def _by_receipt(session: Session, typed: str, book: str | None) -> Subjects:
    match = re.fullmatch(r"(\d{4})-(\d{1,18})", typed.strip(), re.ASCII)
    if match is None:
        return Subjects()
    year, number = int(match[1]), int(match[2])
    given = {"year": year, "number": number, "book": book}
    rows = cast("Sequence[tuple[str, str]]", session.execute(_RECEIPTS, given).all())
    if len(rows) > 1:
        raise ReceiptInSeveralBooks(books=", ".join(sorted(ref for ref, _ in rows)))
    public_ids = [key.partition(":")[2] for _, key in rows]
    return _query(session, _BY_PUBLIC_ID, {"ids": [one for one in public_ids if _is_uuid(one)]})


def _by_link(session: Session, typed: str) -> Subjects:
    """A receipt's link, or the secret in it."""
    path = re.split(r"[?#]", typed.strip())[0].rstrip("/")
    secret = re.split(r"/(?:proof|promise|official|refund)(?:/|$)", path)[0].rpartition("/")[2]
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,64}", secret):
        return Subjects()
    return _query(session, _BY_SECRET, {"secret": secret})


def _is_uuid(given: str) -> bool:
    try:
        UUID(given)
    except ValueError:
        return False
    return True


def _query(session: Session, statement: TextClause, given: dict[str, Any]) -> Subjects:
    rows = cast("Sequence[tuple[str, int]]", session.execute(statement, given).all())
    return subjects_of((SubjectKind(kind), subject_id) for kind, subject_id in rows)


def subjects_of(rows: Iterable[tuple[SubjectKind, int]]) -> Subjects:
    """Rows of (kind, id) as subjects."""
    found: dict[str, set[int]] = {name: set() for name in _NAMES.values()}
    for kind, subject_id in rows:
        found[_NAMES[kind]].add(subject_id)
    made: Callable[..., Subjects] = Subjects
    return made(**{name: frozenset(ids) for name, ids in found.items()})


_BY_EMAIL = text(
    r"""
    SELECT 'checkout', checkout_id FROM checkout_private WHERE lower(email) = lower(:email)
    UNION
    SELECT 'large', request_id FROM large_request_private
    WHERE lower(email) = lower(:email) OR lower(:email) = ANY(regexp_split_to_array(lower(contact), '[\s,;，；、<>()]+'))
    UNION
    SELECT 'complaint', id FROM complaint
    WHERE lower(:email) = ANY(regexp_split_to_array(lower(contact), '[\s,;，；、<>()]+'))
    """
)

# Where a receipt is sent need not be the donor's own address: followed only where staff name it themselves.
_BY_OTHER_EMAIL = text(
    """
    SELECT 'checkout', donation.checkout_id
    FROM official_receipt_private private JOIN official_receipt receipt ON receipt.id = private.receipt_id
    JOIN donation ON donation.id = receipt.donation_id WHERE lower(private.email) = lower(:email)
    UNION
    SELECT 'recorded', receipt.recorded_id
    FROM official_receipt_private private JOIN official_receipt receipt ON receipt.id = private.receipt_id
    WHERE lower(private.email) = lower(:email) AND receipt.recorded_id IS NOT NULL
    """
)

_BY_PUBLIC_ID = text(
    """
    SELECT 'checkout', id FROM checkout WHERE public_id = ANY(CAST(:ids AS uuid[]))
    UNION SELECT 'checkout', checkout_id FROM donation WHERE public_id = ANY(CAST(:ids AS uuid[]))
    UNION SELECT 'recorded', id FROM recorded_donation WHERE public_id = ANY(CAST(:ids AS uuid[]))
    """
)

_BY_SECRET = text(
    """
    SELECT 'checkout', id FROM checkout WHERE secret = :secret
    UNION SELECT 'checkout', checkout_id FROM recurring WHERE secret = :secret
    UNION SELECT 'recorded', id FROM recorded_donation WHERE secret = :secret
    UNION SELECT 'large', id FROM large_request WHERE secret = :secret
    UNION SELECT 'complaint', id FROM complaint WHERE secret = :secret
    """
)

_RECEIPTS = text(
    """
    SELECT book.ref, entry.idempotency_key
    FROM book
    JOIN receipt_number receipt ON receipt.book_id = book.id AND receipt.year = :year AND receipt.number = :number
    JOIN entry ON entry.id = receipt.entry_id
    WHERE CAST(:book AS text) IS NULL OR book.ref = :book
    """
)

_BESIDE = text(
    """
    WITH promise AS (
      SELECT id FROM recurring WHERE checkout_id = ANY(:checkouts)
      UNION SELECT recurring_id FROM recurring_month WHERE checkout_id = ANY(:checkouts)
    )
    SELECT 'checkout', recurring.checkout_id FROM recurring JOIN promise USING (id)
    UNION SELECT 'checkout', month.checkout_id FROM recurring_month month JOIN promise ON promise.id = month.recurring_id
    UNION
    SELECT 'checkout', checkout.id FROM large_request request JOIN checkout ON checkout.public_id = request.checkout_ref
    WHERE request.id = ANY(:large)
    UNION
    SELECT 'large', request.id FROM large_request request JOIN checkout ON checkout.public_id = request.checkout_ref
    WHERE checkout.id = ANY(:checkouts)
    UNION
    SELECT beside.kind, beside.subject_id
    FROM erasure_subject known JOIN erasure_subject beside ON beside.erasure_id = known.erasure_id
    WHERE (known.kind = 'checkout' AND known.subject_id = ANY(:checkouts))
       OR (known.kind = 'recorded' AND known.subject_id = ANY(:recorded))
       OR (known.kind = 'large' AND known.subject_id = ANY(:large))
       OR (known.kind = 'complaint' AND known.subject_id = ANY(:complaints))
    """
)

_ADDRESSES = text(
    """
    SELECT email FROM checkout_private WHERE checkout_id = ANY(:checkouts)
    UNION SELECT email FROM large_request_private WHERE request_id = ANY(:large) AND email IS NOT NULL
    """
)
