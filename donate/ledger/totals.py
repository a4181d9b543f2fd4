"""Totals over numbered entries, and receipt numbers: what the sequencer adds in each pass.

The amounts of a pass are summed here and written with one statement a table, since a row of a busy campaign
updated once an entry would cost most of the pass. What counts where:

- an account's total: every transfer, on its debit and on its credit account;
- a day's total: the sum of an entry's transfers under its own campaign, effective day and reason, a reversal
  under `reversal`;
- a campaign's total: what came into or left the campaign's fund, by reason (`FUND_COLUMNS`), and what was paid out
  to schools and suppliers for it (`PAID`), both as tlog/counting.py has it. A reversal takes back from where its original was counted.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.ledger.chart import Reason
from donate.tlog.counting import DONATIONS, FUND_COLUMNS, PAID

RECEIPTED = frozenset({Reason.DONATION, Reason.RECORDED_DONATION})

CAMPAIGN_COLUMNS = (
    "received_minor",
    "donation_count",
    "refunded_minor",
    "fees_minor",
    "disbursed_minor",
    "evidenced_minor",  # stays 0 until evidence is kept
)


class NumberedLeg(NamedTuple):
    """A transfer of a numbered entry; `fund` names the campaign whose fund a side is."""

    debit_id: int
    credit_id: int
    amount_minor: int
    debit_fund: str | None
    credit_fund: str | None


class Numbered(NamedTuple):
    """An entry that has its place in the log. `counted_as` is its reason or, for a reversal, its original's."""

    log_index: int
    entry_id: int
    book_id: int
    reason: str
    counted_as: str
    campaign: str | None
    effective_on: date
    legs: tuple[NumberedLeg, ...]


def add_totals(session: Session, entries: Sequence[Numbered]) -> None:
    """Add newly numbered entries to all totals; called once a pass, with each entry exactly once."""
    if not entries:
        return
    as_of = max(entry.log_index for entry in entries)
    _write_accounts(session, entries, as_of)
    _write_days(session, entries)
    _write_campaigns(session, campaign_sums(entries), as_of)


@dataclass(slots=True)
class CampaignSum:
    """What some entries add to a campaign's columns; all 0 where it was only touched."""

    book_id: int
    columns: dict[str, int]


def campaign_sums(entries: Sequence[Numbered]) -> dict[str, CampaignSum]:
    """What entries add to each column, by campaign."""
    sums: dict[str, CampaignSum] = {}
    for entry in entries:
        into_funds: dict[str, int] = {} if entry.campaign is None else {entry.campaign: 0}
        for leg in entry.legs:
            if leg.credit_fund is not None:
                into_funds[leg.credit_fund] = into_funds.get(leg.credit_fund, 0) + leg.amount_minor
            if leg.debit_fund is not None:
                into_funds[leg.debit_fund] = into_funds.get(leg.debit_fund, 0) - leg.amount_minor
        for campaign, amount in into_funds.items():
            if campaign not in sums:
                sums[campaign] = CampaignSum(entry.book_id, dict.fromkeys(CAMPAIGN_COLUMNS, 0))
            _count_in_fund(sums[campaign].columns, entry.counted_as, amount)
        if entry.counted_as in PAID and entry.campaign is not None:
            sign = PAID[entry.counted_as] * (-1 if entry.reason == Reason.REVERSAL else 1)
            paid = sum(leg.amount_minor for leg in entry.legs)
            sums[entry.campaign].columns["disbursed_minor"] += sign * paid
    return sums


def _count_in_fund(columns: dict[str, int], counted_as: str, amount: int) -> None:
    if amount == 0:
        return
    if counted_as in FUND_COLUMNS:
        column, sign = FUND_COLUMNS[counted_as]
        columns[column] += sign * amount
    if counted_as in DONATIONS:
        columns["donation_count"] += 1 if amount > 0 else -1


def _write_accounts(session: Session, entries: Sequence[Numbered], as_of: int) -> None:
    sums: dict[int, list[int]] = {}
    for entry in entries:
        for leg in entry.legs:
            debit = sums.setdefault(leg.debit_id, [entry.book_id, 0, 0, 0, 0])
            debit[1] += leg.amount_minor
            debit[3] += 1
            credit = sums.setdefault(leg.credit_id, [entry.book_id, 0, 0, 0, 0])
            credit[2] += leg.amount_minor
            credit[4] += 1
    columns = list(zip(*sums.values(), strict=True))
    names = ("book_ids", "debits", "credits", "debit_counts", "credit_counts")
    facts: dict[str, object] = {name: list(column) for name, column in zip(names, columns, strict=True)}
    session.execute(_ADD_ACCOUNTS, facts | {"account_ids": list(sums), "as_of": as_of})


def _write_days(session: Session, entries: Sequence[Numbered]) -> None:
    sums: dict[tuple[int, str, date, str], list[int]] = defaultdict(lambda: [0, 0])
    for entry in entries:
        row = sums[entry.book_id, entry.campaign or "", entry.effective_on, entry.reason]
        row[0] += sum(leg.amount_minor for leg in entry.legs)
        row[1] += 1
    session.execute(
        _ADD_DAYS,
        {
            "book_ids": [book_id for book_id, _, _, _ in sums],
            "campaigns": [campaign for _, campaign, _, _ in sums],
            "days": [day for _, _, day, _ in sums],
            "reasons": [reason for _, _, _, reason in sums],
            "amounts": [amount for amount, _ in sums.values()],
            "counts": [count for _, count in sums.values()],
        },
    )


