"""Campaigns for tests, brought to any state the way people bring them there: through the services."""

from datetime import date
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.campaigns import review, service, updates
from donate.campaigns.lifecycle import Actor, ActorKind
from donate.campaigns.models import Campaign, CampaignUpdate
from donate.campaigns.service import SchoolName
from donate.db import transaction
from donate.ledger import books
from donate.organisations.models import Organisation
from donate.people.models import Membership, MembershipRole, User
from donate.people.queries import SignedIn
from donate.places.models import Place
from tests.organisations import factories as organisations

_numbers = count(1)

ORGANISER = Actor(ActorKind.ORGANISER, 901)
REVIEWER = Actor(ActorKind.REVIEWER, 902)
COUNTY = "431227"  # 新晃侗族自治县

PLAN: dict[str, object] = {
    "title_zh": "云溪小学的午饭",
    "title_en": "Lunches for Yunxi School",
    "summary_zh": "一餐三元，孩子中午有热饭吃。",
    "summary_en": "Three yuan buy a hot lunch.",
    "story_zh": "云溪小学有八十五个孩子。",
    "story_en": "Yunxi School has eighty-five children.",
    "county_code": COUNTY,
    "goal_minor": 4_320_000,
    "starts_on": date(2026, 3, 1),
    "ends_on": date(2027, 2, 28),
    "purpose_zh": "为山区孩子提供午餐",
    "purpose_en": "School lunches in the mountains",
    "area_zh": "全国",
    "area_en": "All of China",
    "person_in_charge": "田秀英",
    "office_zh": "新晃县城北路1号",
    "office_en": "1 Chengbei Road, Xinhuang",
    "contact": "0745-0000000",
    "receiving_zh": "网络捐赠",
    "receiving_en": "Online donations",
    "bank_account": "中国农业银行 00-000000000000000",
    "beneficiaries_zh": "云溪小学学生",
    "beneficiaries_en": "Pupils of Yunxi School",
    "use_zh": "买菜、做饭",
    "use_en": "Food and cooking",
    "fundraising_cost_zh": "无",
    "fundraising_cost_en": "None",
    "surplus_zh": "用于下学期午餐",
    "surplus_en": "Next term’s lunches",
}


def has_county() -> bool:
    """Whether the test has places, and campaigns therefore schools."""
    with transaction() as session:
        return session.get(Place, COUNTY) is not None


def book(session: Session, host: Organisation, *, currency: str = "CNY") -> int:
    return books.open_book(
        session,
        ref=f"book-{next(_numbers)}",
        host=host.ref,
        currency=currency,
        mode="sandbox",
        time_zone="Asia/Shanghai",
    ).id


def draft(
    session: Session,
    *,
    host: Organisation | None = None,
    partner: Organisation | None = None,
    ref: str | None = None,
    price_minor: int = 300,
    **plan: Any,
) -> Campaign:
    """A complete draft: nothing is missing but the click that hands it in."""
    if host is None:
        host = organisations.host(session)
        book(session, host)
    partner = partner or organisations.partner(session, of=host)
    campaign = service.create_campaign(
        session, host=host, partner=partner, actor=ORGANISER, title_zh="午饭", title_en="Lunches", ref=ref
    )
    service.edit_campaign(session, campaign, ORGANISER, PLAN | plan)
    if session.get(Place, COUNTY) is not None:
        service.set_schools(session, campaign, ORGANISER, [SchoolName("云溪小学", "Yunxi School")])
    service.price_in_plan(session, campaign, amount_minor=price_minor, source_zh="县平均", source_en="County average")
    return campaign


def submitted(session: Session, **overrides: Any) -> Campaign:
    campaign = draft(session, **overrides)
    service.submit(session, campaign, ORGANISER)
    return campaign


def accepted(session: Session, **overrides: Any) -> Campaign:
    campaign = submitted(session, **overrides)
    review.accept(session, campaign, REVIEWER)
    return campaign


def filed(session: Session, **overrides: Any) -> Campaign:
    campaign = submitted(session, **overrides)
    review.accept(session, campaign, REVIEWER, "53430000MJ0000000XA26003")
    return campaign


def raising(session: Session, **overrides: Any) -> Campaign:
    campaign = filed(session, **overrides)
    review.open_raising(session, campaign, REVIEWER)
    return campaign


def update(session: Session, campaign: Campaign, *, publish: bool = True, token: UUID | None = None) -> CampaignUpdate:
    text = updates.update_text(title_zh="新灶点火", title_en="The new stove is lit", body_zh="今天", body_en="Today")
    return updates.post_update(session, campaign, ORGANISER, text, token=token or uuid4(), publish=publish)


def signed_in(
    session: Session, *memberships: tuple[str, MembershipRole], role: str | None = None, email: str | None = None
) -> SignedIn:
    """A user with these memberships, as doors and services see them."""
    email = email or f"user-{next(_numbers)}@example.org"
    user = User(email=email, name="田秀英", role=role)
    session.add(user)
    session.flush()
    session.add_all(Membership(user_id=user.id, organisation=ref, role=kind) for ref, kind in memberships)
    session.flush()
    row = session.scalars(select(User).filter_by(id=user.id)).one()
    return SignedIn(
        id=row.id,
        public_id=row.public_id,
        name=row.name,
        email=row.email,
        role=row.role,
        locale=row.locale,
        session_version=row.session_version,
        memberships=frozenset((ref, str(kind)) for ref, kind in memberships),
    )
