"""Sums over entries: the trial balance, and the statement of activities with and without donor restriction."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from donate.downloads.accounts import WITH_RESTRICTION, WITHOUT_RESTRICTION, restriction
from donate.downloads.entries import Head, LoggedEntry, Sums, csv_line, plain_of
from donate.errors import N_
from donate.ledger.chart import STATEMENT_LINES, Reason, StatementLine, kind_of

TRIAL_COLUMNS = {
    "account": N_("The account’s code, as in the leaves."),
    "class": N_("Where it stands on the balance sheet: asset, liability, fund, income or expense."),
    "opening_minor": N_("Debits less credits before the month, in the smallest unit. The column adds up to zero."),
    "debits_minor": N_("What the month debited, in the smallest unit."),
    "credits_minor": N_("What the month credited, in the smallest unit; as much as all debits together."),
    "closing_minor": N_("Debits less credits at the month’s end, in the smallest unit. The column adds up to zero."),
    "opening": N_("The opening balance as a decimal number."),
    "debits": N_("The debits as a decimal number."),
    "credits": N_("The credits as a decimal number."),
    "closing": N_("The closing balance as a decimal number."),
    "currency": N_("The currency by its ISO 4217 code."),
}
ACTIVITY_COLUMNS = {
    "scope": N_("Whether the row is of one account, of all of one restriction, or of all together (total)."),
    "restriction": N_("Whether donors bound this money to a purpose: with or without donor restriction."),
    "account": N_("The account’s code; empty in a row of several."),
    "line": N_("The line of the statement; its meaning is listed below."),
    "amount_minor": N_("What the line adds to net assets, in the smallest unit; negative where it lowers them."),
    "amount": N_("The same as a decimal number."),
    "currency": N_("The currency by its ISO 4217 code."),
}
# The lines around those of the chart, in the order in which they are written.
OPENING_LINE, OTHER_LINE, CHANGE_LINE, CLOSING_LINE = "opening_net_assets", "other", "change", "closing_net_assets"
EXTRA_LINES = {
    OPENING_LINE: N_("Net assets before the month."),
    OTHER_LINE: N_("What no line of the chart takes; it should be empty."),
    CHANGE_LINE: N_("The sum of the lines above, from all entries of the month."),
    CLOSING_LINE: N_("Net assets at the month’s end."),
}
_ORDER = [OPENING_LINE, *(line.value for line in StatementLine), OTHER_LINE, CHANGE_LINE, CLOSING_LINE]


def add_up(entries: Iterable[LoggedEntry], before: Sums | None = None) -> dict[str, tuple[int, int]]:
    """Debits and credits by account over `before` and these entries, in minor units."""
    debits: dict[str, int] = defaultdict(int)
    credits: dict[str, int] = defaultdict(int)
    for code, (debited, credited) in (before or {}).items():
        debits[code], credits[code] = debited, credited
    for entry in entries:
        for debit, credit, minor in entry.legs:
            debits[debit] += minor
            credits[credit] += minor
    codes = sorted(debits.keys() | credits.keys())
    return {code: (debits.get(code, 0), credits.get(code, 0)) for code in codes}


def trial_text(sums: Sums) -> str:
    """The text that a close leaf's `trial` is the hash of: `code,debits,credits` a line, by ascending code."""
    return "".join(f"{code},{debits},{credits}\n" for code, (debits, credits) in sorted(sums.items()))


def read_trial_text(text: str) -> dict[str, tuple[int, int]]:
    """The sums that `trial_text` wrote."""
    rows = (line.split(",") for line in text.splitlines())
    return {code: (int(debits), int(credits)) for code, debits, credits in rows}


def net(sums: Sums, code: str) -> int:
    """Debits less credits of an account, zero where it was never moved."""
    debits, credits = sums.get(code, (0, 0))
    return debits - credits


def write_trial(head: Head, entries: Iterable[LoggedEntry]) -> Iterator[str]:
    """The trial balance as CSV: a row for every account that was opened."""
    plain = plain_of(head.currency)
    moved = add_up(entries)
    yield csv_line(TRIAL_COLUMNS)
    for code in sorted(head.accounts):
        debits, credits = moved.get(code, (0, 0))
        opening = net(head.opening, code)
        minors = (opening, debits, credits, opening + debits - credits)
        yield csv_line([code, head.accounts[code], *minors, *map(plain, minors), head.currency])


def activities(entries: Iterable[LoggedEntry]) -> dict[str, dict[str, int]]:
    """By account of net assets and line: what these entries add, in minor units."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for entry in entries:
        for debit, credit, minor in entry.legs:
            for code, signed in ((debit, -minor), (credit, minor)):
                if restriction(code) is not None:
                    found[code][line_of(code, entry.why)] += signed
    return found


def line_of(code: str, reason: str) -> str:
    """The statement's line for what `reason` does to an account; OTHER_LINE where the chart names none."""
    known = _REASONS.get(reason)
    line = None if known is None else STATEMENT_LINES.get((kind_of(code).name, known))
    return OTHER_LINE if line is None else line.value


def write_activities(head: Head, entries: Iterable[LoggedEntry]) -> Iterator[str]:
    """The statement of activities as CSV: by account, by restriction, in total. Income raises and is positive."""
    moved = activities(entries)
    accounts = [code for code in sorted(head.accounts) if restriction(code) is not None]
    groups: dict[str, dict[str, int]] = {WITH_RESTRICTION: {}, WITHOUT_RESTRICTION: {}, "total": {}}
    yield csv_line(ACTIVITY_COLUMNS)
    for code in accounts:
        lines = _whole(moved.get(code, {}), opening=-net(head.opening, code))
        own = restriction(code) or ""
        for group in (groups[own], groups["total"]):
            for line, minor in lines.items():
                group[line] = group.get(line, 0) + minor
        yield from _rows(head, "account", own, code, lines)
    for scope, lines in groups.items():
        yield from _rows(head, scope, "" if scope == "total" else scope, "", lines)


def _whole(lines: Mapping[str, int], *, opening: int) -> dict[str, int]:
    change = sum(lines.values())
    return {OPENING_LINE: opening, **lines, CHANGE_LINE: change, CLOSING_LINE: opening + change}


def _rows(head: Head, scope: str, own: str, code: str, lines: Mapping[str, int]) -> Iterator[str]:
    plain = plain_of(head.currency)
    for line in _ORDER:
        minor = lines.get(line, 0)
        if minor or line in (OPENING_LINE, CHANGE_LINE, CLOSING_LINE):
            yield csv_line([scope, own, code, line, minor, plain(minor), head.currency])


_REASONS = {reason.value: reason for reason in Reason}
