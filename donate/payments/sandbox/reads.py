"""What can only be read: payment intents, charges, balance transactions, events, the balance."""

from collections.abc import Callable

from sqlalchemy import BigInteger, Text, cast, func, select
from sqlalchemy.orm import Session

from donate.payments.models import SandboxObject
from donate.payments.sandbox import parameters as p
from donate.payments.sandbox import store
from donate.payments.sandbox.faults import not_found
from donate.payments.sandbox.listing import listed
from donate.payments.sandbox.objects import Body
from donate.payments.sandbox.request import Request


def retrieve(kind: str, param: str) -> Callable[[Session, Request, str], Body]:
    """The route that answers one object of a kind by its id."""

    def route(session: Session, request: Request, object_id: str) -> Body:
        request.params({"expand": p.EXPAND})
        row = store.find(session, request.merchant.ref, kind, object_id)
        if row is None:
            raise not_found(kind, object_id, param)
        return row.body

    return route


def list_all(kind: str, **filters: p.Shape) -> Callable[[Session, Request], Body]:
    """The route that answers a kind's objects page by page, with the filters that it has."""
    shape = {**p.LIST, "created": p.CREATED, **filters}

    def route(session: Session, request: Request) -> Body:
        return listed(session, request, kind, request.params(shape))

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
