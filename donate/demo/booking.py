"""Books the planned past day after day, each day under its own date and numbered in the public log before the next."""

import hashlib
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from donate import clock
from donate.db import Database
from donate.demo.content import campaigns, host_of, on
from donate.demo.past import PAID_AFTER, ZONE, Past, PlannedCheckout, PlannedTransfer
from donate.ledger import journal, stock
from donate.ledger.books import open_account
from donate.ledger.chart import Reason, fund_code, payable_code
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.release import release
from donate.sequencer import PassResult, run_pass

REFUNDED_AFTER = 3
WRONG_NOTE = "多按了一个零，次日核对银行回单时发现。 One zero too many, found against the bank slip on the next day."


class Release(NamedTuple):
    """An entry that brought money to the bank, and how much of it each fund may spend."""

    entry: NewEntry
    amounts: dict[str, int]


@dataclass(slots=True)
class Day:
    """What is booked on one day, in this order."""

    entries: list[NewEntry] = field(default_factory=list)
    reversals: list[NewEntry] = field(default_factory=list)  # the wrong entries themselves, of the day before
    releases: list[Release] = field(default_factory=list)
    approvals: list[NewEntry] = field(default_factory=list)


def book_past(database: Database, past: Past, book_ids: dict[str, int], public_ids: list[list[UUID]]) -> None:
    """Book and number every day; `book_ids` by host, `public_ids` those of each checkout's donations."""
    plan = _plan_days(past, book_ids, public_ids)
    now = clock.now()
    with ThreadPoolExecutor(1) as sequencer:
        numbering: Future[PassResult] | None = None
        for day in sorted(plan):
            today = on(past.today, day)
            evening = min(now, datetime.combine(today, time(23, 40), tzinfo=ZONE).astimezone(UTC))
            with clock.frozen_at(evening), database.transaction() as session:
                _book_day(session, plan[day], today)
                if numbering is not None:
                    numbering.result()  # what is not committed yet cannot get into the pass of the day before
            numbering = sequencer.submit(_number, database, evening)
        if numbering is not None:
            numbering.result()


def _number(database: Database, evening: datetime) -> PassResult:
    """Give a day's entries their numbers; a day holds far fewer than a pass."""
    with clock.frozen_at(evening):
        return run_pass(database, sweep=True)


def open_payables(session: Session, past: Past, book_ids: dict[str, int]) -> None:
    """An account for what is owed to the schools of each campaign that pays out."""
    hosts = _hosts_of_campaigns()
    for campaign in sorted({given.campaign for given in past.disbursements}):
        open_account(session, book_id=book_ids[hosts[campaign]], code=payable_code(payee_of(campaign)))


def payee_of(campaign: str) -> str:
    """An opaque reference for the schools of a campaign: the ledger names nobody."""
    return "p" + hashlib.sha256(f"payee of {campaign}".encode()).hexdigest()[:8]


def _book_day(session: Session, day: Day, today: date) -> None:
    journal.post(session, day.entries)
    for wrong in day.reversals:
        (posted,) = journal.post(session, [wrong])  # it stands already: this only finds its number
        journal.reverse(
            session,
            book_id=wrong.book_id,
            entry_id=posted.entry_id,
            idempotency_key=f"reversal:{wrong.idempotency_key}",
            effective_on=today,
            note=WRONG_NOTE,
        )
    arrived = journal.post(session, [arrival.entry for arrival in day.releases])
    for (entry, amounts), posted in zip(day.releases, arrived, strict=True):
        release(session, book_id=entry.book_id, entry_id=posted.entry_id, amounts=amounts)
    for approval in day.approvals:
        stock.authorise(session, approval)


def _plan_days(past: Past, book_ids: dict[str, int], public_ids: list[list[UUID]]) -> dict[int, Day]:
    plan: dict[int, Day] = defaultdict(Day)
    for given, own_ids in zip(past.checkouts, public_ids, strict=True):
        _plan_checkout(plan, past, given, own_ids, book_ids[given.host])
    book_of = {campaign: book_ids[host] for campaign, host in _hosts_of_campaigns().items()}
    _plan_transfers(plan, past, book_of)
    _plan_settlements(plan, past, book_ids)
    _plan_disbursements(plan, past, book_of)
    return plan


def _hosts_of_campaigns() -> dict[str, str]:
    return {campaign.ref: host_of(campaign).ref for campaign in campaigns()}


