from itertools import product

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from donate.campaigns import lifecycle
from donate.campaigns.lifecycle import MOVES, Actor, ActorKind, Move, MoveNotPossible, ReasonMissing, Rule, State
from donate.campaigns.models import CampaignMove
from donate.db import Database, Role
from tests.campaigns import factories

LEGAL = {(rule.move, rule.from_state, kind) for rule in MOVES for kind in rule.by}
ILLEGAL = sorted(set(product(Move, State, ActorKind)) - LEGAL)


def actor_of(kind: ActorKind) -> Actor:
    return Actor(kind, None if kind is ActorKind.SYSTEM else 7)


@pytest.mark.parametrize("rule", MOVES, ids=lambda rule: f"{rule.from_state}-{rule.move}")
def test_a_move_of_the_table_is_taken_and_written_down(database: Database, rule: Rule) -> None:
    kind = sorted(rule.by)[0]
    with database.transaction() as session:
        noise = factories.draft(session)
        campaign = factories.draft(session)
        campaign.filing_number = "A-2026-1"
        campaign.state = rule.from_state
        session.flush()
        lifecycle.move(session, campaign, rule.move, actor_of(kind), "because")
        kept = session.scalars(select(CampaignMove).filter_by(campaign_id=campaign.id)).one()
        assert (kept.from_state, kept.to_state, kept.actor_kind, kept.actor_id, kept.reason) == (
            rule.from_state,
            rule.to_state,
            kind,
            actor_of(kind).user_id,
            "because",
        )
        assert (campaign.state, noise.state) == (rule.to_state, State.DRAFT)


def test_every_other_move_is_refused(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.draft(session)
        campaign.filing_number = "A-2026-1"
        for move, state, kind in ILLEGAL:
            campaign.state = state
            with pytest.raises(MoveNotPossible):
                lifecycle.move(session, campaign, move, actor_of(kind), "because")
        assert session.scalars(select(CampaignMove)).all() == []


def test_a_move_that_stops_something_wants_a_reason(database: Database) -> None:
    with database.transaction() as session:
        campaign = factories.draft(session)
        campaign.filing_number = "A-2026-1"
        for rule in (rule for rule in MOVES if rule.needs_reason):
            campaign.state = rule.from_state
            with pytest.raises(ReasonMissing):
                lifecycle.move(session, campaign, rule.move, actor_of(sorted(rule.by)[0]))


def test_every_state_can_be_left_or_is_an_end() -> None:
    ends = {state for state in State if not any(rule.from_state is state for rule in MOVES)}
    assert ends == {State.CLOSED, State.REJECTED, State.CANCELLED}


def test_a_move_that_happened_cannot_be_rewritten(database: Database) -> None:
    with database.transaction() as session:
        factories.submitted(session)
    for role in (Role.WEB, Role.OWNER):
        with pytest.raises(DBAPIError), database.transaction(role) as session:
            session.execute(text("UPDATE campaign_move SET reason = 'something else'"))


def test_every_state_has_its_word_and_its_sentence() -> None:
    assert all(state.word and state.sentence for state in State)
