"""Schools are opened under a county, and once."""

import pytest

from donate.db import Database
from donate.errors import DonateError
from donate.places.queries import PlaceUnknown, children, find
from donate.places.service import NewName, NotACounty, SchoolNameMissing, open_school
from donate.text import TextTooLong

XINHUANG = "431227"


def test_a_school_opens_under_its_county(database: Database):
    with database.transaction() as session:
        school = open_school(session, county_code=XINHUANG, name_zh="云溪小学", name_en="Yunxi Primary School")
    assert (school.level, school.parent_code, school.name_en) == ("school", XINHUANG, "Yunxi Primary School")


def test_the_same_school_opens_once(database: Database):
    with database.transaction() as session:
        first = open_school(session, county_code=XINHUANG, name_zh="云溪小学")
        again = open_school(session, county_code=XINHUANG, name_zh=" 云溪小学 ")
        open_school(session, county_code="431228", name_zh="云溪小学")
        assert first.code == again.code
        assert [place.code for place in children(session, XINHUANG)] == [first.code]


def test_township_and_village_stand_between_county_and_school(database: Database):
    with database.transaction() as session:
        school = open_school(
            session,
            county_code=XINHUANG,
            name_zh="大塘教学点",
            township=NewName("云溪乡", "Yunxi Township"),
            village=NewName("大塘村", "Datang Village"),
        )
        (township,) = children(session, XINHUANG)
        (village,) = children(session, township.code)
        assert school.parent_code == village.code
        assert (township.level, village.level) == ("township", "village")


def test_a_school_without_an_english_name_shows_its_chinese_one(database: Database):
    with database.transaction() as session:
        assert open_school(session, county_code=XINHUANG, name_zh="云溪小学").name_en == "云溪小学"


def test_a_school_is_found_by_name(database: Database):
    with database.transaction() as session:
        school = open_school(session, county_code=XINHUANG, name_zh="𠮷祥小学", name_en="Jixiang School")
        assert [place.code for place in find(session, "𠮷祥", "school")] == [school.code]
        assert [place.code for place in find(session, "jixiang school")] == [school.code]


def test_a_prefecture_without_counties_takes_schools(database: Database):
    with database.transaction() as session:
        assert open_school(session, county_code="441900", name_zh="松湖小学").parent_code == "441900"


@pytest.mark.parametrize("code", ["430000", "431200", "110000"])
def test_a_place_above_the_county_takes_no_school(database: Database, code: str):
    with database.transaction() as session, pytest.raises(NotACounty):
        open_school(session, county_code=code, name_zh="云溪小学")


@pytest.mark.parametrize("name", ["", "   ", "\u200b\u202e", "\x00\x07"])
def test_a_school_without_a_readable_name_is_refused(database: Database, name: str):
    with database.transaction() as session, pytest.raises(SchoolNameMissing):
        open_school(session, county_code=XINHUANG, name_zh=name)


def test_a_name_beyond_any_measure_is_refused(database: Database):
    with database.transaction() as session, pytest.raises(TextTooLong):
        open_school(session, county_code=XINHUANG, name_zh="溪" * 81)


def test_an_unknown_county_is_refused_with_a_sentence(database: Database):
    with database.transaction() as session, pytest.raises(PlaceUnknown) as refused:
        open_school(session, county_code="999999", name_zh="云溪小学")
    assert isinstance(refused.value, DonateError)
    assert str(refused.value) == "We know no place with the code 999999."
