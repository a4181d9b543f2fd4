"""What is asked for and reported: campaigns, their prices, moves and versions, updates with photos, complaints.

Text that pages print comes as `_zh` and `_en`. Beyond the columns agreed at the start: `office` and every legal text
are pairs, `receiving_*` and `bank_account` (art. 24) joined them, photos carry what was declared about children.
User ids are plain numbers, so that a user can be erased while what they did stays. Everything served as a photo is
`.jpg`: `/files/<sha256 in hex>.jpg`.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from donate.db import Base, Id

STATES = (
    "state IN ('draft', 'submitted', 'changes_asked', 'accepted', 'filed', 'raising', 'executing', 'closing', "
    "'closed', 'rejected', 'suspended', 'cancelled')"
)
CHILDREN = "IN ('none', 'unrecognisable', 'recognisable')"
CONSENT = "children <> 'recognisable' OR consent_declared"


class Campaign(Base, kw_only=True):
    """One appeal with one fund, for one place and purpose, through its whole life."""

    __tablename__ = "campaign"
    __table_args__ = (
        CheckConstraint("ref ~ '^[a-z0-9][a-z0-9-]{0,39}$'", name="ref"),
        CheckConstraint(STATES, name="state"),
        CheckConstraint("goal_minor > 0", name="goal_minor"),
        CheckConstraint("starts_on <= ends_on", name="span"),
        CheckConstraint(f"photo_children {CHILDREN}", name="photo_children"),
        CheckConstraint("photo_children <> 'recognisable' OR photo_consent_declared", name="photo_consent"),
        CheckConstraint(
            "filing_number IS NOT NULL OR state NOT IN ('filed', 'raising', 'executing', 'closing', 'closed')",
            name="filed",
        ),
        Index(None, "host_id", "state"),
        Index(None, "partner_id"),
        Index(None, "state", "county_code"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    ref: Mapped[str] = mapped_column(unique=True)  # public, in addresses and in the ledger
    host_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    partner_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))  # the host itself where it runs the work
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    currency: Mapped[str]  # the book's
    county_code: Mapped[str | None] = mapped_column(default=None)  # GB/T 2260
    state: Mapped[str] = mapped_column(default="draft")  # lifecycle.State
    title_zh: Mapped[str] = mapped_column(default="")
    title_en: Mapped[str] = mapped_column(default="")
    summary_zh: Mapped[str] = mapped_column(default="")
    summary_en: Mapped[str] = mapped_column(default="")
    story_zh: Mapped[str] = mapped_column(default="")  # safe Markdown
    story_en: Mapped[str] = mapped_column(default="")
    unit_zh: Mapped[str] = mapped_column(default="餐")  # what one unit price buys
    unit_en: Mapped[str] = mapped_column(default="meal")
    goal_minor: Mapped[int | None] = mapped_column(default=None)
    starts_on: Mapped[date | None] = mapped_column(default=None)  # of raising
    ends_on: Mapped[date | None] = mapped_column(default=None)  # the last day of raising
    photo_sha256: Mapped[bytes | None] = mapped_column(ForeignKey("stored_file.sha256"), default=None)
    photo_alt_zh: Mapped[str] = mapped_column(default="")
    photo_alt_en: Mapped[str] = mapped_column(default="")
    photo_children: Mapped[str] = mapped_column(default="none")
    photo_consent_declared: Mapped[bool] = mapped_column(default=False)

    # The plan's fields by art. 24 of the Charity Law, shown in the legal box.
    filing_number: Mapped[str | None] = mapped_column(default=None)
    purpose_zh: Mapped[str] = mapped_column(default="")
    purpose_en: Mapped[str] = mapped_column(default="")
    area_zh: Mapped[str] = mapped_column(default="")  # where the raising happens
    area_en: Mapped[str] = mapped_column(default="")
    person_in_charge: Mapped[str] = mapped_column(default="")
    office_zh: Mapped[str] = mapped_column(default="")
    office_en: Mapped[str] = mapped_column(default="")
    contact: Mapped[str] = mapped_column(default="")  # public telephone or e-mail of the person in charge
    receiving_zh: Mapped[str] = mapped_column(default="")  # ways in which donations are received
    receiving_en: Mapped[str] = mapped_column(default="")
    bank_account: Mapped[str] = mapped_column(default="")  # as the host publishes it
    beneficiaries_zh: Mapped[str] = mapped_column(default="")
    beneficiaries_en: Mapped[str] = mapped_column(default="")
    use_zh: Mapped[str] = mapped_column(default="")
    use_en: Mapped[str] = mapped_column(default="")
    fundraising_cost_zh: Mapped[str] = mapped_column(default="")
    fundraising_cost_en: Mapped[str] = mapped_column(default="")
    surplus_zh: Mapped[str] = mapped_column(default="")
    surplus_en: Mapped[str] = mapped_column(default="")

    version: Mapped[int] = mapped_column(default=1)  # grows with every edit, move, update and photo: caches key on it
    created_by: Mapped[int | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    raising_opened_at: Mapped[datetime | None] = mapped_column(default=None)
    raising_ended_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)


class UnitPrice(Base, kw_only=True):
    """What one unit (a meal) costs from a day on, and where that figure comes from. Past prices stay."""

    __tablename__ = "unit_price"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount_minor"),)

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    effective_on: Mapped[date] = mapped_column(primary_key=True)
    amount_minor: Mapped[int]
    source_zh: Mapped[str] = mapped_column(default="")
    source_en: Mapped[str] = mapped_column(default="")
    recorded_at: Mapped[datetime]


class CampaignSchool(Base, kw_only=True):
    """A school whose pupils the campaign feeds: a place of level `school` in the campaign's county."""

    __tablename__ = "campaign_school"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    place_code: Mapped[str] = mapped_column(primary_key=True)


