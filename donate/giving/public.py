"""The public's door to giving: the page of a campaign, with what was given and the form to give."""

from typing import TYPE_CHECKING

from flask import render_template

from donate.campaigns import markdown
from donate.campaigns.campaign_page import campaign_page
from donate.db import reading
from donate.giving import pages

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue


def campaign(ref: str) -> "ResponseReturnValue":
    """The form on this page is a GET to the give page, so the page holds nothing of its reader and may be kept."""
    with reading() as session:
        page = campaign_page(session, ref)
        recent = pages.recent_donations(session, page.campaign.book_id, ref, page.on)
    return render_template(
        "public/campaign.html",
        page=page,
        campaign=page.campaign,
        figures=page.figures,
        recent=recent,
        offer=pages.offer(page),
        story=markdown.rendered,
    )


ROUTES = [("/c/<ref>", campaign, ["GET"])]
