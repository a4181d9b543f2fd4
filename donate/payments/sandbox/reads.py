"""Reading: one object by its id, a kind's objects page by page, those that came back of a charge, the balance."""

from collections.abc import Callable

from sqlalchemy import BigInteger, Text, cast, func, select
from sqlalchemy.orm import Session

from donate.payments.models import SandboxObject
from donate.payments.sandbox import parameters as p
from donate.payments.sandbox import store
from donate.payments.sandbox.faults import Fault, not_found
from donate.payments.sandbox.listing import listed
from donate.payments.sandbox.objects import Body
from donate.payments.sandbox.request import Request


def retrieve(kind: str, param: str) -> Callable[[Session, Request, str], Body]:
    """The route that answers one object of a kind by its id."""

    def route(session: Session, request: Request, object_id: str) -> Body:
        request.params({"expand": p.EXPAND})
        return find_or_fault(session, request, kind, object_id, param=param).body

    return route


def find_or_fault(
    session: Session, request: Request, kind: str, object_id: str, *, param: str = "id", lock: bool = False
) -> SandboxObject:
    """The object of this account, locked if asked. Raises Fault."""
    row = store.find(session, request.merchant.ref, kind, object_id, lock=lock)
    if row is None:
        raise not_found(kind, object_id, param)
    return row


def list_all(kind: str, **filters: p.Shape) -> Callable[[Session, Request], Body]:
    """The route that answers a kind's objects page by page, with the filters that it has."""
    shape = {**p.LIST, "created": p.CREATED, **filters}

    def route(session: Session, request: Request) -> Body:
        return listed(session, request, kind, request.params(shape))

    return route


def list_of_charge(kind: str, noted: str) -> Callable[[Session, Request], Body]:
    """The route for a kind that hangs on charges; the charge notes its own under `noted`, which saves a search."""
    shape = {**p.LIST, "created": p.CREATED, "charge": p.string(255), "payment_intent": p.string(255)}

    def route(session: Session, request: Request) -> Body:
        params = request.params(shape)
        charge_id, intent_id = params.pop("charge", None), params.pop("payment_intent", None)
        if intent_id is not None:
            intent = find_or_fault(session, request, "payment_intent", intent_id, param="payment_intent")
            if charge_id not in (None, intent.body["latest_charge"]):
                raise Fault(400, "The charge is not one of this payment intent.", param="charge")
            charge_id = intent.body["latest_charge"] or ""
        if charge_id is None:
            return listed(session, request, kind, params)
        charge = store.find(session, request.merchant.ref, "charge", charge_id)
        if charge is None and intent_id is None:
            raise not_found("charge", charge_id, "charge")
        ids = charge.private.get(noted, []) if charge else []
        return listed(session, request, kind, params, SandboxObject.object_id.in_(ids))

    return route


def balance(session: Session, request: Request) -> Body:
    """What the account holds, in each currency: available, and still pending."""
    request.params({"expand": p.EXPAND})
    body = SandboxObject.body
    status, currency = cast(body["status"].astext, Text), cast(body["currency"].astext, Text)
    net = cast(func.sum(cast(body["net"].astext, BigInteger)), BigInteger)
    sums: dict[str, list[Body]] = {"available": [], "pending": []}
    found = session.execute(
        select(status, currency, net)
        .where(SandboxObject.merchant == request.merchant.ref, SandboxObject.kind == "balance_transaction")
        .group_by(status, currency)
        .order_by(status, currency)
    )
    for state, code, amount in found:
        sums[state].append({"amount": amount, "currency": code, "source_types": {"card": amount}})
    return {"object": "balance", "livemode": False, **sums}
