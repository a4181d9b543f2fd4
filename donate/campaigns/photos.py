"""Photos of campaigns and updates: what is declared about children in them, and who may see which file."""

from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.campaigns.lifecycle import EDITABLE, LIVE, PUBLIC, Actor, State
from donate.campaigns.loading import Access, reachable_by
from donate.campaigns.models import Campaign, CampaignUpdate, UpdatePhoto
from donate.campaigns.service import PlanIsFixed, note_version
from donate.errors import N_, DonateError
from donate.files.photo import Photo
from donate.files.service import keep_photo
from donate.files.store import Store
from donate.people.queries import SignedIn
from donate.text import clean_line

MOST_ALT = 300


class Children(StrEnum):
    """What the sender declares about children in a photo."""

    NONE = "none"
    UNRECOGNISABLE = "unrecognisable"
    RECOGNISABLE = "recognisable"

    @property
    def sentence(self) -> str:
        return CHILDREN_SENTENCES[self]


CHILDREN_SENTENCES = {
    Children.NONE: N_("No children in it"),
    Children.UNRECOGNISABLE: N_("Children, but nobody can tell who they are"),
    Children.RECOGNISABLE: N_("Children whom one can recognise"),
}


class ChildrenNotDeclared(DonateError):
    sentence = N_("Say whether children can be seen in the photo.")
    field = "children"


class ConsentMissing(DonateError):
    sentence = N_(
        "A photo in which children can be recognised is taken only with the written consent of their guardians."
    )
    field = "consent"


class DescriptionMissing(DonateError):
    sentence = N_("Describe the photo in a few words, for those who cannot see it.")
    field = "alt_zh"


def declared(children: str | None, *, consent: bool) -> Children:
    """The declaration, complete. Raises ChildrenNotDeclared, ConsentMissing."""
    if children not in set(Children):
        raise ChildrenNotDeclared
    if children == Children.RECOGNISABLE and not consent:
        raise ConsentMissing
    return Children(children)


def described(alt_zh: str, alt_en: str) -> tuple[str, str]:
    """The description in one language at least. Raises DescriptionMissing, TextTooLong."""
    pair = clean_line(alt_zh, MOST_ALT), clean_line(alt_en, MOST_ALT)
    if not any(pair):
        raise DescriptionMissing
    return pair


def set_cover(
    session: Session,
    store: Store,
    campaign: Campaign,
    actor: Actor,
    photo: Photo,
    *,
    alt_zh: str,
    alt_en: str,
    children: str | None,
    consent: bool,
) -> None:
    """The campaign's picture, in place of the one before.

    Raises PlanIsFixed, ChildrenNotDeclared, ConsentMissing, DescriptionMissing, TextTooLong.
    """
    if State(campaign.state) not in EDITABLE | LIVE:
        raise PlanIsFixed
    kind = declared(children, consent=consent)
    campaign.photo_alt_zh, campaign.photo_alt_en = described(alt_zh, alt_en)
    before = campaign.photo_sha256
    campaign.photo_sha256 = keep_photo(session, store, photo)
    campaign.photo_children = kind
    campaign.photo_consent_declared = kind is Children.RECOGNISABLE
    changed = [before.hex() if before else None, campaign.photo_sha256.hex()]
    note_version(session, campaign, actor, {"photo_sha256": changed})


def is_public(session: Session, sha256: bytes) -> bool:
    """Whether a file is shown by something that everybody may see."""
    covers = select(Campaign.id).where(Campaign.photo_sha256 == sha256, Campaign.state.in_(PUBLIC))
    in_updates = (
        select(UpdatePhoto.id)
        .join(CampaignUpdate, CampaignUpdate.id == UpdatePhoto.update_id)
        .join(Campaign, Campaign.id == CampaignUpdate.campaign_id)
        .where(
            UpdatePhoto.sha256 == sha256,
            UpdatePhoto.removed_at.is_(None),
            CampaignUpdate.published_at.is_not(None),
            Campaign.state.in_(PUBLIC),
        )
    )
    return session.scalar(select(covers.exists() | in_updates.exists())) is True


def may_see(session: Session, user: SignedIn, sha256: bytes) -> bool:
    """Whether a file belongs to something that this user writes or reviews."""
    theirs = reachable_by(user, Access.SEE) | reachable_by(user, Access.REVIEW)
    covers = select(Campaign.id).where(Campaign.photo_sha256 == sha256, theirs)
    in_updates = (
        select(UpdatePhoto.id)
        .join(CampaignUpdate, CampaignUpdate.id == UpdatePhoto.update_id)
        .join(Campaign, Campaign.id == CampaignUpdate.campaign_id)
        .where(UpdatePhoto.sha256 == sha256, UpdatePhoto.removed_at.is_(None), theirs)
    )
    return session.scalar(select(covers.exists() | in_updates.exists())) is True
