"""The one loader of campaigns for people who sign in: who is no part of a campaign is told that it does not exist."""

from datetime import date
from enum import Enum

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, aliased

from donate import clock
from donate.campaigns.lifecycle import Actor, ActorKind, State
from donate.campaigns.models import Campaign, CampaignMove
from donate.errors import NotFound
from donate.ledger import books
from donate.organisations.models import Organisation
from donate.organisations.service import is_ref
from donate.people.models import MembershipRole
from donate.people.queries import SignedIn


class Access(Enum):
    """What somebody wants with a campaign, and the roles in its organisations that allow it."""

    SEE = frozenset({MembershipRole.OWNER, MembershipRole.EDITOR, MembershipRole.TREASURER})
    WRITE = frozenset({MembershipRole.OWNER, MembershipRole.EDITOR})
    REVIEW = frozenset({MembershipRole.OWNER, MembershipRole.REVIEWER})


def campaign_of(session: Session, user: SignedIn, ref: str, access: Access, *, lock: bool = False) -> Campaign:
    """The campaign `ref`, if `user` may have it for this. Raises NotFound.

    Its own people are those of the partner and of the host; reviewers are those of the host, and administrators.
    With `lock` nobody else changes it until the transaction ends.
    """
    if not is_ref(ref):
        raise NotFound
    query = select(Campaign).where(Campaign.ref == ref, reachable_by(user, access))
    campaign = session.scalar(query.with_for_update(of=Campaign) if lock else query)
    if campaign is None:
        raise NotFound
    return campaign


def reachable_by(user: SignedIn, access: Access) -> ColumnElement[bool]:
    """The condition under which a user reaches a campaign; the desks list by it, too."""
    body = aliased(Organisation)
    own = select(body.id).where(body.ref.in_(user.organisations(*access.value)))
    if access is not Access.REVIEW:
        return or_(Campaign.partner_id.in_(own), Campaign.host_id.in_(own))
    # A draft that was never handed in is nobody's business yet.
    handed_in = or_(
        Campaign.state.not_in([State.DRAFT, State.CANCELLED]),
        select(CampaignMove.id).where(CampaignMove.campaign_id == Campaign.id, CampaignMove.move == "submit").exists(),
    )
    return handed_in if user.is_admin else Campaign.host_id.in_(own) & handed_in


def may(session: Session, user: SignedIn, ref: str, access: Access) -> bool:
    """Whether `campaign_of` would find it."""
    found = select(Campaign.id).where(Campaign.ref == ref, reachable_by(user, access))
    return session.scalar(found) is not None


def organiser(user: SignedIn) -> Actor:
    """The user, acting as an organiser."""
    return Actor(ActorKind.ORGANISER, user.id)


def reviewer(user: SignedIn) -> Actor:
    """The user, acting as a reviewer of the host."""
    return Actor(ActorKind.REVIEWER, user.id)


def today_of(session: Session, campaign: Campaign) -> date:
    """The current date where the campaign's book keeps its days."""
    return clock.today(books.book_facts(session, campaign.book_id).time_zone)
