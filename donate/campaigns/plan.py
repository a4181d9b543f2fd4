"""The fields of a campaign's plan: their names, their size, and which of them the law asks for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from donate.campaigns.models import Campaign
from donate.errors import N_, DonateError
from donate.text import Term


class FieldMissing(DonateError):
    sentence = N_("Still missing: %(label)s")


class FieldMissingInLanguage(FieldMissing):
    sentence = N_("Still missing: %(label)s, %(language)s")


class PlanIncomplete(DonateError):
    """Everything that is missing, told at once."""

    sentence = N_("The plan is not complete yet.")

    def __init__(self, missing: "dict[str, DonateError]") -> None:
        super().__init__()
        self.missing = missing


@dataclass(frozen=True, slots=True)
class TextField:
    """One text of the plan, in one language or (`_zh`, `_en`) in both."""

    name: str
    label: str
    most: int
    is_pair: bool = True
    is_long: bool = False
    is_markdown: bool = False
    is_legal: bool = True  # part of what is filed, so fixed from filing on
    hint: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return (f"{self.name}_zh", f"{self.name}_en") if self.is_pair else (self.name,)


TEXTS = (
    TextField("title", N_("Title"), 60),
    TextField("summary", N_("In one or two sentences"), 300, is_long=True, is_legal=False),
    TextField(
        "story",
        N_("Story"),
        12000,
        is_long=True,
        is_markdown=True,
        is_legal=False,
        hint=N_("An empty line begins a paragraph; **two stars** make words strong; a line with # is a heading."),
    ),
    TextField("unit", N_("What one unit is called"), 20, hint=N_("In the singular, such as “meal”.")),
)
PLAN = (
    TextField("purpose", N_("Purpose"), 600, is_long=True),
    TextField("area", N_("Area of fundraising"), 200),
    TextField("person_in_charge", N_("Person in charge"), 60, is_pair=False, hint=N_("Public by law.")),
    TextField("office", N_("Office"), 200),
    TextField(
        "contact",
        N_("Contact"),
        120,
        is_pair=False,
        is_legal=False,
        hint=N_("A telephone number or an e-mail address that the public may use."),
    ),
    TextField("receiving", N_("Ways to receive donations"), 400, is_long=True),
    TextField("bank_account", N_("Bank account"), 200, is_pair=False, hint=N_("The host’s, as it publishes it.")),
    TextField("beneficiaries", N_("Beneficiaries"), 600, is_long=True),
    TextField("use", N_("Use of the money"), 1200, is_long=True),
    TextField(
        "fundraising_cost",
        N_("Cost of fundraising"),
        400,
        is_long=True,
        hint=N_("What raising the money costs and who bears it, or that it costs nothing."),
    ),
    TextField(
        "surplus",
        N_("What happens to a surplus"),
        400,
        is_long=True,
        hint=N_("Money that is left may only go to a purpose of the same kind, named here."),
    ),
)
TEXT_OF_COLUMN = {column: field for field in (*TEXTS, *PLAN) for column in field.columns}
# Columns that are no texts, with their labels; all of them are filed.
OTHER_LABELS = {
    "county_code": N_("County"),
    "goal_minor": N_("Goal"),
    "starts_on": N_("First day"),
    "ends_on": N_("Last day"),
    "price": N_("Price of one unit"),
    "schools": N_("Schools"),
}
# The names under which a form carries what the database calls otherwise.
FORM_NAMES = {"county_code": "county", "goal_minor": "goal"}
LANGUAGE_LABELS = {"zh": N_("in Chinese"), "en": N_("in English")}


def label_of(column: str) -> str:
    """The label of a column, in English: the key of its translation."""
    field = TEXT_OF_COLUMN.get(column)
    return field.label if field else OTHER_LABELS[column]


def language_of(column: str) -> str | None:
    """The label of the language that a column of a pair is in."""
    field = TEXT_OF_COLUMN.get(column)
    return LANGUAGE_LABELS[column[-2:]] if field and field.is_pair else None


def told_missing(columns: list[str]) -> dict[str, DonateError]:
    """An error for each missing column, under the name that the form gives it."""
    return {FORM_NAMES.get(column, column): _told(column) for column in columns}


@dataclass(frozen=True, slots=True)
class MissingLine:
    """A field of the plan that is missing, with the languages in which it is; `name` is where the form has it."""

    name: str
    label: str
    languages: tuple[str, ...]


def missing_lines(columns: Iterable[str]) -> tuple[MissingLine, ...]:
    """The same fields in fewer lines: both languages of a pair together."""
    found: dict[str, list[str]] = {}
    for column in columns:
        found.setdefault(label_of(column), []).append(column)
    return tuple(
        MissingLine(
            FORM_NAMES.get(those[0], those[0]),
            label,
            tuple(language for language in map(language_of, those) if language is not None),
        )
        for label, those in found.items()
    )


def _told(column: str) -> DonateError:
    label, language = Term(label_of(column)), language_of(column)
    return FieldMissingInLanguage(label=label, language=Term(language)) if language else FieldMissing(label=label)


def missing_fields(campaign: Campaign, *, has_price: bool, has_schools: bool) -> list[str]:
    """The columns that submission still wants, in the order of the form."""
    return list(_missing(campaign, has_price, has_schools))


def _missing(campaign: Campaign, has_price: bool, has_schools: bool) -> Iterator[str]:
    for field in TEXTS:
        yield from (column for column in field.columns if not getattr(campaign, column))
    for column in ("county_code", "goal_minor", "starts_on", "ends_on"):
        if getattr(campaign, column) is None:
            yield column
    if not has_schools:
        yield "schools"
    if not has_price:
        yield "price"
    for field in PLAN:
        yield from (column for column in field.columns if not getattr(campaign, column))
