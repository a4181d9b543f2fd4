"""What organisers type, read into what the services take. What was typed is kept for redrawing the form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID, uuid4

from donate.campaigns import plan
from donate.campaigns.counties import County
from donate.campaigns.lifecycle import State
from donate.campaigns.models import Campaign, CampaignUpdate
from donate.campaigns.photos import Declaration, declared, described
from donate.campaigns.prices import Price
from donate.campaigns.service import SchoolName, may_edit
from donate.campaigns.updates import UpdateIncomplete, UpdateText, update_text
from donate.errors import N_, DonateError
from donate.money import Money, parse_amount
from donate.text import clean_line, clean_text

Typed = Mapping[str, str]


class DateNotUnderstood(DonateError):
    sentence = N_("“%(typed)s” is not a date. Write it as 2026-09-01.")


@dataclass(slots=True, kw_only=True)
class PlanForm:
    """The plan as it was typed: columns to change, and an error for each field that could not be read."""

    typed: dict[str, str]
    columns: dict[str, object] = field(default_factory=dict)
    county: str | None = None  # a name; None where the form has no such field
    schools: list[SchoolName] | None = None
    price_minor: int | None = None
    source_zh: str = ""
    source_en: str = ""
    errors: dict[str, DonateError] = field(default_factory=dict)

    def take(self, name: str, column: str, read: Callable[[str], object]) -> None:
        """Read one field, if the form has it, and keep its error under the field's name."""
        if name not in self.typed:
            return
        try:
            self.columns[column] = read(self.typed[name])
        except DonateError as error:
            self.errors[name] = error


def read_plan(typed: Typed, campaign: Campaign) -> PlanForm:
    """The fields that may change while the campaign stands where it does; all others are not looked at."""
    state = State(campaign.state)
    form = PlanForm(typed=dict(typed))
    for column, text in plan.TEXT_OF_COLUMN.items():
        if may_edit(state, column):
            form.take(column, column, _reader(text))
    if not may_edit(state, "goal_minor"):
        return form
    form.take("goal", "goal_minor", lambda given: _minor(given, campaign.currency))
    form.take("starts_on", "starts_on", _date)
    form.take("ends_on", "ends_on", _date)
    form.county = typed.get("county_code") or typed.get("county")
    _read_schools(form)
    _read_price(form, campaign.currency)
    return form


def _reader(text: plan.TextField) -> Callable[[str], object]:
    clean = clean_text if text.is_long else clean_line
    return lambda given: clean(given, text.most)


def _read_schools(form: PlanForm) -> None:
    if "schools" not in form.typed:
        return
    try:
        lines = clean_text(form.typed["schools"], 12000).splitlines()
    except DonateError as error:
        form.errors["schools"] = error
        return
    names = (line.replace("｜", "|").partition("|") for line in lines if line.strip())
    form.schools = [SchoolName(zh.strip(), en.strip()) for zh, _, en in names]


def _read_price(form: PlanForm, currency: str) -> None:
    form.source_zh, form.source_en = form.typed.get("source_zh", ""), form.typed.get("source_en", "")
    try:
        form.price_minor = _minor(form.typed.get("price", ""), currency)
    except DonateError as error:
        form.errors["price"] = error


def _minor(given: str, currency: str) -> int | None:
    return parse_amount(given, currency).minor if given.strip() else None


def _date(given: str) -> date | None:
    if not given.strip():
        return None
    try:
        return date.fromisoformat(given.strip())
    except ValueError:
        raise DateNotUnderstood(typed=given.strip()[:20]) from None


class PriceDayNotUnderstood(DateNotUnderstood):
    field = "price_from"


def read_price_day(given: str) -> date | None:
    """The day from which a new price counts, None for nothing. Raises PriceDayNotUnderstood."""
    try:
        return _date(given)
    except DateNotUnderstood as error:
        raise PriceDayNotUnderstood(**error.facts) from None


def typed_of(
    campaign: Campaign, county: County | None, price: Price | None, schools: list[SchoolName], *, zh: bool
) -> dict[str, str]:
    """The form as it is filled when it is opened."""
    typed = {column: str(getattr(campaign, column) or "") for column in plan.TEXT_OF_COLUMN}
    typed["goal"] = _plain(campaign.goal_minor, campaign.currency)
    typed["starts_on"] = campaign.starts_on.isoformat() if campaign.starts_on else ""
    typed["ends_on"] = campaign.ends_on.isoformat() if campaign.ends_on else ""
    typed["county"] = (county.name_zh if zh else county.name_en) if county else ""
    typed["schools"] = "\n".join(f"{school.zh} | {school.en}" if school.en else school.zh for school in schools)
    typed["price"] = _plain(price.amount_minor if price else None, campaign.currency)
    typed["source_zh"], typed["source_en"] = (price.source_zh, price.source_en) if price else ("", "")
    return typed


def _plain(minor: int | None, currency: str) -> str:
    return "" if minor is None else Money(minor, currency).plain


def read_declaration(typed: Typed, errors: dict[str, DonateError]) -> Declaration | None:
    """What a photo's form says of it; None with every error told under its field."""
    alts, children = ("", ""), None
    try:
        alts = described(typed.get("alt_zh", ""), typed.get("alt_en", ""))
    except DonateError as error:
        errors["alt_zh"] = error
    try:
        children = declared(typed.get("children"), consent=bool(typed.get("consent")))
    except DonateError as error:
        errors[error.field or "children"] = error
    return None if children is None or not any(alts) else Declaration(*alts, children)


def read_update(typed: Typed, errors: dict[str, DonateError]) -> UpdateText | None:
    """The text of an update; None with its error told under its field."""
    try:
        return update_text(
            title_zh=typed.get("title_zh", ""),
            title_en=typed.get("title_en", ""),
            body_zh=typed.get("body_zh", ""),
            body_en=typed.get("body_en", ""),
            is_narrative=bool(typed.get("is_narrative")),
        )
    except UpdateIncomplete as incomplete:
        errors.update(incomplete.errors)
        return None


def typed_update(update: CampaignUpdate) -> dict[str, str]:
    """The form of an update as it is filled when it is opened."""
    return {
        "title_zh": update.title_zh,
        "title_en": update.title_en,
        "body_zh": update.body_zh,
        "body_en": update.body_en,
        "is_narrative": "yes" if update.is_narrative else "",
    }


def read_token(given: str | None) -> UUID:
    """The token drawn with the form; a fresh one where it is missing or broken."""
    try:
        return UUID(given or "")
    except ValueError:
        return uuid4()
