"""Lists with cursors, newest first, and the expansion of ids into the objects they name."""

from typing import Any

from sqlalchemy import ColumnElement, Integer
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
    ("charge", "payment_intent"): "payment_intent",
    ("charge", "balance_transaction"): "balance_transaction",
    ("balance_transaction", "source"): "charge",
}
_DEEPEST = 4


def listed(session: Session, request: Request, kind: str, params: dict[str, Any]) -> Body:
    """One page of the objects of a kind that have the given values."""
    limit = params.pop("limit", 10)
    after, before = params.pop("starting_after", None), params.pop("ending_before", None)
    if after is not None and before is not None:
        raise Fault(400, "You may only specify one of these parameters: starting_after, ending_before.")
    query = store.newest_first(request.merchant.ref, kind, *_conditions(params))
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
            created = column.astext.cast(Integer)
            bounds = {"gt": created.__gt__, "gte": created.__ge__, "lt": created.__lt__, "lte": created.__le__}
            found += [bounds[bound](moment) for bound, moment in value.items()]
        elif name == "types":
            found.append(SandboxObject.body["type"].astext.in_(value))
        else:
            found.append(column.astext == value)
    return found


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


def _expand(session: Session, request: Request, body: Body, steps: list[str], path: str) -> Body:
    if not steps:
        return body
    name = steps[0]
    if (body["object"], name) == ("checkout.session", "line_items") and len(steps) == 1:
        return {**body, "line_items": _line_items(session, request, body)}
    kind = _NAMES.get((body["object"], name))
    if kind is None:
        raise _cannot(path)
    value = body[name]
    if isinstance(value, str):
        row = store.find(session, request.merchant.ref, kind, value)
        value = row.body if row else value
    if not isinstance(value, dict):
        return body
    return {**body, name: _expand(session, request, value, steps[1:], path)}


def _line_items(session: Session, request: Request, body: Body) -> Body:
    row = store.find(session, request.merchant.ref, "checkout.session", body["id"])
    lines = row.private["lines"] if row else []
    url = f"/v1/checkout/sessions/{body['id']}/line_items"
    return {"object": "list", "data": lines[:10], "has_more": len(lines) > 10, "url": url}


def _cannot(path: str) -> Fault:
    return Fault(400, f"This property cannot be expanded ({path}).", param="expand")
