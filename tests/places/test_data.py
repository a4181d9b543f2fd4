"""The packaged list: complete, a tree, and made by the script that lies beside it."""

import csv
import tomllib
from collections import Counter

import pytest

from donate.places.loading import PLACES
from donate.places.romanise import DATA, english_name, full_pinyin, read_exceptions, take_apart


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, str]]:
    with open(PLACES, encoding="utf-8", newline="") as file:
        return {row["code"]: row for row in csv.DictReader(file)}


def test_the_list_holds_34_provinces_333_prefectures_and_2872_counties(rows):
    # 2,846 counties and 333 prefectures of the mainland, 18 districts of Hong Kong, 8 of Macau.
    assert Counter(row["level"] for row in rows.values()) == {"province": 34, "prefecture": 333, "county": 2872}


def test_every_county_hangs_under_a_prefecture_or_a_province(rows):
    for row in rows.values():
        if row["level"] == "county":
            assert rows[row["parent_code"]]["level"] in ("prefecture", "province"), row


def test_every_prefecture_hangs_under_the_province_of_its_first_two_digits(rows):
    for row in rows.values():
        if row["level"] == "prefecture":
            assert row["parent_code"] == row["code"][:2] + "0000"


@pytest.mark.parametrize("code", ["419001", "429004", "469001", "659001", "110101", "500101", "810001", "820001"])
def test_a_county_without_a_prefecture_hangs_under_its_province(rows, code):
    assert rows[code]["parent_code"] == code[:2] + "0000"


def test_no_stand_in_for_directly_administered_counties_is_listed(rows):
    assert not [row for row in rows.values() if "直辖" in row["name_zh"]]


def test_taiwan_is_a_province_without_counties(rows):
    assert rows["710000"]["name_en"] == "Taiwan"
    assert not [row for row in rows.values() if row["parent_code"] == "710000"]


def test_the_list_is_what_the_script_makes_of_its_chinese_names(rows):
    exceptions = read_exceptions()
    for code, row in rows.items():
        assert row["name_en"] == english_name(code, row["name_zh"], exceptions), row
        assert row["pinyin"] == full_pinyin(row["name_zh"], exceptions), row


def test_every_exception_is_used_by_a_place_of_the_list(rows):
    exceptions = read_exceptions()
    names = {row["name_zh"] for row in rows.values()}
    assert (exceptions.pinyin.keys() | exceptions.stems.keys() | exceptions.names.keys()) - names == set()
    assert exceptions.codes.keys() - rows.keys() == set()


def test_a_written_form_belongs_to_one_place_or_to_places_read_alike(rows):
    exceptions = read_exceptions()
    count = Counter(row["name_zh"] for row in rows.values())
    assert [name for name in exceptions.stems.keys() | exceptions.names.keys() if count[name] > 1] == []
    assert {name for name in exceptions.pinyin if count[name] > 1} <= {"朝阳区"}


def test_every_group_of_exceptions_says_why():
    groups = tomllib.loads((DATA / "exceptions.toml").read_text(encoding="utf-8"))["group"]
    assert all(group["why"].endswith(".") for group in groups)


def test_no_english_name_holds_chinese_or_a_doubled_space(rows):
    for row in rows.values():
        assert row["name_en"].isprintable()
        assert not any("\u3400" <= letter <= "\u9fff" for letter in row["name_en"]), row
        assert "  " not in row["name_en"]


@pytest.mark.parametrize(
    ("name", "stem", "peoples", "kind"),
    [
        ("新晃侗族自治县", "新晃", ("Dong",), "自治县"),
        ("湘西土家族苗族自治州", "湘西", ("Tujia", "Miao"), "自治州"),
        ("互助土族自治县", "互助", ("Tu",), "自治县"),
        ("管城回族区", "管城", ("Hui",), "区"),
        ("单县", "单", (), "县"),
        ("津市市", "津市", (), "市"),
    ],
)
def test_a_name_is_taken_apart(name, stem, peoples, kind):
    parts = take_apart(name)
    assert (parts.stem, parts.peoples, parts.kind) == (stem, peoples, kind)