class CampaignMove(Base, kw_only=True):
    """One step of a campaign's life: from which state to which, by whom, when and why. Never changed."""

    __tablename__ = "campaign_move"
    __table_args__ = (
        CheckConstraint("actor_kind IN ('organiser', 'reviewer', 'staff', 'system')", name="actor_kind"),
        CheckConstraint("(actor_kind = 'system') = (actor_id IS NULL)", name="actor"),
        Index(None, "campaign_id", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    move: Mapped[str]
    from_state: Mapped[str]
    to_state: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[int | None] = mapped_column(default=None)  # a user; none for a rule of the software
    reason: Mapped[str] = mapped_column(default="")
    moved_at: Mapped[datetime]


class CampaignVersion(Base, kw_only=True):
    """What one edit changed, field by field, before and after. Never changed itself."""

    __tablename__ = "campaign_version"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)  # {field: [before, after]}
    changed_by: Mapped[int | None] = mapped_column(default=None)
    changed_at: Mapped[datetime]


class CampaignUpdate(Base, kw_only=True):
    """An organiser's dated post. Its text is saved first; photos follow one by one."""

    __tablename__ = "campaign_update"
    __table_args__ = (
        UniqueConstraint("campaign_id", "token"),
        Index(None, "campaign_id", "published_at"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    token: Mapped[UUID]  # drawn with the empty form: sending it twice makes one update
    title_zh: Mapped[str]
    title_en: Mapped[str]
    body_zh: Mapped[str]  # safe Markdown
    body_en: Mapped[str]
    is_narrative: Mapped[bool] = mapped_column(default=False)  # a story: says itself that it proves nothing
    written_by: Mapped[int | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None] = mapped_column(default=None)  # none while it is a draft
    edited_at: Mapped[datetime | None] = mapped_column(default=None)


class UpdatePhoto(Base, kw_only=True):
    """A photo of an update, with what its sender declared about the children in it."""

    __tablename__ = "update_photo"
    __table_args__ = (
        UniqueConstraint("update_id", "token"),
        UniqueConstraint("update_id", "sha256"),
        CheckConstraint(f"children {CHILDREN}", name="children"),
        CheckConstraint(CONSENT, name="consent"),
        Index(None, "sha256"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    update_id: Mapped[int] = mapped_column(ForeignKey("campaign_update.id"))
    token: Mapped[UUID]  # drawn with the empty form: a retry finds the photo that already arrived
    sha256: Mapped[bytes] = mapped_column(ForeignKey("stored_file.sha256"))
    width: Mapped[int]
    height: Mapped[int]
    alt_zh: Mapped[str]
    alt_en: Mapped[str]
    children: Mapped[str]
    consent_declared: Mapped[bool] = mapped_column(default=False)
    added_by: Mapped[int | None] = mapped_column(default=None)
    added_at: Mapped[datetime]
    removed_at: Mapped[datetime | None] = mapped_column(default=None)  # taken down: served no more


class Complaint(Base, kw_only=True):
    """Anyone's report of a concern, with its clock. Who wrote it is known only as far as they said."""

    __tablename__ = "complaint"
    __table_args__ = (
        CheckConstraint("(answered_at IS NULL) = (answer = '')", name="answered"),
        Index(None, "answered_at", "due_on"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    token: Mapped[UUID] = mapped_column(unique=True)  # of the form: sending it twice makes one complaint
    secret: Mapped[str] = mapped_column(unique=True)  # of the link on which its writer follows it
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"), default=None)
    message: Mapped[str]
    contact: Mapped[str] = mapped_column(default="")  # private; erasable
    locale: Mapped[str]
    received_at: Mapped[datetime]
    due_on: Mapped[date]  # the fifth working day
    answer: Mapped[str] = mapped_column(default="")
    answered_at: Mapped[datetime | None] = mapped_column(default=None)
    answered_by: Mapped[int | None] = mapped_column(default=None)
