"""People of the sample world complain, and get answers: one still waits for staff."""

from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns import complaints
from donate.campaigns.models import Complaint
from donate.demo.content import concerns
from donate.demo.past import Past, morning


def voice_concerns(session: Session, past: Past, staff_id: int) -> None:
    """Every concern on its day, and its answer on the day that it came."""
    for concern in concerns():
        token = uuid4()
        with clock.frozen_at(morning(past.today, concern.day)):
            complaints.receive(
                session,
                token=token,
                message=concern.message,
                contact="",
                campaign_ref=concern.campaign,
                locale=concern.locale,
            )
        if concern.answered_day is not None:
            complaint_id = session.scalars(select(Complaint.id).filter_by(token=token)).one()
            with clock.frozen_at(morning(past.today, concern.answered_day)):
                complaints.answer(session, complaint_id=complaint_id, user_id=staff_id, text=concern.answer)
