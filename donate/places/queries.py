"""Reading the tree of places."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import CTE, String, bindparam, case, func, select, type_coerce
from sqlalchemy.orm import Session

from donate.errors import N_, DonateError, NotFound
from donate.places.folding import folded
from donate.places.models import LEVELS, Place

# Longer than any name; what is typed beyond it cannot match.
LONGEST_TYPED = 80


class PlaceUnknown(NotFound):
    sentence = N_("We know no place with the code %(code)s.")
    field = "county"


class LevelUnknown(DonateError):
    sentence = N_("%(level)s is not a level of our places.")


@dataclass(frozen=True, slots=True)
class PlaceName:
    """One place as a page names it."""

    code: str
    level: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class PlacePath:
    """Where a county is: `湖南省 怀化市 新晃侗族自治县`. Where a province administers it, there is no prefecture."""

    province: PlaceName
    prefecture: PlaceName | None
    county: PlaceName

    @property
    def text_zh(self) -> str:
        return "".join(place.name_zh for place in self._parts())

    @property
    def text_en(self) -> str:
        return ", ".join(place.name_en for place in reversed(self._parts()))

    def _parts(self) -> list[PlaceName]:
        return [place for place in (self.province, self.prefecture, self.county) if place is not None]


def _upwards() -> CTE:
    """Each asked place (`leaf`) with itself and everything above it."""
    own = select(Place.code.label("leaf"), Place.code, Place.parent_code).where(
        Place.code == func.any(bindparam("codes"))
    )
    below = own.cte("upwards", recursive=True)
    return below.union_all(
        select(below.c.leaf, Place.code, Place.parent_code).join(Place, Place.code == below.c.parent_code)
    )


_UPWARDS = _upwards()
_NAMES_UPWARDS = select(
    type_coerce(_UPWARDS.c.leaf, String), Place.code, Place.level, Place.name_zh, Place.name_en
).join_from(_UPWARDS, Place, Place.code == _UPWARDS.c.code)


def county_path(session: Session, code: str) -> PlacePath:
    """The path down to the county `code`, or to the county above a township, village or school. Raises PlaceUnknown."""
    return county_paths(session, [code])[code]


def county_paths(session: Session, codes: Sequence[str]) -> dict[str, PlacePath]:
    """The paths of several places in one statement. Raises PlaceUnknown."""
    found: dict[str, dict[str, PlaceName]] = {}
    for leaf, code, level, name_zh, name_en in session.execute(_NAMES_UPWARDS, {"codes": list(codes)}):
        found.setdefault(leaf, {})[level] = PlaceName(code, level, name_zh, name_en)
    for code in codes:
        if code not in found:
            raise PlaceUnknown(code=code[:20])
    return {code: _path(levels) for code, levels in found.items()}


def _path(levels: dict[str, PlaceName]) -> PlacePath:
    """A prefecture without counties, such as Dongguan, stands as its own county."""
    prefecture = levels.get("prefecture")
    county = levels.get("county") or prefecture or levels["province"]
    return PlacePath(levels["province"], None if prefecture == county else prefecture, county)


def children(session: Session, parent_code: str | None) -> list[PlaceName]:
    """The places directly under `parent_code`, or the provinces, by code."""
    under = Place.parent_code.is_(None) if parent_code is None else Place.parent_code == parent_code
    rows = session.execute(
        select(Place.code, Place.level, Place.name_zh, Place.name_en).where(under).order_by(Place.code)
    )
    return [PlaceName(code, level, name_zh, name_en) for code, level, name_zh, name_en in rows]


def find(session: Session, typed: str, level: str | None = None, most: int = 20) -> list[PlaceName]:
    """Places whose Chinese or romanised name contains what was typed: exact names first, then beginnings, then the rest.

    Tones, case, spaces and apostrophes do not matter. A name that holds nothing to look for finds nothing.
    """
    if level is not None and level not in LEVELS:
        raise LevelUnknown(level=level[:20])
    wanted = folded(typed[:LONGEST_TYPED])
    if not wanted:
        return []
    # `folded` leaves letters, figures and Chinese only, so nothing in it is a wildcard of LIKE.
    closeness = case((Place.search.like(f"%|{wanted}|%"), 0), (Place.search.like(f"%|{wanted}%"), 1), else_=2)
    query = select(Place.code, Place.level, Place.name_zh, Place.name_en).where(Place.search.like(f"%{wanted}%"))
    if level is not None:
        query = query.where(Place.level == level)
    height = func.array_position(list(LEVELS), Place.level)
    rows = session.execute(query.order_by(closeness, height, Place.code).limit(most))
    return [PlaceName(code, found_level, name_zh, name_en) for code, found_level, name_zh, name_en in rows]
