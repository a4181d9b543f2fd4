"""Making users and deciding what they may do."""

import re
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError, NotFound
from donate.people import passwords
from donate.people.models import GlobalRole, Membership, MembershipRole, User
from donate.text import clean_line

_EMAIL = re.compile(r"[^@\s<>,;:\"\\()\[\]]+@[^@\s<>,;:\"\\()\[\]]+")
MOST_EMAIL_CHARACTERS = 254
MOST_NAME_CHARACTERS = 100


class NotAnEmail(DonateError):
    sentence = N_("This is not an e-mail address: it needs a name, an @ and a place, such as li@example.org.")
    field = "email"


class EmailTaken(DonateError):
    sentence = N_("A user with this e-mail address exists already.")
    field = "email"
    status = 409


class NameMissing(DonateError):
    sentence = N_("Please give a name.")
    field = "name"


class UnknownRole(DonateError):
    sentence = N_("There is no role called %(role)s.")
    field = "role"


class NoSuchMembership(DonateError):
    sentence = N_("This user is no %(role)s of %(organisation)s.")
    status = 404


def normal_email(text: str) -> str:
    """The e-mail address in the one spelling that is stored and looked up. Raises NotAnEmail."""
    email = text.strip().lower()
    if len(email) > MOST_EMAIL_CHARACTERS or not email.isprintable() or not _EMAIL.fullmatch(email):
        raise NotAnEmail
    return email


def create_user(
    session: Session, *, email: str, name: str, password: str | None, role: str | None = None, locale: str = "zh"
) -> User:
    """A new user. Without a password they cannot sign in until one is set. Raises EmailTaken and what is wrong."""
    email, name = normal_email(email), clean_line(name, MOST_NAME_CHARACTERS)
    if not name:
        raise NameMissing
    user = User(email=email, name=name, role=_known(GlobalRole, role), locale=locale)
    if password is not None:
        passwords.check_strength(password, email=email)
        user.password_hash = passwords.current().hash(password)
    if session.scalar(select(User.id).where(User.email == email)) is not None:
        raise EmailTaken
    session.add(user)
    session.flush()
    return user


def set_password(session: Session, *, user_id: int, password: str) -> int:
    """A new password, which ends every session of the user. Returns the new session version."""
    user = _locked(session, user_id)
    passwords.check_strength(password, email=user.email)
    user.password_hash = passwords.current().hash(password)
    user.session_version += 1
    session.flush()
    return user.session_version


def renew_hash(session: Session, *, user_id: int, password: str) -> None:
    """Store the same password under today's parameters; sessions go on."""
    new_hash = passwords.current().hash(password)
    session.execute(update(User).where(User.id == user_id).values(password_hash=new_hash))


def end_sessions(session: Session, *, user_id: int) -> int:
    """Sign the user out everywhere. Returns the new session version."""
    user = _locked(session, user_id)
    user.session_version += 1
    session.flush()
    return user.session_version


def deactivate(session: Session, *, user_id: int) -> None:
    """The user can no longer sign in, and every session ends. What they did keeps their name."""
    user = _locked(session, user_id)
    user.active = False
    user.session_version += 1
    session.flush()


def add_membership(session: Session, *, user_id: int, organisation: str, role: str) -> None:
    """Give a user a role in an organisation; giving it twice changes nothing."""
    known = _known(MembershipRole, role)
    session.execute(
        insert(Membership)
        .values(user_id=_locked(session, user_id).id, organisation=organisation, role=known, since_at=clock.now())
        .on_conflict_do_nothing()
    )


def remove_membership(session: Session, *, user_id: int, organisation: str, role: str) -> None:
    """Take a role in an organisation from a user, from their next request on. Raises NoSuchMembership."""
    gone = session.scalar(
        delete(Membership)
        .where(Membership.user_id == user_id, Membership.organisation == organisation, Membership.role == role)
        .returning(Membership.user_id)
    )
    if gone is None:
        raise NoSuchMembership(role=role, organisation=organisation[:60])


def user_id_of(session: Session, *, email: str | None = None, public_id: UUID | None = None) -> int:
    """The id behind an e-mail address or a public id. Raises NotFound."""
    condition = User.email == normal_email(email) if email is not None else User.public_id == public_id
    user_id = session.scalar(select(User.id).where(condition))
    if user_id is None:
        raise NotFound
    return user_id


def _known(roles: type[GlobalRole] | type[MembershipRole], role: str | None) -> str | None:
    if role is None or role in set(roles):
        return role
    raise UnknownRole(role=role)


def _locked(session: Session, user_id: int) -> User:
    user = session.get(User, user_id, with_for_update=True)
    if user is None:
        raise NotFound
    return user
