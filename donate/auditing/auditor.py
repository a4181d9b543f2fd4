"""The auditor's desk: where the books stand, what the last checks found, and every file to work on."""

from flask import render_template

from donate.auditing import queries
from donate.auditing import status as status_queries
from donate.db import reading


def desk() -> str:
    with reading() as session:
        status = status_queries.status(session)
        campaigns = queries.campaign_choices(session)
    return render_template("auditor/desk.html", status=status, campaigns=campaigns)


ROUTES = [("/audit", desk, ["GET"])]
