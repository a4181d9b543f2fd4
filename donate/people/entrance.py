"""Signing in by password: counted, in constant time, with one answer for every kind of no.

The transactions are opened here and not by the door: an attempt counts even when it fails, and no transaction is
held open while a password is hashed.
"""

from datetime import timedelta

from donate.db import reading, transaction
from donate.errors import N_, DonateError
from donate.people import limits, passwords, queries, service
from donate.people.queries import SignedIn

WINDOW = timedelta(minutes=15)
MOST_BY_EMAIL = 10
MOST_BY_NETWORK = 100
EMAIL_SCOPE, NETWORK_SCOPE = "sign_in_email", "sign_in_network"


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
        limits.forget(session, scope=EMAIL_SCOPE, key=email)
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
        limits.forget(session, scope=EMAIL_SCOPE, key=user.email)
        service.set_password(session, user_id=user.id, password=new)
        renewed = queries.by_email(session, user.email)
    if renewed is None:
        raise WrongPassword
    return renewed


def _count_attempt(email: str, network: str) -> None:
    with transaction() as session:
        by_network = limits.allow(session, scope=NETWORK_SCOPE, key=network, most=MOST_BY_NETWORK, within=WINDOW)
        by_email = limits.allow(session, scope=EMAIL_SCOPE, key=email, most=MOST_BY_EMAIL, within=WINDOW)
    if not (by_network and by_email):
        raise limits.TooManyAttempts(minutes=int(WINDOW.total_seconds()) // 60)
