"""Photos of campaigns and updates: what is declared about children in them, and who may see which file."""

import re
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.campaigns.lifecycle import EDITABLE, LIVE, PUBLIC, Actor, State
from donate.campaigns.loading import Access, reachable_by
from donate.campaigns.models import Campaign, CampaignUpdate, UpdatePhoto
from donate.campaigns.service import PlanIsFixed, note_version
from donate.errors import N_, DonateError, NotFound
from donate.files.photo import Photo
from donate.files.service import CONTENT_TYPES, keep_photo
from donate.files.store import Store
from donate.people.queries import SignedIn
from donate.text import clean_line

MOST_ALT = 300
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


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


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the sender of a photo says of it: a description, and whether its children can be recognised."""

    alt_zh: str
    alt_en: str
    children: Children

    @property
    def consent_declared(self) -> bool:
        """A declaration with recognisable children is only made together with the consent."""
        return self.children is Children.RECOGNISABLE


def declare(*, alt_zh: str, alt_en: str, children: str | None, consent: bool = False) -> Declaration:
    """A complete declaration.

    Raises DescriptionMissing, ChildrenNotDeclared, ConsentMissing, TextTooLong.
    """
    return Declaration(*described(alt_zh, alt_en), declared(children, consent=consent))


def declared(children: str | None, *, consent: bool) -> Children:
    """Raises ChildrenNotDeclared, ConsentMissing."""
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
    session: Session, store: Store, campaign: Campaign, actor: Actor, photo: Photo, declaration: Declaration
) -> None:
    """The campaign's picture, in place of the one before. Raises PlanIsFixed."""
    if State(campaign.state) not in EDITABLE | LIVE:
        raise PlanIsFixed
    before = campaign.photo_sha256
    campaign.photo_sha256 = keep_photo(session, store, photo)
    campaign.photo_alt_zh, campaign.photo_alt_en = declaration.alt_zh, declaration.alt_en
    campaign.photo_children = declaration.children
    campaign.photo_consent_declared = declaration.consent_declared
    changed = [before.hex() if before else None, campaign.photo_sha256.hex()]
    note_version(session, campaign, actor, {"photo_sha256": changed})


def digest_of(sha256: str, extension: str) -> bytes:
    """The hash that an address names. Raises NotFound for what we would never have written."""
    if extension not in CONTENT_TYPES or _HEX.fullmatch(sha256) is None:
        raise NotFound
    return bytes.fromhex(sha256)


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


def may_see(session: Session, user: SignedIn, sha256: bytes, access: Access) -> bool:
    """Whether a file belongs to something that this user writes (or reviews), public or not."""
    theirs = reachable_by(user, access)
    covers = select(Campaign.id).where(Campaign.photo_sha256 == sha256, theirs)
    in_updates = (
        select(UpdatePhoto.id)
        .join(CampaignUpdate, CampaignUpdate.id == UpdatePhoto.update_id)
        .join(Campaign, Campaign.id == CampaignUpdate.campaign_id)
        .where(UpdatePhoto.sha256 == sha256, UpdatePhoto.removed_at.is_(None), theirs)
    )
    return session.scalar(select(covers.exists() | in_updates.exists())) is True
