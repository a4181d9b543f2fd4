"""The door to what belongs to every signed-in user: their password."""

from collections.abc import Mapping

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from donate.errors import N_, DonateError
from donate.people import entrance, limits, signin
from donate.people.queries import SignedIn

Page = str | tuple[str, int] | Response


class PasswordsDiffer(DonateError):
    sentence = N_("The two new passwords are not the same.")
    field = "again"


def home() -> Response:
    """The first desk that the user's roles open; without a role there is only the password to change."""
    return redirect(url_for(g.desks[0] if g.desks else "user.password"), 303)


def password() -> Page:
    user = signin.signed_in_user()
    if request.method == "GET":
        return render_template("user/password.html", user=user, errors={}, changed="changed" in request.args)
    try:
        renewed = _change(user, request.form)
    except DonateError as error:
        return render_template(
            "user/password.html", user=user, errors={error.field or "": error}, changed=False
        ), error.status
    signin.begin(renewed)
    return redirect(url_for("user.password", changed=1), 303)


def _change(user: SignedIn, form: Mapping[str, str]) -> SignedIn:
    new = form.get("password", "")
    if new != form.get("again", ""):
        raise PasswordsDiffer
    network = limits.network_of(request.remote_addr or "")
    return entrance.change_password(user, present=form.get("present", ""), new=new, network=network)


ROUTES = [
    ("/home", home, ["GET"]),
    ("/password", password, ["GET", "POST"]),
]
