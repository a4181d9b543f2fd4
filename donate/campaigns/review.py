"""What the host does with a campaign: ask, accept, file, refuse, open, stop and close."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.campaigns import lifecycle
from donate.campaigns.lifecycle import Actor, Move, State, clean_reason
from donate.campaigns.loading import today_of
from donate.campaigns.models import Campaign, CampaignMove
from donate.campaigns.queries import LicenceExpired
from donate.campaigns.service import LastDayPassed
from donate.errors import N_, DonateError
from donate.ledger import books
from donate.organisations.models import Organisation
from donate.organisations.queries import has_agreement, has_valid_licence
from donate.text import InBoth, TextTooLong, clean_line

_FILING_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9/_-]{3,39}", re.ASCII)


class FilingNumberMissing(DonateError):
    sentence = N_("Write the filing number that the authority gave.")
    field = "filing_number"


class FilingNumberNotUsable(DonateError):
    sentence = N_("A filing number has 4 to 40 letters and figures; “%(typed)s” does not look like one.")
    field = "filing_number"


class FilingNumberTooLong(TextTooLong):
    field = "filing_number"


class AgreementMissing(DonateError):
    sentence = N_("There is no written agreement with %(partner)s on file, so this campaign cannot be accepted.")
    status = 409


class AcceptedByItsWriter(DonateError):
    sentence = N_("Whoever handed a plan in cannot accept it as well. Somebody else of the host must.")
    status = 403


def ask_changes(session: Session, campaign: Campaign, actor: Actor, reason: str) -> CampaignMove:
    """Send the plan back with what has to change. Raises MoveNotPossible, ReasonMissing."""
    return lifecycle.move(session, campaign, Move.ASK_CHANGES, actor, clean_reason(reason))


def reject(session: Session, campaign: Campaign, actor: Actor, reason: str) -> CampaignMove:
    """Refuse the campaign for good. Raises MoveNotPossible, ReasonMissing."""
    return lifecycle.move(session, campaign, Move.REJECT, actor, clean_reason(reason))


def accept(session: Session, campaign: Campaign, actor: Actor, filing_number: str | None = None) -> CampaignMove:
    """Accept the campaign under the host's licence, and file it at once where its number is known already.

    Raises MoveNotPossible, AcceptedByItsWriter, AgreementMissing, LicenceExpired, FilingNumberNotUsable.
    """
    number = _filing_number(filing_number) if filing_number else None
    if lifecycle.rule_for(Move.ACCEPT, State(campaign.state), actor.kind) is None:
        raise lifecycle.MoveNotPossible
    if _handed_in_by(session, campaign) == actor.user_id:
        raise AcceptedByItsWriter
    _require_agreement(session, campaign)
    _require_licence(session, campaign)
    taken = lifecycle.move(session, campaign, Move.ACCEPT, actor)
    return file(session, campaign, actor, number) if number else taken


def file(session: Session, campaign: Campaign, actor: Actor, filing_number: str) -> CampaignMove:
    """Note the authority's filing number and open the campaign's fund in the host's book.

    Raises MoveNotPossible, FilingNumberMissing, FilingNumberNotUsable.
    """
    number = _filing_number(filing_number)
    if lifecycle.rule_for(Move.FILE, State(campaign.state), actor.kind) is None:
        raise lifecycle.MoveNotPossible
    campaign.filing_number = number
    taken = lifecycle.move(session, campaign, Move.FILE, actor)
    books.open_fund(session, book_id=campaign.book_id, campaign=campaign.ref)
    return taken


def open_raising(session: Session, campaign: Campaign, actor: Actor) -> CampaignMove:
    """Open the campaign for donations, which come in from its first day on.

    Raises MoveNotPossible, LicenceExpired, LastDayPassed.
    """
    if lifecycle.rule_for(Move.OPEN, State(campaign.state), actor.kind) is None:
        raise lifecycle.MoveNotPossible
    _require_licence(session, campaign)
    if campaign.ends_on is not None and campaign.ends_on < today_of(session, campaign):
        raise LastDayPassed
    return lifecycle.move(session, campaign, Move.OPEN, actor)


def end_raising(session: Session, campaign: Campaign, actor: Actor, reason: str = "") -> CampaignMove:
    """Take no more donations; the work goes on. Raises MoveNotPossible, ReasonMissing."""
    return lifecycle.move(session, campaign, Move.END_RAISING, actor, clean_reason(reason))


def suspend(session: Session, campaign: Campaign, actor: Actor, reason: str) -> CampaignMove:
    """Stop donations while a concern is looked into. Raises MoveNotPossible, ReasonMissing."""
    return lifecycle.move(session, campaign, Move.SUSPEND, actor, clean_reason(reason))


def resume(session: Session, campaign: Campaign, actor: Actor, reason: str) -> CampaignMove:
    """Take donations again after a suspension. Raises MoveNotPossible, ReasonMissing, LicenceExpired."""
    _require_licence(session, campaign)
    return lifecycle.move(session, campaign, Move.RESUME, actor, clean_reason(reason))


def start_closing(session: Session, campaign: Campaign, actor: Actor) -> CampaignMove:
    """The work is done; the full account is drawn up. Raises MoveNotPossible."""
    return lifecycle.move(session, campaign, Move.START_CLOSING, actor)


def close(session: Session, campaign: Campaign, actor: Actor) -> CampaignMove:
    """The full account is published. Raises MoveNotPossible."""
    return lifecycle.move(session, campaign, Move.CLOSE, actor)


def _filing_number(typed: str) -> str:
    number = clean_line(typed, 60, FilingNumberTooLong)
    if not number:
        raise FilingNumberMissing
    if _FILING_NUMBER.fullmatch(number) is None:
        raise FilingNumberNotUsable(typed=number)
    return number


def _handed_in_by(session: Session, campaign: Campaign) -> int | None:
    return session.scalar(
        select(CampaignMove.actor_id)
        .where(CampaignMove.campaign_id == campaign.id, CampaignMove.move == Move.SUBMIT)
        .order_by(CampaignMove.id.desc())
        .limit(1)
    )


def _require_agreement(session: Session, campaign: Campaign) -> None:
    if campaign.host_id == campaign.partner_id:
        return
    today = today_of(session, campaign)
    if not has_agreement(session, host_id=campaign.host_id, partner_id=campaign.partner_id, on=today):
        partner = session.get_one(Organisation, campaign.partner_id)
        raise AgreementMissing(partner=InBoth(partner.name_zh, partner.name_en))


def _require_licence(session: Session, campaign: Campaign) -> None:
    if not has_valid_licence(session, campaign.host_id, today_of(session, campaign)):
        host = session.get_one(Organisation, campaign.host_id)
        raise LicenceExpired(host=InBoth(host.name_zh, host.name_en))
