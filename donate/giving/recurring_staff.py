"""The staff's door to standing promises, those of all hosts together."""

from flask import render_template

from donate.db import reading
from donate.giving.recurring_queries import monthly_lines


def monthly_donations() -> str:
    with reading() as session:
        lines = monthly_lines(session)
    return render_template("staff/monthly_donations.html", lines=lines)


ROUTES = [("/staff/monthly", monthly_donations, ["GET"])]
