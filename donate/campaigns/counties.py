"""Which county somebody means who types its name, in either script, or its code."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from donate.errors import N_, DonateError
from donate.places.queries import PlaceName, PlaceUnknown, children, county_path, county_paths, find

MOST_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class County:
    """A county with its whole path, as a form shows it."""

    code: str
    name_zh: str
    name_en: str


class CountyUnknown(DonateError):
    sentence = N_("We find no county called “%(typed)s”. Write its name in Chinese or in pinyin.")
    field = "county"


class CountyUnclear(DonateError):
    """Several counties fit; the form offers them."""

    sentence = N_("Several counties fit “%(typed)s”. Choose one of them, or write more of the name.")
    field = "county"

    def __init__(self, typed: str, candidates: list[County]) -> None:
        super().__init__(typed=typed)
        self.candidates = candidates


def county_of(session: Session, code: str) -> County:
    """The county of a code. Raises PlaceUnknown."""
    path = county_path(session, code)
    return County(path.county.code, path.text_zh, path.text_en)


def county_typed(session: Session, typed: str, *, now: str | None = None) -> str | None:
    """The code of the county that was typed, `now` if its own path came back unchanged, None for nothing.

    Raises CountyUnknown, CountyUnclear.
    """
    typed = typed.strip()
    if not typed:
        return None
    if now is not None and typed in _paths(county_of(session, now)):
        return now
    found = _by_code(session, typed) if typed.isascii() and typed.isdigit() else _by_name(session, typed)
    exact = [place for place in found if typed in (place.name_zh, place.name_en)]
    if len(exact) == 1:
        found = exact
    if not found:
        raise CountyUnknown(typed=typed[:40])
    if len(found) > 1:
        paths = county_paths(session, [place.code for place in found])
        raise CountyUnclear(typed[:40], [County(code, path.text_zh, path.text_en) for code, path in paths.items()])
    return found[0].code


def _paths(county: County) -> tuple[str, str]:
    return county.name_zh, county.name_en


def _by_code(session: Session, code: str) -> list[PlaceName]:
    try:
        place = county_path(session, code).county
    except PlaceUnknown:
        return []
    return [place] if place.code == code and _is_county(session, place) else []


def _by_name(session: Session, typed: str) -> list[PlaceName]:
    return [place for place in find(session, typed, most=MOST_CANDIDATES) if _is_county(session, place)]


def _is_county(session: Session, place: PlaceName) -> bool:
    """A prefecture without counties, such as Dongguan, stands as its own county."""
    if place.level == "prefecture":
        return not any(child.level == "county" for child in children(session, place.code))
    return place.level == "county"
