"""The door to sign in and out."""

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from donate.people import entrance, limits, signin
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
    return redirect(onward or url_for("user.home"), 303)


def sign_out() -> Response:
    require_same_site()
    signin.end()
    return redirect(url_for("session.sign_in"), 303)


ROUTES = [
    ("/sign-in", sign_in, ["GET", "POST"]),
    ("/sign-out", sign_out, ["POST"]),
]
