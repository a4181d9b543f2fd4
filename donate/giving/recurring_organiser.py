"""The organiser's door to standing promises: how many go well, and where a bank refused."""

from flask import g, render_template

from donate.db import reading
from donate.giving.recurring_queries import monthly_lines
from donate.people.models import MembershipRole
from donate.people.queries import SignedIn


def monthly_donations() -> str:
    """Those to campaigns of the user's organisations."""
    user: SignedIn = g.user
    organisations = user.organisations(MembershipRole.OWNER, MembershipRole.EDITOR, MembershipRole.TREASURER)
    with reading() as session:
        lines = monthly_lines(session, organisations)
    return render_template("organiser/monthly_donations.html", lines=lines)


ROUTES = [("/desk/monthly", monthly_donations, ["GET"])]
