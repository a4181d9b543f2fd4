"""The glue between users and Flask-Login: cookies, who is signed in, how long ago."""

from datetime import timedelta

from flask import Flask, Response, g, request
from flask import session as cookie
from flask_login import LoginManager, current_user, login_fresh, login_user, logout_user

from donate import clock
from donate.db import reading
from donate.errors import N_, DonateError
from donate.people import queries
from donate.people.queries import SignedIn
from donate.settings import Settings

SESSION_HOURS = 12
FRESH_FOR = timedelta(minutes=10)
_SIGNED_IN_AT = "signed_in_at"


class SignInNeeded(DonateError):
    sentence = N_("Please sign in first.")
    status = 401


class FreshSignInNeeded(DonateError):
    """The user is signed in, but not recently enough for what they ask."""

    sentence = N_("For this step please give your password once more.")
    status = 401


def install(app: Flask, settings: Settings) -> None:
    secure = settings.is_production
    app.config.update(
        # The prefix __Host- makes browsers refuse the cookie from a subdomain or without TLS.
        SESSION_COOKIE_NAME="__Host-donate" if secure else "donate",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=SESSION_HOURS),
    )
    manager = LoginManager()
    manager._update_remember_cookie = _leave_alone
    manager.session_protection = "basic"
    manager.user_loader(_load)
    manager.init_app(app, add_context_processor=False)


def _leave_alone(response: Response) -> Response:
    """In place of Flask-Login's remember cookie, which we do not use and which looks into the session each time.

    That look would put `Vary: Cookie` on every public page, and no cache could keep one.
    """
    return response


def _load(session_id: str) -> SignedIn | None:
    with reading() as session:
        return queries.by_session_id(session, session_id)


def begin(user: SignedIn) -> None:
    """Start a new session for the user; nothing of an older one is carried over."""
    cookie.clear()
    cookie.permanent = True
    cookie[_SIGNED_IN_AT] = int(clock.now().timestamp())
    login_user(user)


def end() -> None:
    logout_user()
    cookie.clear()


def user_or_none() -> SignedIn | None:
    """Who is signed in. Looks into the session: never call it for a public page."""
    user = current_user._get_current_object()
    return user if isinstance(user, SignedIn) else None


def signed_in_user() -> SignedIn:
    """Who is signed in, for doors behind a guard. Raises SignInNeeded."""
    user = g.get("user") or user_or_none()
    if not isinstance(user, SignedIn):
        raise SignInNeeded
    return user


def require_fresh() -> SignedIn:
    """The user, if they gave their password within the last minutes and from this device. Raises FreshSignInNeeded."""
    user = signed_in_user()
    age = clock.now().timestamp() - cookie.get(_SIGNED_IN_AT, 0)
    if not login_fresh() or age > FRESH_FOR.total_seconds():
        raise FreshSignInNeeded
    return user


def keep_alive() -> None:
    """Let the session live on from now, for as long as the user keeps working."""
    cookie.modified = True


def own_path(text: str | None) -> str | None:
    """`text` if it is a page of ours to go on to after signing in, never another site."""
    if text is None or not text.startswith(("/zh/", "/en/")) or "\\" in text or not text.isprintable():
        return None
    return text


def wanted_path() -> str:
    """The page that was asked for, to come back to."""
    return request.full_path.rstrip("?")
