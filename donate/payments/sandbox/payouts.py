"""Payouts: what is available goes to the charity's bank, every day by itself or by hand.

An automatic payout takes every line of the balance that is available and in no earlier payout, and names them; a
negative rest waits for money to come in. One made by hand takes an amount and names nothing. Either leaves the balance
when it is made, is sent an hour later, and arrives on the second midnight (UTC). A failed one comes back as a line of
its own, which the next automatic payout takes.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Select, cast, func, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from donate import clock
from donate.payments.models import SandboxObject
from donate.payments.sandbox import movements, objects, store
from donate.payments.sandbox import parameters as p
from donate.payments.sandbox.faults import Fault, not_found
from donate.payments.sandbox.listing import listed
from donate.payments.sandbox.objects import Body, nulls
from donate.payments.sandbox.reads import find_or_fault
from donate.payments.sandbox.request import Request
from donate.payments.sandbox.store import Cause

SENT_AFTER = timedelta(hours=1)
_ON_THE_WAY = ("pending", "in_transit")

CREATE: dict[str, p.Shape] = {
    "amount": p.integer(1, 99_999_999_999),
    "currency": p.string(3),
    "description": p.string(500),
    "metadata": p.METADATA,
    "method": p.one_of("standard"),
    "statement_descriptor": p.string(22),
    "expand": p.EXPAND,
}
LINES: dict[str, p.Shape] = {
    **p.LIST,
    "created": p.CREATED,
    "currency": p.string(3),
    "payout": p.string(255),
    "source": p.string(255),
    "type": p.string(40),
}


def create(session: Session, request: Request) -> Body:
    """By hand: an amount of what is available."""
    params = request.params(CREATE, required=("amount", "currency"))
    merchant, currency, amount = request.merchant.ref, params["currency"], params["amount"]
    _one_at_a_time(session, merchant)
    held = sum(line.net for line in session.execute(_available_lines(merchant)) if line.currency == currency)
    if amount > held:
        message = "You have insufficient funds in your Stripe account for this transfer."
        raise Fault(400, message, code="balance_insufficient", param="amount", is_kept=True)
    given = {name: params[name] for name in ("description", "metadata", "statement_descriptor") if name in params}
    return _pay_out(session, merchant, currency, amount, request.now, cause=request.cause, **given).body


def cancel(session: Session, request: Request, payout_id: str) -> Body:
    """Only one made by hand, before it is sent."""
    request.params({"expand": p.EXPAND})
    row = find_or_fault(session, request, "payout", payout_id, lock=True)
    if row.body["automatic"] or row.body["status"] != "pending":
        raise Fault(400, "This payout cannot be canceled.", is_kept=True)
    _come_back(session, row, request.now, "canceled", "payout_cancel", None, request.cause)
    return row.body


def lines(session: Session, request: Request) -> Body:
    """Lines of the balance; with `payout` those that one automatic payout pays out, its own among them."""
    params = request.params(LINES)
    payout_id = params.pop("payout", None)
    conditions: list[ColumnElement[bool]] = []
    if payout_id is not None:
        if not find_or_fault(session, request, "payout", payout_id, param="payout").body["automatic"]:
            message = "Balance transaction history can only be filtered on automatic transfers, not manual."
            raise Fault(400, message, param="payout")
        conditions.append(SandboxObject.private["payout"].astext == payout_id)
    return listed(session, request, "balance_transaction", params, *conditions)


def pay_out_now(session: Session, merchant: str) -> list[SandboxObject]:
    """The automatic payout of this moment, one for each currency that has money available."""
    return pay_out(session, merchant, clock.now())


def set_automatic(session: Session, merchant: str, is_automatic: bool) -> None:
    """The account's payout schedule: daily, or by hand only."""
    row = movements.schedule_of(session, merchant, clock.now())
    row.private = {"is_automatic": is_automatic}
    if not is_automatic:
        row.ripe_at = None
    else:
        movements.schedule_payout(session, merchant, clock.now())


def fail_payout(session: Session, merchant: str, payout_id: str, code: str = "account_closed") -> SandboxObject:
    """The bank sends it back: on its way, or days after it seemed paid. Done once."""
    row = store.find(session, merchant, "payout", payout_id, lock=True)
    if row is None:
        raise not_found("payout", payout_id, "payout")
    if row.body["status"] in (*_ON_THE_WAY, "paid"):
        _come_back(session, row, clock.now(), "failed", "payout_failure", code)
    return row


