"""Finding places in both scripts, and the way down to a county."""

import pytest

from donate.db import Database
from donate.places.queries import LevelUnknown, PlaceUnknown, children, county_path, county_paths, find
from donate.places.service import NewName, open_school

XINHUANG = "431227"


def codes(places):
    return [place.code for place in places]


def test_the_path_of_a_county_names_province_and_prefecture(database: Database):
    with database.reading() as session:
        path = county_path(session, XINHUANG)
    assert path.text_zh == "湖南省怀化市新晃侗族自治县"
    assert path.text_en == "Xinhuang Dong Autonomous County, Huaihua, Hunan"


def test_a_county_directly_under_a_province_has_no_prefecture(database: Database):
    with database.reading() as session:
        path = county_path(session, "419001")
    assert path.prefecture is None
    assert path.text_zh == "河南省济源市"


def test_a_prefecture_without_counties_stands_as_its_own_county(database: Database):
    with database.reading() as session:
        path = county_path(session, "441900")
    assert (path.county.name_en, path.prefecture) == ("Dongguan", None)


def test_the_path_of_a_school_leads_to_its_county(database: Database):
    with database.transaction() as session:
        school = open_school(session, county_code=XINHUANG, name_zh="云溪小学", township=NewName("云溪乡"))
        path = county_path(session, school.code)
    assert path.county.code == XINHUANG


def test_several_paths_come_in_one_answer(database: Database):
    with database.reading() as session:
        assert set(county_paths(session, [XINHUANG, "110101"])) == {XINHUANG, "110101"}


@pytest.mark.parametrize("code", ["", "000000", "431227'", "４３１２２７", "x" * 5000])
def test_an_unknown_code_is_refused(database: Database, code: str):
    with database.reading() as session, pytest.raises(PlaceUnknown):
        county_path(session, code)


@pytest.mark.parametrize(
    "typed",
    [
        "新晃",
        "新晃侗族自治县",
        "xinhuang",
        "Xinhuang Dong",
        "XINHUANG",
        "Xīnhuǎng",
        "xin huang",
        "ｘｉｎｈｕａｎｇ",
        " xinhuangdongzu ",
    ],
)
def test_a_county_is_found_in_both_scripts(database: Database, typed: str):
    with database.reading() as session:
        assert XINHUANG in codes(find(session, typed, "county"))


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("urumqi", "650100"),
        ("wulumuqi", "650100"),
        ("Lu'an", "341500"),
        ("luan", "341500"),
        ("lüliang", "141100"),
        ("lvliang", "141100"),
        ("luliang", "141100"),
        ("xigaze", "540200"),
        ("rikaze", "540200"),
        ("hohhot", "150100"),
        ("shaanxi", "610000"),
        ("harbin", "230100"),
        ("yueqing", "330382"),
    ],
)
def test_a_name_is_found_by_its_english_form_and_by_pinyin(database: Database, typed: str, code: str):
    with database.reading() as session:
        assert code in codes(find(session, typed))


def test_the_exact_name_comes_before_longer_ones_and_the_higher_place_before_the_lower(database: Database):
    with database.reading() as session:
        found = find(session, "chaoyang")
    assert found[0].code == "211300"
    assert {place.name_en for place in found} >= {"Chaoyang", "Chaoyang District", "Chaoyang County"}


def test_a_level_narrows_what_is_found(database: Database):
    with database.reading() as session:
        assert {place.level for place in find(session, "长沙", "prefecture")} == {"prefecture"}


@pytest.mark.parametrize(
    "typed",
    ["", "   ", "%", "_", "'; DROP TABLE place", "\x00", "\u202e", "🍚", "𠮷野", "|", "q" * 100_000, "新晃%怀化"],
)
def test_odd_input_finds_nothing_and_breaks_nothing(database: Database, typed: str):
    with database.reading() as session:
        assert find(session, typed) == []


def test_at_most_the_asked_number_is_found(database: Database):
    with database.reading() as session:
        assert len(find(session, "a", most=7)) == 7


def test_an_unknown_level_is_refused(database: Database):
    with database.reading() as session, pytest.raises(LevelUnknown):
        find(session, "新晃", "planet")


def test_provinces_and_children_go_down_the_tree(database: Database):
    with database.reading() as session:
        assert len(children(session, None)) == 34
        assert XINHUANG in codes(children(session, "431200"))
