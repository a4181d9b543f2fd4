"""A campaign's states and the closed table of moves between them: what is not in MOVES cannot happen."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns.models import Campaign, CampaignMove
from donate.errors import N_, DonateError
from donate.text import TextTooLong, clean_text


class State(StrEnum):
    """Where a campaign stands. Later rules add moves and states; none changes its meaning."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    CHANGES_ASKED = "changes_asked"
    ACCEPTED = "accepted"
    FILED = "filed"
    RAISING = "raising"
    EXECUTING = "executing"
    CLOSING = "closing"
    CLOSED = "closed"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"

    @property
    def sentence(self) -> str:
        return SENTENCES[self]

    @property
    def word(self) -> str:
        return WORDS[self]


WORDS = {
    State.DRAFT: N_("Draft"),
    State.SUBMITTED: N_("Submitted"),
    State.CHANGES_ASKED: N_("Changes asked for"),
    State.ACCEPTED: N_("Accepted"),
    State.FILED: N_("Filed"),
    State.RAISING: N_("Raising"),
    State.EXECUTING: N_("Carrying out"),
    State.CLOSING: N_("Closing"),
    State.CLOSED: N_("Closed"),
    State.REJECTED: N_("Rejected"),
    State.SUSPENDED: N_("Suspended"),
    State.CANCELLED: N_("Cancelled"),
}

SENTENCES = {
    State.DRAFT: N_("Being written; only its own people see it."),
    State.SUBMITTED: N_("Waiting for the host’s review."),
    State.CHANGES_ASKED: N_("The host asked for changes before it can accept."),
    State.ACCEPTED: N_("Accepted by the host; the filing number is awaited."),
    State.FILED: N_("Filed with the authority; donations are not open yet."),
    State.RAISING: N_("Donations are open."),
    State.EXECUTING: N_("Donations have ended; the work goes on."),
    State.CLOSING: N_("The work is done; the full account is being drawn up."),
    State.CLOSED: N_("Closed; the full account is published."),
    State.REJECTED: N_("The host did not accept this campaign."),
    State.SUSPENDED: N_("Donations are stopped while the host looks into a concern."),
    State.CANCELLED: N_("Cancelled before any donation was taken."),
}

# A stranger sees a campaign from its filing on; one that was raising stays public whatever becomes of it.
PUBLIC = frozenset(
    {State.FILED, State.RAISING, State.EXECUTING, State.CLOSING, State.CLOSED, State.SUSPENDED},
)
# While the organiser still writes the plan.
EDITABLE = frozenset({State.DRAFT, State.CHANGES_ASKED})
# While updates may be posted.
LIVE = frozenset({State.FILED, State.RAISING, State.EXECUTING, State.CLOSING, State.SUSPENDED})


class ActorKind(StrEnum):
    """As whom somebody moves a campaign."""

    ORGANISER = "organiser"
    REVIEWER = "reviewer"
    STAFF = "staff"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who moves a campaign: a user acting as something, or a rule of the software (no user)."""

    kind: ActorKind
    user_id: int | None = None


class Move(StrEnum):
    """A step between two states."""

    SUBMIT = "submit"
    WITHDRAW = "withdraw"
    ASK_CHANGES = "ask_changes"
    ACCEPT = "accept"
    REJECT = "reject"
    FILE = "file"
    OPEN = "open"
    END_RAISING = "end_raising"
    SUSPEND = "suspend"
    RESUME = "resume"
    START_CLOSING = "start_closing"
    CLOSE = "close"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: from where to where, who may, and whether a reason must be given."""

    move: Move
    from_state: State
    to_state: State
    by: frozenset[ActorKind]
    needs_reason: bool = False


_ORGANISER = frozenset({ActorKind.ORGANISER})
_REVIEWER = frozenset({ActorKind.REVIEWER})
_REVIEWER_OR_RULE = frozenset({ActorKind.REVIEWER, ActorKind.SYSTEM})
_REVIEWER_OR_STAFF = frozenset({ActorKind.REVIEWER, ActorKind.STAFF})

