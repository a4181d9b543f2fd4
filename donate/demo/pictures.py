"""Every drawing of the sample world, made when it is asked for."""

from donate.demo.content import CampaignText, UpdateText
from donate.demo.landscapes import road, school
from donate.demo.still_lifes import STILL_LIFES


def cover(campaign: CampaignText) -> bytes:
    """The campaign's school in its own hills."""
    return school(campaign.ref, campaign.region)


def of_update(campaign: CampaignText, update: UpdateText) -> bytes:
    """What an update shows: a thing of the kitchen, or the road up to the school."""
    seed = f"{campaign.ref} {update.day}"
    if update.picture == "road":
        return road(seed, campaign.region)
    return STILL_LIFES[update.picture](seed)
