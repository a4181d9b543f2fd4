"""The staff's door to the provider's messages that could not be handled yet."""

from flask import render_template

from donate.db import reading
from donate.payments import queries


def failed_events() -> str:
    """What is kept and tried again, without its content; and how the inbox stands."""
    with reading() as session:
        failed = queries.failed_events(session)
        inbox = queries.inbox_health(session)
    return render_template("staff/failed_events.html", failed=failed, inbox=inbox)


ROUTES = [("/staff/failed-messages", failed_events, ["GET"])]