def ripen(session: Session, row: SandboxObject, now: datetime) -> None:
    """First it is sent and its lines are named, then it arrives."""
    row.ripe_at = None
    if row.body["status"] == "pending":
        row.ripe_at = datetime.fromtimestamp(row.body["arrival_date"], UTC)
        previous = store.change(row, status="in_transit")
        if row.body["automatic"]:
            previous |= store.change(row, reconciliation_status="completed")
        store.emit(session, row.merchant, "payout.updated", row.body, now, previous=previous)
        if row.body["automatic"]:
            store.emit(session, row.merchant, "payout.reconciliation_completed", row.body, now)
    elif row.body["status"] == "in_transit":
        trace = {"status": "supported", "value": f"SBX{row.number:012d}"}
        previous = store.change(row, status="paid", trace_id=trace)
        store.emit(session, row.merchant, "payout.paid", row.body, now, previous=previous)


def run_schedule(session: Session, row: SandboxObject, now: datetime) -> None:
    """Midnight has come after money became available."""
    row.ripe_at = None
    pay_out(session, row.merchant, now)


def pay_out(session: Session, merchant: str, now: datetime) -> list[SandboxObject]:
    _one_at_a_time(session, merchant)
    waiting = session.execute(_available_lines(merchant).where(~SandboxObject.private.has_key("payout"))).all()
    made = []
    for currency in sorted({line.currency for line in waiting}):
        taken = [line for line in waiting if line.currency == currency]
        amount = sum(line.net for line in taken)
        if amount > 0:
            row = _pay_out(session, merchant, currency, amount, now, automatic=True)
            _name(session, row, [line.number for line in taken])
            made.append(row)
    return made


def _available_lines(merchant: str) -> Select[int, str, int]:
    body = SandboxObject.body
    return select(
        SandboxObject.number,
        body["currency"].astext.label("currency"),
        body["net"].astext.cast(BigInteger).label("net"),
    ).where(
        SandboxObject.merchant == merchant,
        SandboxObject.kind == "balance_transaction",
        body["status"].astext == "available",
    )


def _one_at_a_time(session: Session, merchant: str) -> None:
    """Two payouts must not take the same money."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"sandbox payout {merchant}", 0))))


def _pay_out(
    session: Session,
    merchant: str,
    currency: str,
    amount: int,
    now: datetime,
    *,
    automatic: bool = False,
    cause: Cause | None = None,
    **given: object,
) -> SandboxObject:
    payout_id = objects.new_id("po")
    line = movements.move(
        session,
        merchant,
        kind="payout",
        amount=-amount,
        currency=currency,
        source=payout_id,
        now=now,
        description="STRIPE PAYOUT",
    )
    arrives = (now + timedelta(days=2)).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    body: Body = {
        **_PAYOUT,
        "id": payout_id,
        "amount": amount,
        "arrival_date": int(arrives.timestamp()),
        "automatic": automatic,
        "balance_transaction": line.body["id"],
        "created": int(now.timestamp()),
        "currency": currency,
        "description": "STRIPE PAYOUT" if automatic else None,
        "metadata": {},
        "reconciliation_status": "in_progress" if automatic else "not_applicable",
        **given,
    }
    row = store.add(session, merchant, body, now, private={"line": line.number}, ripe_at=now + SENT_AFTER)
    store.emit(session, merchant, "payout.created", body, now, cause=cause)
    return row


def _name(session: Session, row: SandboxObject, lines: list[int]) -> None:
    """Note on each line which payout took it, on the payout's own as well."""
    session.execute(
        update(SandboxObject)
        .where(SandboxObject.number.in_([*lines, row.private["line"]]))
        .values(private=SandboxObject.private.op("||")(cast({"payout": row.body["id"]}, JSONB)))
        .execution_options(synchronize_session=False)
    )


def _come_back(
    session: Session,
    row: SandboxObject,
    now: datetime,
    status: str,
    kind: str,
    code: str | None,
    cause: Cause | None = None,
) -> None:
    line = movements.move(
        session,
        row.merchant,
        kind=kind,
        amount=row.body["amount"],
        currency=row.body["currency"],
        source=row.body["id"],
        now=now,
        description="PAYOUT FAILURE" if code else "PAYOUT CANCEL",
    )
    words = f"The bank sent the payout back ({code})." if code else None
    previous = store.change(
        row,
        status=status,
        failure_balance_transaction=line.body["id"],
        failure_code=code,
        failure_message=words,
    )
    row.ripe_at = None
    store.emit(session, row.merchant, f"payout.{status}", row.body, now, previous=previous, cause=cause)


_PAYOUT: Body = {
    **nulls(
        "application_fee application_fee_amount failure_balance_transaction failure_code failure_message "
        "original_payout payout_method reversed_by statement_descriptor"
    ),
    "destination": "ba_sandbox",
    "livemode": False,
    "method": "standard",
    "object": "payout",
    "source_type": "card",
    "status": "pending",
    "trace_id": {"status": "pending", "value": None},
    "type": "bank_account",
}