MOVES = (
    Rule(Move.SUBMIT, State.DRAFT, State.SUBMITTED, _ORGANISER),
    Rule(Move.SUBMIT, State.CHANGES_ASKED, State.SUBMITTED, _ORGANISER),
    Rule(Move.WITHDRAW, State.SUBMITTED, State.DRAFT, _ORGANISER),
    Rule(Move.ASK_CHANGES, State.SUBMITTED, State.CHANGES_ASKED, _REVIEWER, needs_reason=True),
    Rule(Move.ACCEPT, State.SUBMITTED, State.ACCEPTED, _REVIEWER),
    Rule(Move.REJECT, State.SUBMITTED, State.REJECTED, _REVIEWER, needs_reason=True),
    Rule(Move.REJECT, State.ACCEPTED, State.REJECTED, _REVIEWER, needs_reason=True),
    Rule(Move.FILE, State.ACCEPTED, State.FILED, _REVIEWER),
    Rule(Move.OPEN, State.FILED, State.RAISING, _REVIEWER),
    Rule(Move.END_RAISING, State.RAISING, State.EXECUTING, _REVIEWER_OR_RULE),
    Rule(Move.SUSPEND, State.RAISING, State.SUSPENDED, _REVIEWER_OR_STAFF, needs_reason=True),
    Rule(Move.RESUME, State.SUSPENDED, State.RAISING, _REVIEWER_OR_STAFF, needs_reason=True),
    Rule(Move.END_RAISING, State.SUSPENDED, State.EXECUTING, _REVIEWER, needs_reason=True),
    Rule(Move.START_CLOSING, State.EXECUTING, State.CLOSING, _REVIEWER_OR_RULE),
    Rule(Move.CLOSE, State.CLOSING, State.CLOSED, _REVIEWER),
    Rule(Move.CANCEL, State.DRAFT, State.CANCELLED, _ORGANISER),
    Rule(Move.CANCEL, State.CHANGES_ASKED, State.CANCELLED, _ORGANISER),
    Rule(Move.CANCEL, State.FILED, State.CANCELLED, _REVIEWER, needs_reason=True),
)


class MoveNotPossible(DonateError):
    sentence = N_(
        "This step is not possible: the campaign has moved on since the page was loaded. Please load it again."
    )
    status = 409


class ReasonMissing(DonateError):
    sentence = N_("Say why. The reason is kept with this step.")
    field = "reason"


class ReasonTooLong(TextTooLong):
    field = "reason"


def clean_reason(typed: str) -> str:
    """A reason as it is kept. Raises ReasonTooLong."""
    return clean_text(typed, 2000, ReasonTooLong)


def rule_for(move: Move, state: State, kind: ActorKind) -> Rule | None:
    """The line of the table that allows this, if there is one."""
    for rule in MOVES:
        if rule.move is move and rule.from_state is state and kind in rule.by:
            return rule
    return None


def possible_moves(state: State, kind: ActorKind) -> tuple[Move, ...]:
    """What somebody may do next, in the order of the table."""
    return tuple(rule.move for rule in MOVES if rule.from_state is state and kind in rule.by)


def move(session: Session, campaign: Campaign, step: Move, actor: Actor, reason: str = "") -> CampaignMove:
    """Take `step` and write it down. The caller holds the campaign's row locked (`locked_campaign`).

    Raises MoveNotPossible, ReasonMissing.
    """
    state = State(campaign.state)
    rule = rule_for(step, state, actor.kind)
    if rule is None:
        raise MoveNotPossible
    if rule.needs_reason and not reason:
        raise ReasonMissing
    campaign.state = rule.to_state
    campaign.version += 1
    _keep_times(campaign, step)
    taken = CampaignMove(
        campaign_id=campaign.id,
        move=step,
        from_state=state,
        to_state=rule.to_state,
        actor_kind=actor.kind,
        actor_id=actor.user_id,
        reason=reason,
        moved_at=clock.now(),
    )
    session.add(taken)
    session.flush()
    return taken


def _keep_times(campaign: Campaign, step: Move) -> None:
    if step is Move.OPEN:
        campaign.raising_opened_at = clock.now()
    elif step is Move.END_RAISING:
        campaign.raising_ended_at = clock.now()
    elif step is Move.CLOSE:
        campaign.closed_at = clock.now()
