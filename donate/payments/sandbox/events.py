"""Events as a list: the pull twin of the post.

A message that was never sent, since no endpoint was switched on, is not undelivered: `delivery_success` does not find
it, a plain list does.
"""

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from donate.payments.models import SandboxDelivery, SandboxObject
from donate.payments.sandbox import parameters as p
from donate.payments.sandbox.faults import Fault
from donate.payments.sandbox.listing import listed
from donate.payments.sandbox.objects import Body
from donate.payments.sandbox.request import Request

_MOST_KINDS = 20

LIST: dict[str, p.Shape] = {
    **p.LIST,
    "created": p.CREATED,
    "delivery_success": p.boolean,
    "type": p.string(80),
    "types": [p.string(80)],
}


def list_all(session: Session, request: Request) -> Body:
    params = request.params(LIST)
    success, kind, kinds = (params.pop(name, None) for name in ("delivery_success", "type", "types"))
    if kind is not None and kinds is not None:
        raise Fault(400, "You may only specify one of these parameters: type, types.", param="type")
    if kinds is not None and len(kinds) > _MOST_KINDS:
        raise Fault(400, f"You may specify {_MOST_KINDS} types at most.", param="types")
    conditions: list[ColumnElement[bool]] = []
    word = SandboxObject.body["type"].astext
    if kinds is not None:
        conditions.append(word.in_(kinds))
    elif kind is not None:
        conditions.append(word.startswith(kind[:-1], autoescape=True) if kind.endswith("*") else word == kind)
    if success is not None:
        open_ones = select(SandboxDelivery.event_id).where(
            SandboxDelivery.merchant == request.merchant.ref, SandboxDelivery.delivered_at.is_(None)
        )
        undelivered = SandboxObject.object_id.in_(open_ones)
        conditions.append(~undelivered if success else undelivered)
    return listed(session, request, "event", params, *conditions)
