"""Save a whole plan form at once: everything or nothing, with every error told."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from donate.campaigns import service
from donate.campaigns.counties import CountyUnclear, county_typed
from donate.campaigns.forms import PlanForm
from donate.campaigns.lifecycle import Actor
from donate.campaigns.models import Campaign
from donate.errors import N_, DonateError


class PlanNotSaved(DonateError):
    """One or more fields could not be taken; nothing was saved."""

    sentence = N_("Nothing was saved yet: some fields need mending.")

    def __init__(self, errors: dict[str, DonateError]) -> None:
        super().__init__()
        self.errors = errors


def save_plan(session: Session, campaign: Campaign, actor: Actor, form: PlanForm) -> None:
    """Save what the form holds. Raises PlanNotSaved with every error, under the names of the fields."""
    errors = dict(form.errors)
    with _kept(errors, "county"):
        if form.county is not None:
            form.columns["county_code"] = county_typed(session, form.county, now=campaign.county_code)
    with _kept(errors, ""):
        service.edit_campaign(session, campaign, actor, form.columns)
    with _kept(errors, "schools"):
        if form.schools is not None:
            service.set_schools(session, campaign, actor, form.schools)
    with _kept(errors, ""):
        if form.price_minor is not None:
            service.price_in_plan(
                session,
                campaign,
                amount_minor=form.price_minor,
                source_zh=form.source_zh,
                source_en=form.source_en,
            )
    if errors:
        order = ["", *form.typed]
        raise PlanNotSaved(
            dict(sorted(errors.items(), key=lambda item: order.index(item[0]) if item[0] in order else -1))
        )


@contextmanager
def _kept(errors: dict[str, DonateError], name: str) -> Iterator[None]:
    try:
        yield
    except DonateError as error:
        errors[name or error.field or ""] = error


def candidates(errors: dict[str, DonateError]) -> CountyUnclear | None:
    """The choice of counties that the form has to offer, if the typed name was unclear."""
    error = errors.get("county")
    return error if isinstance(error, CountyUnclear) else None
