"""Reads about users."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from donate.people.models import GlobalRole, Membership, MembershipRole, User


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A signed-in user as doors and services see them, with what they may do."""

    id: int
    public_id: UUID
    name: str
    email: str
    role: str | None
    locale: str
    session_version: int
    memberships: frozenset[tuple[str, str]]  # (organisation, role)

    # What Flask-Login asks of a user.
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """What the session cookie holds: worthless once the version was raised."""
        return f"{self.public_id}.{self.session_version}"

    @property
    def is_admin(self) -> bool:
        return self.role == GlobalRole.ADMIN

    @property
    def is_auditor(self) -> bool:
        return self.role == GlobalRole.AUDITOR

    def organisations(self, *roles: MembershipRole) -> frozenset[str]:
        """References of the organisations where the user has one of `roles`."""
        return frozenset(organisation for organisation, role in self.memberships if role in roles)

    def is_in(self, organisation: str, *roles: MembershipRole) -> bool:
        """True if the user has one of `roles` in that organisation."""
        return organisation in self.organisations(*roles)


def by_session_id(session: Session, session_id: str) -> SignedIn | None:
    """The active user whom a session cookie names, unless that session was ended."""
    public_id, _, version = session_id.partition(".")
    try:
        wanted, wanted_version = UUID(public_id), int(version)
    except ValueError:
        return None
    user = _signed_in(session, User.public_id == wanted)
    return user if user is not None and user.session_version == wanted_version else None


def by_email(session: Session, email: str) -> SignedIn | None:
    """The active user with this (lower-cased) e-mail address."""
    return _signed_in(session, User.email == email)


def password_hash_of(session: Session, email: str) -> tuple[int, str] | None:
    """The id and password hash of an active user who can sign in by password."""
    row = session.execute(select(User.id, User.password_hash).where(User.email == email, User.active)).one_or_none()
    if row is None:
        return None
    user_id, password_hash = row
    return None if password_hash is None else (user_id, password_hash)


def _signed_in(session: Session, condition: ColumnElement[bool]) -> SignedIn | None:
    """One statement: the user's row as often as there are memberships."""
    rows = session.execute(
        select(User, Membership.organisation, Membership.role)
        .outerjoin(Membership, Membership.user_id == User.id)
        .where(condition, User.active)
    ).all()
    memberships = set()
    found = None
    for user, organisation, role in rows:
        found = user
        if organisation is not None:
            memberships.add((organisation, role))
    if found is None:
        return None
    return SignedIn(
        id=found.id,
        public_id=found.public_id,
        name=found.name,
        email=found.email,
        role=found.role,
        locale=found.locale,
        session_version=found.session_version,
        memberships=frozenset(memberships),
    )
