"""An organiser's updates: the text is saved first, photos follow one by one and may be sent again."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns.lifecycle import LIVE, Actor, State
from donate.campaigns.models import Campaign, CampaignUpdate, UpdatePhoto
from donate.campaigns.photos import Declaration
from donate.errors import N_, DonateError, NotFound
from donate.files.photo import Photo
from donate.files.service import keep_photo
from donate.files.store import Store
from donate.text import clean_line, clean_text

MOST_TITLE = 80
MOST_BODY = 12000
MOST_PHOTOS = 20


class UpdatesClosed(DonateError):
    sentence = N_("Updates can be posted from the filing of a campaign until it is closed.")
    status = 409


class UpdateTitleMissing(DonateError):
    sentence = N_("Give the update a title in one of the languages at least.")
    field = "title_zh"


class UpdateTextMissing(DonateError):
    sentence = N_("Write what happened, in one of the languages at least.")
    field = "body_zh"


class UpdateIncomplete(DonateError):
    """Everything that the text of an update lacks, told at once."""

    sentence = N_("The update is not complete yet.")

    def __init__(self, errors: dict[str, DonateError]) -> None:
        super().__init__()
        self.errors = errors


class TooManyPhotos(DonateError):
    sentence = N_("An update holds at most %(most)s photos.")
    field = "photo"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateText:
    """What an organiser wrote, cleaned and complete. Made by `update_text`."""

    title_zh: str
    title_en: str
    body_zh: str
    body_en: str
    is_narrative: bool


def update_text(*, title_zh: str, title_en: str, body_zh: str, body_en: str, is_narrative: bool = False) -> UpdateText:
    """The text of an update. Raises UpdateIncomplete with every error under its field."""
    typed = {"title_zh": title_zh, "title_en": title_en, "body_zh": body_zh, "body_en": body_en}
    cleaned, errors = dict.fromkeys(typed, ""), dict[str, DonateError]()
    for name, given in typed.items():
        try:
            cleaned[name] = clean_line(given, MOST_TITLE) if name.startswith("title") else clean_text(given, MOST_BODY)
        except DonateError as error:
            errors[name] = error
    if not errors:
        if not (cleaned["title_zh"] or cleaned["title_en"]):
            errors["title_zh"] = UpdateTitleMissing()
        if not (cleaned["body_zh"] or cleaned["body_en"]):
            errors["body_zh"] = UpdateTextMissing()
    if errors:
        raise UpdateIncomplete(errors)
    return UpdateText(**cleaned, is_narrative=is_narrative)


def post_update(
    session: Session, campaign: Campaign, actor: Actor, text: UpdateText, *, token: UUID, publish: bool
) -> CampaignUpdate:
    """Save a new update; sent twice with one token it is one update. Raises UpdatesClosed.

    The caller holds the campaign locked, so that two sendings meet one after the other.
    """
    if State(campaign.state) not in LIVE:
        raise UpdatesClosed
    seen = session.scalar(select(CampaignUpdate).filter_by(campaign_id=campaign.id, token=token))
    if seen is not None:
        return seen
    now = clock.now()
    update = CampaignUpdate(
        campaign_id=campaign.id,
        token=token,
        title_zh=text.title_zh,
        title_en=text.title_en,
        body_zh=text.body_zh,
        body_en=text.body_en,
        is_narrative=text.is_narrative,
        written_by=actor.user_id,
        created_at=now,
        published_at=now if publish else None,
    )
    session.add(update)
    campaign.version += 1
    session.flush()
    return update


def edit_update(
    session: Session, campaign: Campaign, update: CampaignUpdate, text: UpdateText, *, publish: bool
) -> None:
    """Change the text; a published update says on its page that it was edited. It is never unpublished here."""
    if State(campaign.state) not in LIVE:
        raise UpdatesClosed
    before = (update.title_zh, update.title_en, update.body_zh, update.body_en, update.is_narrative)
    after = (text.title_zh, text.title_en, text.body_zh, text.body_en, text.is_narrative)
    if before != after:
        update.title_zh, update.title_en, update.body_zh, update.body_en, update.is_narrative = after
        if update.published_at is not None:
            update.edited_at = clock.now()
    if publish and update.published_at is None:
        update.published_at = clock.now()
    campaign.version += 1
    session.flush()


def update_of(session: Session, campaign: Campaign, update_id: int) -> CampaignUpdate:
    """An update of this very campaign. Raises NotFound."""
    update = session.scalar(select(CampaignUpdate).filter_by(id=update_id, campaign_id=campaign.id))
    if update is None:
        raise NotFound
    return update


def add_photo(
    session: Session,
    store: Store,
    campaign: Campaign,
    update: CampaignUpdate,
    actor: Actor,
    photo: Photo,
    declaration: Declaration,
    *,
    token: UUID,
) -> UpdatePhoto:
    """Add a photo to an update. A retry, by its token or by the same picture, finds the one that arrived.

    Raises UpdatesClosed, TooManyPhotos.
    """
    if State(campaign.state) not in LIVE:
        raise UpdatesClosed
    sha256 = keep_photo(session, store, photo)
    seen = session.scalar(
        select(UpdatePhoto)
        .where(UpdatePhoto.update_id == update.id, (UpdatePhoto.token == token) | (UpdatePhoto.sha256 == sha256))
        .order_by((UpdatePhoto.sha256 == sha256).desc())
        .limit(1)
    )
    if seen is not None and seen.removed_at is None:
        return seen
    if len(photos_of(session, update.id)) >= MOST_PHOTOS:
        raise TooManyPhotos(most=MOST_PHOTOS)
    campaign.version += 1
    if seen is not None and seen.sha256 == sha256:  # it was taken down and comes back with a new declaration
        seen.alt_zh, seen.alt_en = declaration.alt_zh, declaration.alt_en
        seen.children, seen.consent_declared = declaration.children, declaration.consent_declared
        seen.removed_at = None
        session.flush()
        return seen
    added = UpdatePhoto(
        update_id=update.id,
        token=token if seen is None else uuid4(),
        sha256=sha256,
        width=photo.width,
        height=photo.height,
        alt_zh=declaration.alt_zh,
        alt_en=declaration.alt_en,
        children=declaration.children,
        consent_declared=declaration.consent_declared,
        added_by=actor.user_id,
        added_at=clock.now(),
    )
    session.add(added)
    session.flush()
    return added


def remove_photo(session: Session, campaign: Campaign, update: CampaignUpdate, photo_id: int) -> None:
    """Take a photo down: it is served no more. Raises NotFound."""
    photo = session.scalar(select(UpdatePhoto).filter_by(id=photo_id, update_id=update.id))
    if photo is None:
        raise NotFound
    photo.removed_at = photo.removed_at or clock.now()
    campaign.version += 1
    session.flush()


def photos_of(session: Session, update_id: int) -> list[UpdatePhoto]:
    """The photos of an update that are not taken down, in the order in which they arrived."""
    rows = session.scalars(
        select(UpdatePhoto)
        .where(UpdatePhoto.update_id == update_id, UpdatePhoto.removed_at.is_(None))
        .order_by(UpdatePhoto.id)
    )
    return list(rows)
