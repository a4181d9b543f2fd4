"""The organiser's door to what donors wrote to them."""

from flask import g, render_template

from donate.db import reading
from donate.giving import queries
from donate.people.models import MembershipRole
from donate.people.queries import SignedIn


def messages() -> str:
    """Words of donors to the campaigns of the user's organisations."""
    user: SignedIn = g.user
    organisations = user.organisations(MembershipRole.OWNER, MembershipRole.EDITOR, MembershipRole.TREASURER)
    with reading() as session:
        found = queries.messages(session, organisations)
    return render_template("organiser/messages.html", messages=found)


ROUTES = [("/desk/messages", messages, ["GET"])]