def _plan_checkout(
    plan: dict[int, Day], past: Past, given: PlannedCheckout, public_ids: list[UUID], book_id: int
) -> None:
    """The donations, their fees, and what was given back three days later."""
    day = on(past.today, given.day)
    for line, public_id in zip(given.lines, public_ids, strict=True):
        fund = fund_code(line.campaign)
        donation = NewEntry(
            book_id=book_id,
            reason=Reason.DONATION,
            idempotency_key=f"donation:{public_id}",
            effective_on=day,
            legs=(Leg(debit="clearing", credit=fund, amount_minor=line.amount_minor),),
            campaign=line.campaign,
            private={"donation": str(public_id)},
        )
        plan[given.day].entries.append(donation)
        if line.fee_minor > 0:
            fee = NewEntry(
                book_id=book_id,
                reason=Reason.PROCESSING_FEE,
                idempotency_key=f"fee:sample:{public_id}",
                effective_on=day,
                legs=(Leg(debit=fund, credit="clearing", amount_minor=line.fee_minor),),
                campaign=line.campaign,
                private={"donation": str(public_id)},
            )
            plan[given.day].entries.append(fee)
        if line.is_refunded:
            refund = NewEntry(
                book_id=book_id,
                reason=Reason.REFUND,
                idempotency_key=f"refund:sample:{public_id}",
                effective_on=on(past.today, given.day + REFUNDED_AFTER),
                legs=(Leg(debit=fund, credit="clearing", amount_minor=line.amount_minor),),
                campaign=line.campaign,
                private={"donation": str(public_id)},
            )
            plan[given.day + REFUNDED_AFTER].entries.append(refund)


def _plan_transfers(plan: dict[int, Day], past: Past, book_of: dict[str, int]) -> None:
    """Donations by bank transfer. A wrong one is reversed on the next day and entered again."""
    for number, given in enumerate(past.transfers, start=1):
        wrong, right = _transfer_entries(past, given, book_of[given.campaign], number)
        if wrong is not None:
            plan[given.day].entries.append(wrong)
            plan[given.day + 1].reversals.append(wrong)
        arrival = Release(right, {fund_code(given.campaign): given.amount_minor})
        plan[given.day + given.is_wrong].releases.append(arrival)


def _transfer_entries(
    past: Past, given: PlannedTransfer, book_id: int, number: int
) -> tuple[NewEntry | None, NewEntry]:
    """The entry as it was typed first, if that was wrong, and the right one."""
    right = NewEntry(
        book_id=book_id,
        reason=Reason.RECORDED_DONATION,
        idempotency_key=f"recorded:sample:{number}",
        effective_on=on(past.today, given.day + given.is_wrong),
        legs=(Leg(debit="bank", credit=fund_code(given.campaign), amount_minor=given.amount_minor),),
        campaign=given.campaign,
        reference=f"SAMPLE-BANK-{number:04d}",
    )
    if not given.is_wrong:
        return None, right
    wrong = replace(
        right,
        idempotency_key=f"recorded:sample:{number}:typed",
        effective_on=on(past.today, given.day),
        legs=(replace(right.legs[0], amount_minor=given.typed_minor),),
    )
    return wrong, right


def _plan_settlements(plan: dict[int, Day], past: Past, book_ids: dict[str, int]) -> None:
    for settled in past.settlements:
        day = on(past.today, settled.day)
        entry = NewEntry(
            book_id=book_ids[settled.host],
            reason=Reason.SETTLEMENT,
            idempotency_key=f"settlement:sample:{settled.host}:{day}",
            effective_on=day,
            legs=(Leg(debit="bank", credit="clearing", amount_minor=sum(settled.shares.values())),),
            reference=f"po_sample_{settled.host}_{day:%Y%m%d}",
        )
        shares = {fund_code(campaign): amount for campaign, amount in settled.shares.items()}
        plan[settled.day].releases.append(Release(entry, shares))


def _plan_disbursements(plan: dict[int, Day], past: Past, book_of: dict[str, int]) -> None:
    """Approved on one day, paid by the bank two days later."""
    for given in past.disbursements:
        fund, payable = fund_code(given.campaign), payable_code(payee_of(given.campaign))
        reference = f"{given.campaign}-{on(past.today, given.day):%Y%m%d}"
        approved = NewEntry(
            book_id=book_of[given.campaign],
            reason=Reason.DISBURSEMENT_APPROVED,
            idempotency_key=f"disbursement:sample:{reference}:approved",
            effective_on=on(past.today, given.day),
            legs=(Leg(debit=fund, credit=payable, amount_minor=given.amount_minor),),
            campaign=given.campaign,
            reference=reference,
        )
        paid = NewEntry(
            book_id=book_of[given.campaign],
            reason=Reason.DISBURSEMENT_PAID,
            idempotency_key=f"disbursement:sample:{reference}:paid",
            effective_on=on(past.today, given.day + PAID_AFTER),
            legs=(Leg(debit=payable, credit="bank", amount_minor=given.amount_minor),),
            campaign=given.campaign,
            reference=reference,
        )
        plan[given.day].approvals.append(approved)
        plan[given.day + PAID_AFTER].entries.append(paid)
