"""The staff's door to money that is not as agreed."""

from flask import render_template

from donate.db import reading
from donate.giving import queries


def unbooked_money() -> str:
    """What the provider holds and nobody has explained yet."""
    with reading() as session:
        standing = queries.standing_money(session)
    return render_template("staff/unbooked_money.html", standing=standing)


ROUTES = [("/staff/unbooked-money", unbooked_money, ["GET"])]
