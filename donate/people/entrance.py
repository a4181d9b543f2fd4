"""Signing in by password: counted, in constant time, with one answer for every kind of no.

The transactions are opened here and not by the door: an attempt counts even when it fails, and no transaction is
held open while a password is hashed.
"""

from datetime import timedelta

from sqlalchemy.orm import Session

from donate.db import reading, transaction
from donate.errors import N_, DonateError
from donate.people import limits, passwords, queries, service
from donate.people.queries import SignedIn

WINDOW = timedelta(minutes=15)
# Few for one user from one network, more for one user from everywhere (so that a stranger cannot simply lock somebody
# out), most for one network over all users: a school shares one.
MOST_BY_BOTH, MOST_BY_EMAIL, MOST_BY_NETWORK = 10, 50, 100
BOTH_SCOPE, EMAIL_SCOPE, NETWORK_SCOPE = "sign_in", "sign_in_email", "sign_in_network"


class WrongEmailOrPassword(DonateError):
    """The same words whether the user exists or not."""

    sentence = N_("The e-mail address or the password is not right.")
    field = "email"


class WrongPassword(DonateError):
    sentence = N_("This is not your present password.")
    field = "present"


def enter(*, email: str, password: str, network: str) -> SignedIn:
    """The user with this e-mail address and password. Raises WrongEmailOrPassword or TooManyAttempts."""
    email = email.strip().lower()[: service.MOST_EMAIL_CHARACTERS]
    password = password[: passwords.MOST_CHARACTERS + 1]
    _count_attempt(email, network)
    with reading() as session:
        found = queries.password_hash_of(session, email)
    if not passwords.current().matches(found[1] if found else None, password) or found is None:
        raise WrongEmailOrPassword
    user_id, password_hash = found
    with transaction() as session:
        _forget_attempts(session, email, network)
        if passwords.current().is_outdated(password_hash):
            service.renew_hash(session, user_id=user_id, password=password)
        user = queries.by_email(session, email)
    if user is None:  # deactivated in this moment
        raise WrongEmailOrPassword
    return user


def change_password(user: SignedIn, *, present: str, new: str, network: str) -> SignedIn:
    """The user with the new password; every other session has ended. Raises WrongPassword, TooManyAttempts."""
    _count_attempt(user.email, network)
    with reading() as session:
        found = queries.password_hash_of(session, user.email)
    if not passwords.current().matches(found[1] if found else None, present):
        raise WrongPassword
    with transaction() as session:
        _forget_attempts(session, user.email, network)
        service.set_password(session, user_id=user.id, password=new)
        renewed = queries.by_email(session, user.email)
    if renewed is None:
        raise WrongPassword
    return renewed


def _count_attempt(email: str, network: str) -> None:
    counted = (
        (NETWORK_SCOPE, network, MOST_BY_NETWORK),
        (EMAIL_SCOPE, email, MOST_BY_EMAIL),
        (BOTH_SCOPE, _both(email, network), MOST_BY_BOTH),
    )
    with transaction() as session:
        # Each is counted, also when another one has said no already.
        allowed = [
            limits.allow(session, scope=scope, key=key, most=most, within=WINDOW) for scope, key, most in counted
        ]
    if not all(allowed):
        raise limits.TooManyAttempts(minutes=int(WINDOW.total_seconds()) // 60)


def _forget_attempts(session: Session, email: str, network: str) -> None:
    limits.forget(session, scope=EMAIL_SCOPE, key=email)
    limits.forget(session, scope=BOTH_SCOPE, key=_both(email, network))


def _both(email: str, network: str) -> str:
    return f"{network}\n{email}"
