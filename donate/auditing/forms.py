"""What is asked of the ledger's page: filters and where a screen begins."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from donate.errors import N_, DonateError
from donate.ledger.chart import Reason
from donate.publiclog.queries import LineFilter
from donate.tlog.leaf import CAMPAIGN, REFERENCE


class NotAMonth(DonateError):
    sentence = N_("“%(typed)s” is not a month. Write it as 2026-11.")
    field = "month"


class NoSuchReason(DonateError):
    sentence = N_("The ledger knows no such reason; please choose one from the list.")
    field = "reason"


class NoSuchCampaign(DonateError):
    sentence = N_("The ledger knows no such campaign; please choose one from the list.")
    field = "campaign"


class NotAReference(DonateError):
    sentence = N_("“%(typed)s” is neither an entry’s number nor a reference.")
    field = "q"


@dataclass(frozen=True, slots=True)
class LedgerQuery:
    """What was asked; `typed` holds the words as they came, `number` an entry that was asked for by number."""

    wanted: LineFilter
    number: int | None
    before: int | None
    after: int | None
    typed: Mapping[str, str]
    errors: Mapping[str, DonateError] = field(default_factory=dict)

    @property
    def filters(self) -> dict[str, str]:
        """The filters alone, for links to the screens before and after."""
        return {name: value for name, value in self.typed.items() if value}


def read_ledger_query(args: Mapping[str, str]) -> LedgerQuery:
    """The query of the ledger's page. What cannot be understood stands in `errors`, under its field."""
    typed = {name: args.get(name, "").strip()[:80] for name in ("campaign", "reason", "month", "q")}
    errors: dict[str, DonateError] = {}
    if typed["campaign"] and not re.fullmatch(CAMPAIGN, typed["campaign"]):
        errors["campaign"] = NoSuchCampaign()
    if typed["reason"] and typed["reason"] not in {reason.value for reason in Reason}:
        errors["reason"] = NoSuchReason()
    month = _month(typed["month"])
    if typed["month"] and month is None:
        errors["month"] = NotAMonth(typed=typed["month"][:20])
    digits = re.sub(r"[\s,，#]", "", typed["q"])
    number = _index(digits)
    if typed["q"] and number is None and not re.fullmatch(REFERENCE, typed["q"]):
        errors["q"] = NotAReference(typed=typed["q"][:20])
    wanted = LineFilter(
        campaign=typed["campaign"] or None,
        reason=typed["reason"] or None,
        month=month,
        reference=typed["q"] or None if number is None else None,
    )
    return LedgerQuery(wanted, number, _index(args.get("before", "")), _index(args.get("after", "")), typed, errors)


def _index(digits: str) -> int | None:
    return int(digits) if re.fullmatch(r"[0-9]{1,18}", digits, re.ASCII) else None


def _month(typed: str) -> date | None:
    match = re.fullmatch(r"([0-9]{4})-([0-9]{2})", typed, re.ASCII)
    if match is None or not 1 <= int(match[2]) <= 12 or match[1] == "0000":
        return None
    return date(int(match[1]), int(match[2]), 1)
