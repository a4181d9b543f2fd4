"""Every drawing of the sample world."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from donate.demo.content import CampaignText, UpdateText, campaigns
from donate.demo.landscapes import road, school
from donate.demo.still_lifes import STILL_LIFES
from donate.files.photo import Photo, read_photo


def cover(campaign: CampaignText) -> bytes:
    """The campaign's school in its own hills."""
    return school(campaign.ref, campaign.region)


def of_update(campaign: CampaignText, update: UpdateText) -> bytes:
    """What an update shows: a thing of the kitchen, or the road up to the school."""
    seed = f"{campaign.ref} {update.day}"
    if update.picture == "road":
        return road(seed, campaign.region)
    return STILL_LIFES[update.picture](seed)


@dataclass(frozen=True, slots=True)
class Photos:
    """The drawings taken in as photos, in the order in which campaigns live, while other things are done."""

    _drawn: dict[tuple[str, int | None], Future[Photo]]

    def cover(self, campaign: CampaignText) -> Photo:
        return self._drawn[campaign.ref, None].result()

    def of_update(self, campaign: CampaignText, update: UpdateText) -> Photo:
        return self._drawn[campaign.ref, update.day].result()


@contextmanager
def drawn_meanwhile() -> Iterator[Photos]:
    """One thread draws them all; what is not wanted any more at the end is left undrawn."""
    pencil = ThreadPoolExecutor(1)
    try:
        drawn: dict[tuple[str, int | None], Future[Photo]] = {}
        for campaign in reversed(campaigns()):
            drawn[campaign.ref, None] = pencil.submit(_cover_taken_in, campaign)
            for update in campaign.updates:
                drawn[campaign.ref, update.day] = pencil.submit(_taken_in, campaign, update)
        yield Photos(drawn)
    finally:
        pencil.shutdown(cancel_futures=True)


def _cover_taken_in(campaign: CampaignText) -> Photo:
    return read_photo(cover(campaign))


def _taken_in(campaign: CampaignText, update: UpdateText) -> Photo:
    return read_photo(of_update(campaign, update))
