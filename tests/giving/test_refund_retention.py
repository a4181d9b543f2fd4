"""Words about refunds are erased once nobody needs them any more."""

from datetime import timedelta

from sqlalchemy import text

from donate import clock
from donate.db import Database, Role, transaction
from donate.giving import wishes
from donate.giving.refund_retention import KEEP_WORDS, forget_refund_words
from donate.giving.refund_sync import send_refund
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as make


def kept() -> tuple[int, int]:
    with transaction() as session:
        counts = "SELECT (SELECT count(*) FROM refund_note), (SELECT count(*) FROM refund_wish_private)"
        notes, words = session.execute(text(counts)).one()
        return notes, words


def test_only_words_of_long_ago_are_erased(database: Database, settings: Settings) -> None:
    make.raising()
    waiting = back.paid(settings, method="card")
    back.asked_for(waiting, 100)
    made = back.paid(settings, method="card")
    send_refund(back.asked_for(made, 100).public_id, settings)
    with transaction() as session:
        for donor in (waiting, made):
            wish = wishes.ask(session, donor.secret, donation=None, words="please", wish_id=None, days=30)
        wishes.decline(session, wish, by=1, answer="No.")
    for late, left in ((timedelta(0), (2, 2)), (timedelta(days=1), (1, 1))):
        with clock.frozen_at(clock.now() + KEEP_WORDS + late - timedelta(hours=1)):
            with transaction(Role.ERASER) as session:
                forget_refund_words(session)
            assert kept() == left
