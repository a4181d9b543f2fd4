"""The door to sign in and out."""

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from donate.people import entrance, limits, signin
from donate.people.models import MembershipRole
from donate.people.queries import SignedIn
from donate.same_site import require_same_site

Page = str | tuple[str, int] | Response


def sign_in() -> Page:
    onward = signin.own_path(request.values.get("next"))
    if request.method == "GET":
        return render_template("session/sign_in.html", onward=onward, email="", errors={})
    require_same_site()
    email = request.form.get("email", "")
    try:
        user = entrance.enter(
            email=email, password=request.form.get("password", ""), network=limits.network_of(request.remote_addr or "")
        )
    except (entrance.WrongEmailOrPassword, limits.TooManyAttempts) as error:
        return render_template(
            "session/sign_in.html", onward=onward, email=email, errors={error.field or "": error}
        ), error.status
    signin.begin(user)
    return redirect(onward or home_of(user), 303)


def sign_out() -> Response:
    require_same_site()
    signin.end()
    return redirect(url_for("session.sign_in", locale=g.locale), 303)


def home_of(user: SignedIn) -> str:
    """The first page after signing in: the desk that the user's roles open."""
    working = (MembershipRole.OWNER, MembershipRole.EDITOR, MembershipRole.TREASURER)
    if user.organisations(*working):
        return url_for("organiser.desk", locale=g.locale)
    if user.organisations(MembershipRole.REVIEWER):
        return url_for("reviewer.desk", locale=g.locale)
    if user.is_admin:
        return url_for("staff.desk", locale=g.locale)
    if user.is_auditor:
        return url_for("auditor.desk", locale=g.locale)
    return url_for("user.password", locale=g.locale)


ROUTES = [
    ("/sign-in", sign_in, ["GET", "POST"]),
    ("/sign-out", sign_out, ["POST"]),
]
