"""Who may sign in to the sample world. Passwords are random and lie in logins.json of the instance folder (instance/demo for `donate demo`), for its owner only."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from donate.errors import NotFound
from donate.people.service import add_membership, create_user, set_password, user_id_of
from donate.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One invented person, and where they begin."""

    role: str
    email: str
    password: str
    path: str


@dataclass(frozen=True, slots=True)
class _Person:
    role: str
    name: str
    path: str
    global_role: str | None = None
    membership: tuple[str, str] | None = None


PEOPLE = (
    _Person("organiser", "田野（示例）", "/zh/desk", membership=("xinhuang-service", "owner")),
    # Two people of the host, so that a recorded donation can be entered by one and confirmed by the other.
    _Person("bookkeeper", "尹录（示例）", "/zh/desk/recorded", membership=("xiangxinan", "editor")),
    _Person("treasurer", "龙清（示例）", "/zh/desk/recorded", membership=("xiangxinan", "treasurer")),
    _Person("reviewer", "何审（示例）", "/zh/review", membership=("xiangxinan", "reviewer")),
    _Person("auditor", "沈账（示例）", "/zh/audit", global_role="auditor"),
    _Person("admin", "管理员（示例）", "/zh/staff", global_role="admin"),
)


def email_of(role: str) -> str:
    """With what somebody of the sample world signs in."""
    return f"{role}@donate.example"


def make_logins(session: Session) -> list[Login]:
    """The people of the sample world with fresh random passwords."""
    return [_make(session, person) for person in PEOPLE]


def _make(session: Session, person: _Person) -> Login:
    login = _login(person)
    user = create_user(session, email=login.email, name=person.name, password=login.password, role=person.global_role)
    if person.membership is not None:
        organisation, role = person.membership
        add_membership(session, user_id=user.id, organisation=organisation, role=role)
    return login


def renew_logins(session: Session) -> list[Login]:
    """Fresh passwords for the same people, whose old ones nobody knows any more; who is new since then joins them."""
    logins = []
    for person in PEOPLE:
        try:
            user_id = user_id_of(session, email=email_of(person.role))
        except NotFound:
            logins.append(_make(session, person))
            continue
        login = _login(person)
        set_password(session, user_id=user_id, password=login.password)
        logins.append(login)
    return logins


def kept_logins(settings: Settings) -> list[Login] | None:
    """The logins of an earlier start, or None when their file is gone."""
    try:
        found = json.loads(_file(settings).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return [Login(**login) for login in found]


def keep_logins(settings: Settings, logins: list[Login]) -> None:
    """Write the logins down, readable by the owner of the installation only."""
    file = _file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump([asdict(login) for login in logins], out, indent=1)


def _login(person: _Person) -> Login:
    return Login(role=person.role, email=email_of(person.role), password=secrets.token_urlsafe(12), path=person.path)


def _file(settings: Settings) -> Path:
    return settings.instance / "logins.json"
