"""Lists with cursors, newest first, and the expansion of ids into the objects they name."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement
from sqlalchemy.orm import Session

from donate.payments.models import SandboxObject
from donate.payments.sandbox import store
from donate.payments.sandbox.faults import Fault, not_found
from donate.payments.sandbox.objects import Body
from donate.payments.sandbox.request import Request

# Which field of which kind of object names what kind of object.
_NAMES = {
    ("checkout.session", "payment_intent"): "payment_intent",
    ("payment_intent", "latest_charge"): "charge",
    ("checkout.session", "customer"): "customer",
    ("checkout.session", "subscription"): "subscription",
    ("checkout.session", "invoice"): "invoice",
    ("subscription", "customer"): "customer",
    ("subscription", "latest_invoice"): "invoice",
    ("invoice", "customer"): "customer",
    ("invoice_payment", "invoice"): "invoice",
    ("invoice_payment.payment", "payment_intent"): "payment_intent",
    ("charge", "payment_intent"): "payment_intent",
    ("charge", "balance_transaction"): "balance_transaction",
    ("refund", "charge"): "charge",
    ("refund", "payment_intent"): "payment_intent",
    ("refund", "balance_transaction"): "balance_transaction",
    ("refund", "failure_balance_transaction"): "balance_transaction",
    ("dispute", "charge"): "charge",
    ("dispute", "payment_intent"): "payment_intent",
    ("radar.early_fraud_warning", "charge"): "charge",
    ("radar.early_fraud_warning", "payment_intent"): "payment_intent",
    ("payout", "balance_transaction"): "balance_transaction",
    ("payout", "failure_balance_transaction"): "balance_transaction",
}
# A line of the balance may come from many kinds of object; its source's id tells which by its first letters.
_SOURCES = {
    "ch": "charge",
    "py": "charge",
    "re": "refund",
    "pyr": "refund",
    "du": "dispute",
    "po": "payout",
}
_DEEPEST = 4


def listed(
    session: Session, request: Request, kind: str, params: dict[str, Any], *conditions: ColumnElement[bool]
) -> Body:
    """One page of the objects of a kind that have the given values and meet `conditions`."""
    limit = params.pop("limit", 10)
    after, before = params.pop("starting_after", None), params.pop("ending_before", None)
    if after is not None and before is not None:
        raise Fault(400, "You may only specify one of these parameters: starting_after, ending_before.")
    query = store.newest_first(request.merchant.ref, kind, *_conditions(params), *conditions)
    if after is not None:
        query = query.where(SandboxObject.number < _number(session, request, kind, after, "starting_after"))
    if before is not None:
        query = query.where(SandboxObject.number > _number(session, request, kind, before, "ending_before"))
        query = query.order_by(None).order_by(SandboxObject.number.asc())
    rows = list(session.scalars(query.limit(limit + 1)))
    shown = rows[:limit] if before is None else rows[:limit][::-1]
    return {
        "object": "list",
        "data": [row.body for row in shown],
        "has_more": len(rows) > limit,
        "url": request.path,
    }


def _conditions(params: dict[str, Any]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for name, value in params.items():
        column = SandboxObject.body[name]
        if name == "created":
            found += [_bound(bound, moment) for bound, moment in value.items()]
        elif isinstance(value, dict):
            number = column.astext.cast(BigInteger)
            bounds = {"gt": number.__gt__, "gte": number.__ge__, "lt": number.__lt__, "lte": number.__le__}
            found += [bounds[bound](moment) for bound, moment in value.items()]
        else:
            found.append(column.astext == value)
    return found


def _bound(bound: str, moment: int) -> ColumnElement[bool]:
    """`created` is the row's own moment in whole seconds, rounded down."""
    first = datetime.fromtimestamp(moment + (bound in ("gt", "lte")), UTC)
    return SandboxObject.created_at >= first if bound in ("gt", "gte") else SandboxObject.created_at < first


def _number(session: Session, request: Request, kind: str, object_id: str, param: str) -> int:
    row = store.find(session, request.merchant.ref, kind, object_id)
    if row is None:
        raise not_found(kind, object_id, param)
    return row.number


def expanded(session: Session, request: Request, body: Body) -> Body:
    """A copy of `body` with what the request asked to see in place of ids."""
    for path in request.expand:
        steps = path.split(".")
        if len(steps) > _DEEPEST:
            raise Fault(400, f"You cannot expand more than {_DEEPEST} levels of a property.", param="expand")
        if body.get("object") == "list":
            if steps[0] != "data":
                raise _cannot(path)
            body = {**body, "data": [_expand(session, request, item, steps[1:], path) for item in body["data"]]}
        else:
            body = _expand(session, request, body, steps, path)
    return body


def _expand(
    session: Session, request: Request, body: Body, steps: list[str], path: str, inside: str | None = None
) -> Body:
    """`inside` names the part of an object that `body` is, where it is no object of its own."""
    if not steps:
        return body
    name = steps[0]
    if inside is None and isinstance(body.get(name), dict) and "object" not in body[name]:
        part = _expand(session, request, body[name], steps[1:], path, f"{body['object']}.{name}")
        return {**body, name: part}
    if inside is not None:
        body = {"object": inside, **body}
    if (body["object"], name) == ("checkout.session", "line_items") and len(steps) == 1:
        return {**body, "line_items": _line_items(session, request, body)}
    if (body["object"], name) == ("charge", "refunds"):
        return {**body, "refunds": _refunds(session, request, body, steps[1:], path)}
    kind = _NAMES.get((body["object"], name))
    if (body["object"], name) == ("balance_transaction", "source"):
        kind = _SOURCES.get(str(body["source"]).partition("_")[0])
    if kind is None:
        raise _cannot(path)
    value = body[name]
    if isinstance(value, str):
        row = store.find(session, request.merchant.ref, kind, value)
        value = row.body if row else value
    if isinstance(value, dict):
        body = {**body, name: _expand(session, request, value, steps[1:], path)}
    return {key: item for key, item in body.items() if key != "object"} if inside is not None else body


def _line_items(session: Session, request: Request, body: Body) -> Body:
    row = store.find(session, request.merchant.ref, "checkout.session", body["id"])
    lines = row.private["lines"] if row else []
    url = f"/v1/checkout/sessions/{body['id']}/line_items"
    return {"object": "list", "data": lines[:10], "has_more": len(lines) > 10, "url": url}


def _refunds(session: Session, request: Request, charge: Body, steps: list[str], path: str) -> Body:
    """A charge shows its refunds only when it is asked to, the ten newest."""
    row = store.find(session, request.merchant.ref, "charge", charge["id"])
    rows = store.named(session, request.merchant.ref, row.private.get("refunds", []) if row else [])[::-1]
    if steps[:1] not in ([], ["data"]):
        raise _cannot(path)
    shown = [_expand(session, request, row.body, steps[1:], path) for row in rows[:10]]
    url = f"/v1/charges/{charge['id']}/refunds"
    return {"object": "list", "data": shown, "has_more": len(rows) > 10, "url": url}


def _cannot(path: str) -> Fault:
    return Fault(400, f"This property cannot be expanded ({path}).", param="expand")
