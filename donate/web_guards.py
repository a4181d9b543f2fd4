"""Who may enter which audience's doors. A guard runs before every view of its blueprint."""

from collections.abc import Callable

from flask import Flask, g
from flask_wtf.csrf import CSRFProtect

from donate.errors import N_, DonateError
from donate.people import signin
from donate.people.models import MembershipRole
from donate.people.queries import SignedIn

csrf = CSRFProtect()


class NotYourDoor(DonateError):
    """Signed in, but without the role that this part of the house is for."""

    sentence = N_("Your sign-in does not open this part. Ask an owner of your organisation for the role that does.")
    status = 403


def install(app: Flask) -> None:
    """Tokens are checked by the guards, not on every request: donors' forms have no session to hold one."""
    app.config.update(WTF_CSRF_CHECK_DEFAULT=False, WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_SSL_STRICT=False)
    csrf.init_app(app)


def signed_in() -> None:
    """Any signed-in user, with the token that proves a form came from a page of theirs."""
    user = signin.user_or_none()
    if user is None:
        raise signin.SignInNeeded
    g.user = user
    csrf.protect()
    signin.keep_alive()


def only(may_enter: Callable[[SignedIn], bool]) -> Callable[[], None]:
    def guard() -> None:
        signed_in()
        if not may_enter(g.user):
            raise NotYourDoor

    return guard


organiser = only(
    lambda user: bool(user.organisations(MembershipRole.OWNER, MembershipRole.EDITOR, MembershipRole.TREASURER))
)
reviewer = only(lambda user: user.is_admin or bool(user.organisations(MembershipRole.OWNER, MembershipRole.REVIEWER)))
admin = only(lambda user: user.is_admin)
auditor = only(lambda user: user.is_admin or user.is_auditor)