def _write_campaigns(session: Session, sums: Mapping[str, CampaignSum], as_of: int) -> None:
    if not sums:
        return
    facts: dict[str, object] = {column: [row.columns[column] for row in sums.values()] for column in CAMPAIGN_COLUMNS}
    facts["campaigns"] = list(sums)
    facts["book_ids"] = [row.book_id for row in sums.values()]
    session.execute(_ADD_CAMPAIGNS, facts | {"as_of": as_of})


def number_receipts(session: Session, entries: Sequence[Numbered]) -> None:
    """Give each donation among `entries` the next receipt number of its book and year, in log order."""
    donations = sorted((entry for entry in entries if _is_receipted(entry)), key=lambda entry: entry.log_index)
    if not donations:
        return
    series = sorted({(entry.book_id, entry.effective_on.year) for entry in donations})
    books, years = [book_id for book_id, _ in series], [year for _, year in series]
    rows: Iterable[Any] = session.execute(_LAST_RECEIPTS, {"book_ids": books, "years": years})
    last = {(book_id, year): number for book_id, year, number in rows}
    numbers = []
    for entry in donations:
        key = entry.book_id, entry.effective_on.year
        last[key] += 1
        numbers.append(last[key])
    session.execute(
        _INSERT_RECEIPTS,
        {
            "entry_ids": [entry.entry_id for entry in donations],
            "book_ids": [entry.book_id for entry in donations],
            "years": [entry.effective_on.year for entry in donations],
            "numbers": numbers,
        },
    )


def _is_receipted(entry: Numbered) -> bool:
    """Money out of suspense is a donation where it went to a campaign; other money of the provider's went elsewhere."""
    return entry.reason in RECEIPTED or (entry.reason == Reason.SUSPENSE_CLEARED and entry.campaign is not None)


_ADD_ACCOUNTS = text(
    """
    INSERT INTO account_total AS total
      (account_id, book_id, debits_minor, credits_minor, debit_count, credit_count, as_of)
    SELECT t.*, :as_of FROM unnest(
      CAST(:account_ids AS bigint[]), CAST(:book_ids AS bigint[]), CAST(:debits AS bigint[]),
      CAST(:credits AS bigint[]), CAST(:debit_counts AS bigint[]), CAST(:credit_counts AS bigint[])) AS t
    ON CONFLICT (account_id) DO UPDATE SET
      debits_minor = total.debits_minor + excluded.debits_minor,
      credits_minor = total.credits_minor + excluded.credits_minor,
      debit_count = total.debit_count + excluded.debit_count,
      credit_count = total.credit_count + excluded.credit_count,
      as_of = excluded.as_of
    """
)

_ADD_DAYS = text(
    """
    INSERT INTO day_total AS total (book_id, campaign, day, reason, amount_minor, entry_count)
    SELECT * FROM unnest(
      CAST(:book_ids AS bigint[]), CAST(:campaigns AS text[]), CAST(:days AS date[]), CAST(:reasons AS text[]),
      CAST(:amounts AS bigint[]), CAST(:counts AS bigint[]))
    ON CONFLICT (book_id, campaign, day, reason) DO UPDATE SET
      amount_minor = total.amount_minor + excluded.amount_minor,
      entry_count = total.entry_count + excluded.entry_count
    """
)

_ADD_CAMPAIGNS = text(
    """
    INSERT INTO campaign_total AS total
      (campaign, book_id, received_minor, donation_count, refunded_minor, fees_minor, disbursed_minor,
       evidenced_minor, version, as_of)
    SELECT t.*, 1, :as_of FROM unnest(
      CAST(:campaigns AS text[]), CAST(:book_ids AS bigint[]), CAST(:received_minor AS bigint[]),
      CAST(:donation_count AS bigint[]), CAST(:refunded_minor AS bigint[]), CAST(:fees_minor AS bigint[]),
      CAST(:disbursed_minor AS bigint[]), CAST(:evidenced_minor AS bigint[])) AS t
    ON CONFLICT (campaign) DO UPDATE SET
      received_minor = total.received_minor + excluded.received_minor,
      donation_count = total.donation_count + excluded.donation_count,
      refunded_minor = total.refunded_minor + excluded.refunded_minor,
      fees_minor = total.fees_minor + excluded.fees_minor,
      disbursed_minor = total.disbursed_minor + excluded.disbursed_minor,
      evidenced_minor = total.evidenced_minor + excluded.evidenced_minor,
      version = total.version + 1,
      as_of = excluded.as_of
    """
)

_LAST_RECEIPTS = text(
    """
    SELECT given.book_id, given.year, coalesce((
      SELECT number FROM receipt_number receipt
      WHERE receipt.book_id = given.book_id AND receipt.year = given.year ORDER BY number DESC LIMIT 1), 0)
    FROM unnest(CAST(:book_ids AS bigint[]), CAST(:years AS smallint[])) AS given(book_id, year)
    """
)

_INSERT_RECEIPTS = text(
    """
    INSERT INTO receipt_number (entry_id, book_id, year, number)
    SELECT * FROM unnest(
      CAST(:entry_ids AS bigint[]), CAST(:book_ids AS bigint[]), CAST(:years AS smallint[]),
      CAST(:numbers AS bigint[]))
    """
)
