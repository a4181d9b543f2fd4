"""The public's door to settling: how payments are doing."""

from flask import render_template

from donate.db import reading
from donate.settling.health import payment_health


def payments() -> str:
    with reading() as session:
        health = payment_health(session)
    return render_template("public/payments.html", health=health)


ROUTES = [("/health-of-payments", payments, ["GET"])]
