"""Users for tests."""

from itertools import count

from sqlalchemy.orm import Session

from donate.people import service
from donate.people.models import User

PASSWORD = "rice paper and ink"
_numbers = count(1)


def user(
    session: Session,
    *,
    email: str | None = None,
    name: str = "王秀兰",
    password: str | None = PASSWORD,
    role: str | None = None,
    memberships: tuple[tuple[str, str], ...] = (),
) -> User:
    """A user with `memberships` as (organisation, role)."""
    made = service.create_user(
        session, email=email or f"user{next(_numbers)}@example.org", name=name, password=password, role=role
    )
    for organisation, membership_role in memberships:
        service.add_membership(session, user_id=made.id, organisation=organisation, role=membership_role)
    return made
