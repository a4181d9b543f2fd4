"""The public's door to campaigns: home, the list, an update, an organisation, and the page of all parts."""

from typing import TYPE_CHECKING

from flask import render_template, request

from donate import clock
from donate.campaigns import campaign_page, markdown, pages
from donate.campaigns.campaign_page import is_reference
from donate.db import reading
from donate.errors import NotFound
from donate.ledger import cover
from donate.organisations.queries import organisation_page
from donate.publiclog.queries import position
from donate.text import clean_line

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

# Public lists count their days where the sample of our campaigns is; a campaign's own page uses its book's zone.
TIME_ZONE = "Asia/Shanghai"


def home() -> "ResponseReturnValue":
    with reading() as session:
        page = pages.home_page(session, clock.today(TIME_ZONE))
    return render_template("public/home.html", page=page, time_zone=TIME_ZONE)


def campaigns() -> "ResponseReturnValue":
    wanted = pages.Filter(
        text=clean_line(request.args.get("q", "")[: pages.LONGEST_QUERY], pages.LONGEST_QUERY),
        place=_place(request.args.get("province", ""), request.args.get("county", "")),
        with_ended=request.args.get("all") == "yes",
        before=request.args.get("before", type=_row_id),
    )
    with reading() as session:
        page = pages.campaigns_page(session, wanted, clock.today(TIME_ZONE))
    return render_template("public/campaigns.html", page=page, wanted=wanted)


def update(ref: str, update_id: int) -> "ResponseReturnValue":
    with reading() as session:
        page = campaign_page.update_page(session, ref, update_id)
    return render_template("public/update.html", page=page, rendered=markdown.rendered)


def organisation(ref: str) -> "ResponseReturnValue":
    today = clock.today(TIME_ZONE)
    if not is_reference(ref):
        raise NotFound
    with reading() as session:
        page = organisation_page(session, ref, today)
        cards = pages.cards_of_organisation(session, page.id, today)
        fee_funds = cover.held(session, ref) if page.kind == "host" else ()
        newest = position(session) if fee_funds else None
    return render_template(
        "public/organisation.html",
        page=page,
        cards=cards,
        fee_funds=fee_funds,
        position=newest,
        rendered=markdown.rendered,
    )


def style() -> "ResponseReturnValue":
    return render_template("public/style.html", sample_day=clock.today(TIME_ZONE))


def _row_id(typed: str) -> int:
    """An id as our own links carry it; ValueError, and so no id at all, for anything that can be none."""
    if len(typed) > 18:
        raise ValueError(typed)
    return int(typed)


def _place(province: str, county: str) -> str:
    """The narrower of the two; a county that was chosen under another province before counts no more."""
    province, county = _place_code(province), _place_code(county)
    return county if county and (not province or province[:2] == county[:2]) else province


def _place_code(typed: str) -> str:
    """A GB/T 2260 code as the filter sends it; anything else looks for no place."""
    return typed if len(typed) == 6 and typed.isascii() and typed.isdigit() else ""


ROUTES = [
    ("/", home, ["GET"]),
    ("/campaigns", campaigns, ["GET"]),
    ("/c/<ref>/updates/<int(max=9223372036854775807):update_id>", update, ["GET"]),
    ("/o/<ref>", organisation, ["GET"]),
    ("/style", style, ["GET"]),
]
