"""Anyone's complaints: taken without a session, counted against floods, answered within five working days."""

import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ColumnExpressionArgument, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns.clocks import COMPLAINT_WORKING_DAYS, working_days_after
from donate.campaigns.models import Campaign, Complaint
from donate.campaigns.queries import public_campaign_name
from donate.errors import N_, DonateError, NotFound
from donate.people import limits
from donate.text import TextTooLong, clean_line, clean_text

MOST_MESSAGE = 5000
MOST_ANSWER = 5000
KEEP_CONTACTS = timedelta(days=2 * 366)
TIME_ZONE = "Asia/Shanghai"  # whose working days the law counts


class ComplaintEmpty(DonateError):
    sentence = N_("Write what happened; a few words are enough.")
    field = "message"


class ComplaintTooLong(TextTooLong):
    field = "message"


class ContactTooLong(TextTooLong):
    field = "contact"


class AnswerTooLong(TextTooLong):
    field = "answer"


class TooManyComplaints(DonateError):
    sentence = N_(
        "Several complaints came from your network just now. Please try again in an hour; this one is not lost."
    )
    status = 429


class AnswerEmpty(DonateError):
    sentence = N_("Write the answer that the complainant will read.")
    field = "answer"


class AnsweredAlready(DonateError):
    sentence = N_("This complaint was answered in the meantime.")
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintLine:
    """A complaint in the staff's list, or on the page of the one who wrote it."""

    id: int
    campaign_ref: str | None
    campaign_title_zh: str | None
    campaign_title_en: str | None
    message: str
    contact: str
    received_at: datetime
    due_on: date
    days_left: int  # negative once the day has passed
    answer: str
    answered_at: datetime | None

    @property
    def is_late(self) -> bool:
        return self.answered_at is None and self.days_left < 0


def count_one(session: Session, network: str) -> bool:
    """Count one more complaint from a network, and say whether there is room for it. In a transaction of its own."""
    by_hour = limits.allow(session, scope="complaint-hour", key=network, most=5, within=timedelta(hours=1))
    by_day = limits.allow(session, scope="complaint-day", key=network, most=20, within=timedelta(days=1))
    return by_hour and by_day


def checked_message(message: str) -> str:
    """The message, cleaned. Raises ComplaintEmpty, TextTooLong."""
    cleaned = clean_text(message, MOST_MESSAGE, ComplaintTooLong)
    if not cleaned:
        raise ComplaintEmpty
    return cleaned


def receive(session: Session, *, token: UUID, message: str, contact: str, campaign_ref: str | None, locale: str) -> str:
    """Take a complaint and return the secret of its page; sent twice with one token it is one complaint.

    Raises ComplaintEmpty, NotFound (no such public campaign), TextTooLong.
    """
    campaign_id = None
    if campaign_ref:
        campaign_id = public_campaign_name(session, campaign_ref).id
    now = clock.now()
    session.execute(
        insert(Complaint)
        .values(
            token=token,
            secret=secrets.token_urlsafe(24),
            campaign_id=campaign_id,
            message=checked_message(message),
            contact=clean_line(contact, 200, ContactTooLong),
            locale=locale,
            received_at=now,
            due_on=working_days_after(clock.today(TIME_ZONE), COMPLAINT_WORKING_DAYS),
            answer="",
        )
        .on_conflict_do_nothing(index_elements=["token"])
    )
    secret: str = session.scalars(select(Complaint.secret).filter_by(token=token)).one()
    return secret


def answer(session: Session, *, complaint_id: int, user_id: int, text: str) -> None:
    """Record the answer, which its writer reads on their page. Raises NotFound, AnswerEmpty, AnsweredAlready."""
    complaint = session.scalar(select(Complaint).filter_by(id=complaint_id).with_for_update())
    if complaint is None:
        raise NotFound
    cleaned = clean_text(text, MOST_ANSWER, AnswerTooLong)
    if not cleaned:
        raise AnswerEmpty
    if complaint.answered_at is not None:
        raise AnsweredAlready
    complaint.answer, complaint.answered_by, complaint.answered_at = cleaned, user_id, clock.now()
    session.flush()


def complaint_by_secret(session: Session, secret: str) -> ComplaintLine:
    """The complaint of a secret link. Raises NotFound."""
    if "\x00" in secret:
        raise NotFound
    return _one(session, Complaint.secret == secret)


def complaint_by_id(session: Session, complaint_id: int) -> ComplaintLine:
    """Raises NotFound."""
    return _one(session, Complaint.id == complaint_id)


def open_complaints(session: Session) -> list[ComplaintLine]:
    """What waits for an answer, the most urgent first."""
    return _lines(session, Complaint.answered_at.is_(None), Complaint.due_on, Complaint.id)


def answered_complaints(session: Session, most: int = 50) -> list[ComplaintLine]:
    """The last answers."""
    return _lines(session, Complaint.answered_at.is_not(None), Complaint.answered_at.desc(), most=most)


def forget_contacts(session: Session) -> int:
    """Erase how to reach people whose complaints were answered two years ago; the complaint and its answer stay.

    Records of public fundraising are kept for two years at least by the ministry's rules. How many.
    """
    before = clock.now() - KEEP_CONTACTS
    forgotten = session.scalars(
        update(Complaint)
        .where(Complaint.answered_at < before, Complaint.contact != "")
        .values(contact="")
        .returning(Complaint.id)
    )
    return len(forgotten.all())


def counts(session: Session) -> tuple[int, int]:
    """How many complaints wait, and how many of them are late."""
    today = clock.today(TIME_ZONE)
    row = session.execute(
        select(func.count(), func.count().filter(Complaint.due_on < today)).where(Complaint.answered_at.is_(None))
    ).one()
    waiting, late = row
    return waiting, late


def _one(session: Session, condition: ColumnElement[bool]) -> ComplaintLine:
    found = _lines(session, condition)
    if not found:
        raise NotFound
    return found[0]


def _lines(
    session: Session, condition: ColumnElement[bool], *order: ColumnExpressionArgument[Any], most: int | None = None
) -> list[ComplaintLine]:
    today = clock.today(TIME_ZONE)
    rows = session.execute(
        select(Complaint, Campaign.ref, Campaign.title_zh, Campaign.title_en)
        .outerjoin(Campaign, Campaign.id == Complaint.campaign_id)
        .where(condition)
        .order_by(*order)
        .limit(most)
    )
    return [
        ComplaintLine(
            id=complaint.id,
            campaign_ref=ref,
            campaign_title_zh=title_zh,
            campaign_title_en=title_en,
            message=complaint.message,
            contact=complaint.contact,
            received_at=complaint.received_at,
            due_on=complaint.due_on,
            days_left=(complaint.due_on - today).days,
            answer=complaint.answer,
            answered_at=complaint.answered_at,
        )
        for complaint, ref, title_zh, title_en in rows
    ]
