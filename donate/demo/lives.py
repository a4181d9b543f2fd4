"""Campaigns live their past through the same services as real ones: written, filed, opened, reported on, closed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from uuid import uuid4

from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns import photos, prices, review, service, updates
from donate.campaigns.lifecycle import Actor, ActorKind
from donate.campaigns.models import Campaign
from donate.campaigns.service import SchoolName
from donate.demo.content import CampaignText, UpdateText, host_of, on
from donate.demo.past import Past, morning
from donate.demo.pictures import Photos
from donate.files.store import Store
from donate.organisations.models import Organisation

# Days from a campaign's first day on which its plan was written, handed in and filed.
WRITTEN, HANDED_IN, FILED = -46, -32, -24
PERSON_IN_CHARGE = "示例负责人 (sample)"


class Step(Protocol):
    """Something that happens to a campaign on one day."""

    def __call__(self, session: Session, campaign: Campaign) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who acts: the organisations by reference, one writer for each partner, one reviewer for each host."""

    organisations: dict[str, Organisation]
    writers: dict[str, Actor]
    reviewers: dict[str, Actor]
    store: Store
    photos: Photos


def live(session: Session, text: CampaignText, cast: Cast, past: Past) -> Campaign:
    """Take one campaign through its whole past, day by day."""
    writer = cast.writers[text.partner]
    with clock.frozen_at(morning(past.today, _written_on(text))):
        campaign = _write(session, text, cast, writer, past)
    for day, step in sorted(_steps(text, cast, past), key=lambda dated: dated[0]):
        with clock.frozen_at(morning(past.today, day)):
            step(session, campaign)
    return campaign


def _written_on(text: CampaignText) -> int:
    return min(text.first_day + WRITTEN, {"draft": -3, "submitted": -20}.get(text.state, -1))


def _write(session: Session, text: CampaignText, cast: Cast, writer: Actor, past: Past) -> Campaign:
    host = host_of(text)
    campaign = service.create_campaign(
        session,
        host=cast.organisations[host.ref],
        partner=cast.organisations[text.partner],
        actor=writer,
        title_zh=text.texts["title_zh"],
        title_en=text.texts["title_en"],
        ref=text.ref,
    )
    changes: dict[str, object] = {
        **text.texts,
        **host.legal,
        "county_code": text.county,
        "goal_minor": text.goal_minor,
        "starts_on": on(past.today, text.first_day),
        "ends_on": on(past.today, text.last_day),
        "person_in_charge": PERSON_IN_CHARGE,
        "contact": host.facts["phone"],
    }
    service.edit_campaign(session, campaign, writer, changes)
    service.set_schools(session, campaign, writer, [SchoolName(zh, en) for zh, en in text.schools])
    _set_price(session, campaign, text=text, which=0, past=past)
    photos.set_cover(
        session,
        cast.store,
        campaign,
        writer,
        cast.photos.cover(text),
        photos.declare(alt_zh=text.alt_zh, alt_en=text.alt_en, children="none"),
    )
    return campaign


def _set_price(session: Session, campaign: Campaign, *, text: CampaignText, which: int, past: Past) -> None:
    price = text.prices[which]
    prices.set_price(
        session,
        campaign,
        amount_minor=price.fen,
        source_zh=price.source_zh,
        source_en=price.source_en,
        effective_on=on(past.today, price.day),
        today=on(past.today, price.day),
    )


def _steps(text: CampaignText, cast: Cast, past: Past) -> Iterator[tuple[int, Step]]:
    writer, reviewer = cast.writers[text.partner], cast.reviewers[host_of(text).ref]
    if text.state == "draft":
        return
    handed_in = min(text.first_day + HANDED_IN, -6)
    yield handed_in, lambda session, campaign: service.submit(session, campaign, writer)
    if text.state == "submitted":
        return
    number = f"{host_of(text).facts['credit_code']}A{on(past.today, text.first_day):%y}{_number(text):03d}"
    yield text.first_day + FILED, lambda session, campaign: review.accept(session, campaign, reviewer, number)
    yield text.first_day, lambda session, campaign: review.open_raising(session, campaign, reviewer)
    for which, price in enumerate(text.prices[1:], start=1):
        yield price.day, partial(_set_price, text=text, which=which, past=past)
    for update in text.updates:
        yield update.day, partial(_post, text=text, update=update, cast=cast, past=past)
    if text.has_ended:
        yield text.last_day + 1, lambda session, campaign: review.end_raising(session, campaign, reviewer)
    if text.state == "closed":
        closed_on = max(text.last_day + 30, max(update.day for update in text.updates) + 2)
        yield closed_on - 1, lambda session, campaign: review.start_closing(session, campaign, reviewer)
        yield closed_on, lambda session, campaign: review.close(session, campaign, reviewer)


def _number(text: CampaignText) -> int:
    """A filing number's last figures: some number that belongs to this campaign."""
    return sum(map(ord, text.ref)) % 900 + 1


def _post(
    session: Session, campaign: Campaign, *, text: CampaignText, update: UpdateText, cast: Cast, past: Past
) -> None:
    writer = cast.writers[text.partner]
    figures = _figures(text, update, past)
    posted = updates.post_update(
        session,
        campaign,
        writer,
        updates.update_text(
            title_zh=update.title_zh,
            title_en=update.title_en,
            body_zh=update.body_zh.format(**figures),
            body_en=update.body_en.format(**figures),
            is_narrative=not update.has_figures,
        ),
        token=uuid4(),
        publish=True,
    )
    updates.add_photo(
        session,
        cast.store,
        campaign,
        posted,
        writer,
        cast.photos.of_update(text, update),
        photos.declare(alt_zh=update.alt_zh, alt_en=update.alt_en, children="none"),
        token=uuid4(),
    )


def _figures(text: CampaignText, update: UpdateText, past: Past) -> dict[str, str]:
    """What the ledger says on the morning of the update."""
    paid = past.paid_minor(text.ref, update.day - 1)
    return {
        "paid": f"{paid // 100:,}.{paid % 100:02d}",
        "meals": f"{paid // text.price_minor(update.day):,}",
        "donations": f"{past.donation_count(text.ref, update.day - 1):,}",
    }


def writer(user_id: int) -> Actor:
    return Actor(ActorKind.ORGANISER, user_id)


def reviewer(user_id: int) -> Actor:
    return Actor(ActorKind.REVIEWER, user_id)
