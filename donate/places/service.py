"""Opening townships, villages and schools under a county."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate.errors import N_, DonateError
from donate.places.folding import search_text
from donate.places.models import Place
from donate.places.queries import PlaceUnknown
from donate.text import clean_line

LONGEST_NAME = 80


class NotACounty(DonateError):
    sentence = N_("%(name)s is not a county; choose the county that the school is in.")
    field = "county"


class SchoolNameMissing(DonateError):
    sentence = N_("Write the name of the school.")
    field = "name_zh"


@dataclass(frozen=True, slots=True)
class NewName:
    """A name in Chinese and, where there is one, in English."""

    zh: str
    en: str = ""


def open_school(
    session: Session,
    *,
    county_code: str,
    name_zh: str,
    name_en: str = "",
    township: NewName | None = None,
    village: NewName | None = None,
) -> Place:
    """The school of that name under the county (township, village), opened when it is new.

    The same names under the same place are the same school, however often and by however many it is opened.
    Raises PlaceUnknown, NotACounty, SchoolNameMissing, TextTooLong.
    """
    parent = _county(session, county_code)
    if township is not None:
        parent = _open(session, parent, "township", township)
    if village is not None:
        parent = _open(session, parent, "village", village)
    return _open(session, parent, "school", NewName(name_zh, name_en))


def _county(session: Session, code: str) -> Place:
    place = session.get(Place, code)
    if place is None:
        raise PlaceUnknown(code=code[:20])
    if place.level == "county" or (place.level == "prefecture" and not _has_counties(session, code)):
        return place
    raise NotACounty(name=place.name_zh)


def _has_counties(session: Session, prefecture_code: str) -> bool:
    counties = exists().where(Place.parent_code == prefecture_code, Place.level == "county")
    return session.scalar(select(counties)) is True


def _open(session: Session, parent: Place, level: str, name: NewName) -> Place:
    name_zh, name_en = clean_line(name.zh, LONGEST_NAME), clean_line(name.en, LONGEST_NAME)
    if not name_zh:
        raise SchoolNameMissing
    digest = hashlib.sha256(f"{parent.code}\0{level}\0{name_zh}".encode()).hexdigest()
    code = f"{parent.code[:6]}.{digest[:10]}"
    values = {
        "code": code,
        "level": level,
        "parent_code": parent.code,
        "name_zh": name_zh,
        "name_en": name_en or name_zh,
        "search": search_text(name_zh, name_en),
    }
    session.execute(insert(Place).values(**values).on_conflict_do_nothing())
    return session.get_one(Place, code)
