"""Who may enter which audience's doors. A guard runs before every view of its blueprint."""

from collections.abc import Callable

from flask import Flask, g
from flask_wtf.csrf import CSRFProtect

from donate.db import reading
from donate.errors import N_, DonateError
from donate.organisations.queries import organisations_named
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


def may_organise(user: SignedIn) -> bool:
    return bool(user.organisations(MembershipRole.OWNER, MembershipRole.EDITOR, MembershipRole.TREASURER))


def may_review(user: SignedIn) -> bool:
    """Reviewers and owners of a host; administrators, who stand in where a host has nobody."""
    if user.is_admin:
        return True
    reviewed = user.organisations(MembershipRole.OWNER, MembershipRole.REVIEWER)
    if not reviewed:
        return False
    with reading() as session:
        return any(organisation.kind == "host" for organisation in organisations_named(session, reviewed))


def may_audit(user: SignedIn) -> bool:
    return user.is_admin or user.is_auditor


# The first page of each audience, in the order in which a user with several roles is taken there.
DESKS: tuple[tuple[str, Callable[[SignedIn], bool]], ...] = (
    ("staff.desk", lambda user: user.is_admin),
    ("organiser.desk", may_organise),
    ("reviewer.desk", may_review),
    ("auditor.desk", may_audit),
)


def signed_in() -> None:
    """Any signed-in user, with the token that proves a form came from a page of theirs."""
    user = signin.user_or_none()
    if user is None:
        raise signin.SignInNeeded
    g.user = user
    g.desks = [desk for desk, may_enter in DESKS if may_enter(user)]
    csrf.protect()
    signin.keep_alive()


def only_at(desk: str) -> Callable[[], None]:
    """The guard of the audience whose first page is `desk`."""

    def guard() -> None:
        signed_in()
        if desk not in g.desks:
            raise NotYourDoor

    return guard


organiser = only_at("organiser.desk")
reviewer = only_at("reviewer.desk")
admin = only_at("staff.desk")
auditor = only_at("auditor.desk")
