"""What the sample world tells: organisations, campaigns, donors' nicknames. Texts lie in data/, in both languages."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceText:
    """A host's licence; days count from the day on which the world is built."""

    number: str
    issued_by_zh: str
    issued_by_en: str
    first_day: int
    last_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostText:
    """An organisation with a licence, its book and merchant account, and what its plans say about the law's fields."""

    facts: Mapping[str, str]
    licence: LicenceText
    book: str
    merchant: str
    legal: Mapping[str, str]

    @property
    def ref(self) -> str:
        return self.facts["ref"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerText:
    """An organisation that runs the work under a host's licence."""

    facts: Mapping[str, str]
    host: str

    @property
    def ref(self) -> str:
        return self.facts["ref"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceText:
    """What one unit costs from a day on."""

    day: int
    fen: int
    source_zh: str
    source_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateText:
    """A dated post with one drawing. With `has_figures` its bodies name sums of the ledger."""

    day: int
    picture: str
    title_zh: str
    title_en: str
    body_zh: str
    body_en: str
    alt_zh: str
    alt_en: str
    has_figures: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignText:
    """One campaign of the sample world."""

    ref: str
    partner: str
    county: str
    region: str
    state: str
    first_day: int
    last_day: int
    goal_units: int
    weight: int
    prices: tuple[PriceText, ...]
    schools: tuple[tuple[str, str], ...]
    texts: Mapping[str, str]
    alt_zh: str
    alt_en: str
    updates: tuple[UpdateText, ...]

    @property
    def goal_minor(self) -> int:
        return self.goal_units * self.prices[-1].fen

    @property
    def has_ended(self) -> bool:
        return self.state in ("executing", "closed")

    def price_minor(self, day: int) -> int:
        """What a unit costs on a day, counted from the day on which the world is built."""
        return [price.fen for price in self.prices if price.day <= day or price is self.prices[0]][-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcernText:
    """What somebody reported about a campaign, and the answer where there is one."""

    day: int
    campaign: str
    locale: str
    message: str
    answered_day: int | None
    answer: str


@dataclass(frozen=True, slots=True)
class Donors:
    """Nicknames and words of invented donors by language; nobody's full name."""

    names: Mapping[str, tuple[str, ...]]
    words: Mapping[str, tuple[str, ...]]


def on(today: date, day: int) -> date:
    """The date of a day that counts from `today`: -1 is yesterday."""
    return today + timedelta(days=day)


@cache
def hosts() -> tuple[HostText, ...]:
    return tuple(_host(given) for given in _organisations() if given["kind"] == "host")


@cache
def partners() -> tuple[PartnerText, ...]:
    return tuple(
        PartnerText(facts=_facts(given), host=given["host"]) for given in _organisations() if given["kind"] == "partner"
    )


@cache
def campaigns() -> tuple[CampaignText, ...]:
    files = sorted(DATA.glob("campaigns_*.toml"))
    return tuple(_campaign(given) for file in files for given in _read(file)["campaign"])


@cache
def donors() -> Donors:
    given = _read(DATA / "donors.toml")
    return Donors(
        names={"zh": tuple(given["names_zh"]), "en": tuple(given["names_en"])},
        words={"zh": tuple(given["words_zh"]), "en": tuple(given["words_en"])},
    )


@cache
def concerns() -> tuple[ConcernText, ...]:
    return tuple(
        ConcernText(
            day=given["day"],
            campaign=given["campaign"],
            locale=given["locale"],
            message=given["message"],
            answered_day=given.get("answered"),
            answer=given.get("answer", ""),
        )
        for given in _read(DATA / "concerns.toml")["concern"]
    )


def host_of(campaign: CampaignText) -> HostText:
    """The host under whose licence a campaign raises."""
    return _hosts_of_partners()[campaign.partner]


@cache
def _hosts_of_partners() -> dict[str, HostText]:
    by_ref = {host.ref: host for host in hosts()}
    return {partner.ref: by_ref[partner.host] for partner in partners()}


def _organisations() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _read(DATA / "organisations.toml")["organisation"]
    return found


def _host(given: dict[str, Any]) -> HostText:
    licence = given["licence"]
    return HostText(
        facts=_facts(given),
        licence=LicenceText(
            number=licence["number"],
            issued_by_zh=licence["issued_by_zh"],
            issued_by_en=licence["issued_by_en"],
            first_day=licence["from"],
            last_day=licence["to"],
        ),
        book=given["book"]["ref"],
        merchant=given["book"]["merchant"],
        legal=given["legal"],
    )


def _facts(given: dict[str, Any]) -> dict[str, str]:
    """The columns of an organisation."""
    return {key: value.strip() for key, value in given.items() if isinstance(value, str) and key != "host"}


_OF_CAMPAIGN = ("title", "summary", "story", "unit", "purpose", "beneficiaries", "use", "surplus", "office")


def _campaign(given: dict[str, Any]) -> CampaignText:
    columns = [f"{name}_{locale}" for name in _OF_CAMPAIGN for locale in ("zh", "en")]
    return CampaignText(
        ref=given["ref"],
        partner=given["partner"],
        county=given["county"],
        region=given["region"],
        state=given["state"],
        first_day=given["starts"],
        last_day=given["ends"],
        goal_units=given["goal_units"],
        weight=given["weight"],
        prices=tuple(
            PriceText(day=price["day"], fen=price["fen"], source_zh=price["zh"], source_en=price["en"])
            for price in given["prices"]
        ),
        schools=tuple((name_zh, name_en) for name_zh, name_en in given["schools"]),
        texts={column: given[column].strip() for column in columns},
        alt_zh=given["alt_zh"],
        alt_en=given["alt_en"],
        updates=tuple(_update(update) for update in given.get("update", ())),
    )


def _update(given: dict[str, Any]) -> UpdateText:
    return UpdateText(
        day=given["day"],
        picture=given["picture"],
        title_zh=given["title_zh"],
        title_en=given["title_en"],
        body_zh=given["body_zh"],
        body_en=given["body_en"],
        alt_zh=given["alt_zh"],
        alt_en=given["alt_en"],
        has_figures=given.get("figures", False),
    )


def _read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))
