"""The sandbox as a WSGI application: keys, routes, idempotency keys, error envelopes, request ids."""

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from email.utils import format_datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from donate import clock, db
from donate.payments.gateway import MerchantRef
from donate.payments.models import SandboxReply
from donate.payments.sandbox import (
    account,
    disputes,
    events,
    invoices,
    keys,
    payouts,
    reads,
    refunds,
    ripening,
    sessions,
    subscriptions,
    trouble,
)
from donate.payments.sandbox import parameters as p
from donate.payments.sandbox.faults import Fault, HungAnswer, NoAnswer
from donate.payments.sandbox.listing import expanded
from donate.payments.sandbox.objects import Body
from donate.payments.sandbox.request import Request
from donate.payments.sandbox.sent import as_sent
from donate.payments.sandbox.store import Cause
from donate.payments.sandbox.trouble import Breakage
from donate.payments.stripe import API_VERSION

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Route = Callable[..., Body]

_LONGEST_BODY = 1 << 20

ROUTES: list[tuple[str, str, Route]] = [
    ("POST", "/v1/checkout/sessions", sessions.create),
    ("GET", "/v1/checkout/sessions", sessions.list_all),
    ("GET", "/v1/checkout/sessions/<id>", sessions.retrieve),
    ("POST", "/v1/checkout/sessions/<id>/expire", sessions.expire),
    ("GET", "/v1/checkout/sessions/<id>/line_items", sessions.line_items),
    ("GET", "/v1/payment_intents/<id>", reads.retrieve("payment_intent", "intent")),
    ("GET", "/v1/charges/<id>", reads.retrieve("charge", "id")),
    ("GET", "/v1/charges", reads.list_all("charge", payment_intent=p.string(255))),
    ("GET", "/v1/balance_transactions/<id>", reads.retrieve("balance_transaction", "id")),
    ("POST", "/v1/refunds", refunds.create),
    ("GET", "/v1/refunds", reads.list_of_charge("refund", "refunds")),
    ("GET", "/v1/refunds/<id>", reads.retrieve("refund", "id")),
    ("POST", "/v1/refunds/<id>", refunds.update),
    ("POST", "/v1/refunds/<id>/cancel", refunds.cancel),
    ("GET", "/v1/disputes", reads.list_of_charge("dispute", "disputes")),
    ("GET", "/v1/disputes/<id>", reads.retrieve("dispute", "dispute")),
    ("POST", "/v1/disputes/<id>/close", disputes.close),
    ("GET", "/v1/radar/early_fraud_warnings", reads.list_of_charge("radar.early_fraud_warning", "warnings")),
    ("GET", "/v1/radar/early_fraud_warnings/<id>", reads.retrieve("radar.early_fraud_warning", "early_fraud_warning")),
    ("GET", "/v1/balance_transactions", payouts.lines),
    ("POST", "/v1/payouts", payouts.create),
    ("GET", "/v1/payouts", reads.list_all("payout", status=p.string(20), arrival_date=p.CREATED)),
    ("GET", "/v1/payouts/<id>", reads.retrieve("payout", "payout")),
    ("POST", "/v1/payouts/<id>/cancel", payouts.cancel),
    ("GET", "/v1/events/<id>", reads.retrieve("event", "id")),
    ("GET", "/v1/events", events.list_all),
    ("GET", "/v1/balance", reads.balance),
    ("GET", "/v1/account", account.retrieve),
    ("GET", "/v1/payment_method_configurations", account.list_methods),
    ("GET", "/v1/webhook_endpoints", account.list_endpoints),
    ("GET", "/v1/customers/<id>", reads.retrieve("customer", "id")),
    ("GET", "/v1/subscriptions", subscriptions.list_all),
    ("GET", "/v1/subscriptions/<id>", reads.retrieve("subscription", "id")),
    ("POST", "/v1/subscriptions/<id>", subscriptions.update),
    ("DELETE", "/v1/subscriptions/<id>", subscriptions.cancel),
    ("GET", "/v1/invoices", invoices.list_all),
    ("GET", "/v1/invoices/<id>", reads.retrieve("invoice", "invoice")),
    ("GET", "/v1/invoice_payments", invoices.list_payments),
    ("GET", "/v1/invoice_payments/<id>", reads.retrieve("invoice_payment", "invoice_payment")),
]

_PATTERNS = [
    (method, re.compile(path.replace("<id>", "([A-Za-z0-9_]{1,255})")), route) for method, path, route in ROUTES
]


class SandboxApi:
    """Answers what the SDK asks, within transactions of its own."""

    def __init__(self, secret_key: str, base_url: str) -> None:
        self._secret_key = secret_key
        self._base_url = base_url

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Raises NoAnswer where none is to arrive: whoever serves this ends the connection, or lets it hang."""
        request_id = "req_" + secrets.token_hex(7)
        headers = {"Content-Type": "application/json", "Request-Id": request_id, "Stripe-Version": API_VERSION}
        headers["Date"] = format_datetime(clock.now(), usegmt=True)
        try:
            request = self._request(environ, request_id)
            key = request.cause.idempotency_key
            if key is not None:
                headers["Idempotency-Key"] = key
            answer = _answer(request)
            if answer.lost_by is not None:
                raise HungAnswer if answer.lost_by is Breakage.HUNG else NoAnswer
            status, content = answer.status, answer.content
            if answer.is_replayed:
                headers["Idempotent-Replayed"] = "true"
        except Fault as fault:
            status, content = fault.status, as_sent(fault.envelope())
        body = content.encode()
        headers["Content-Length"] = str(len(body))
        start_response(f"{status} {'OK' if status < 400 else 'Error'}", list(headers.items()))
        return [body]

    def _request(self, environ: "WSGIEnvironment", request_id: str) -> Request:
        merchant = self._merchant(str(environ.get("HTTP_AUTHORIZATION", "")))
        version = environ.get("HTTP_STRIPE_VERSION", API_VERSION)
        if version != API_VERSION:
            raise Fault(400, f"Invalid Stripe API version: {version}")
        method, encoded = str(environ["REQUEST_METHOD"]), str(environ.get("QUERY_STRING", ""))
        if method == "POST":
            length = str(environ.get("CONTENT_LENGTH") or "0")
            if not length.isdigit() or int(length) > _LONGEST_BODY:
                raise Fault(413, "The request is too large.")
            encoded = environ["wsgi.input"].read(int(length)).decode("utf-8", "replace")
        key = str(environ.get("HTTP_IDEMPOTENCY_KEY", "")) or None
        if key is not None and len(key) > 255:
            raise Fault(400, "Idempotency keys have 255 characters at most.")
        return Request(
            merchant=merchant,
            method=method,
            path=str(environ["PATH_INFO"]),
            encoded=encoded,
            base_url=self._base_url,
            now=clock.now(),
            cause=Cause(request_id=request_id, idempotency_key=key if method == "POST" else None),
        )

    def _merchant(self, authorization: str) -> MerchantRef:
        merchant = keys.merchant_of(self._secret_key, authorization.removeprefix("Bearer "))
        if merchant is None:
            raise Fault(401, "Invalid API Key provided.")
        return merchant


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`is_replayed`: it was given before, under this idempotency key. `lost_by`: why it never arrives."""

    status: int
    content: str
    is_replayed: bool = False
    lost_by: Breakage | None = None


def _answer(request: Request) -> Answer:
    """Raises Fault for what is not kept, NoAnswer where the call never begins."""
    route, captured = _route(request)
    with db.transaction() as session:
        breakage = trouble.next_breakage(session, request.merchant.ref, request.path)
    trouble.require_whole(breakage)
    with db.transaction() as session:
        key = request.cause.idempotency_key
        if key is not None:
            earlier = _earlier(session, request, key)
            if earlier is not None:
                return replace(earlier, lost_by=breakage)
        ripening.ripen(session, request.now, request.merchant.ref)
        status, content = _carried_out(session, request, route, captured)
        if key is not None:
            session.add(_reply(request, key, status, content))
    return Answer(status=status, content=content, lost_by=breakage)


def _carried_out(session: Session, request: Request, route: Route, captured: tuple[Any, ...]) -> tuple[int, str]:
    try:
        return 200, as_sent(expanded(session, request, route(session, request, *captured)))
    except Fault as fault:
        if not fault.is_kept:
            raise
        return fault.status, as_sent(fault.envelope())


def _route(request: Request) -> tuple[Route, tuple[Any, ...]]:
    for method, pattern, route in _PATTERNS:
        match = pattern.fullmatch(request.path) if method == request.method else None
        if match is not None:
            return route, match.groups()
    raise Fault(404, f"Unrecognized request URL ({request.method}: {request.path}).")


def _earlier(session: Session, request: Request, key: str) -> Answer | None:
    """What was answered under this key. Raises Fault when it is in use this moment or was used for something else."""
    if not session.scalar(select(func.pg_try_advisory_xact_lock(lock_of(request.merchant.ref, key)))):
        message = "There is currently another in-progress request using this Idempotent Key."
        raise Fault(409, message, code="idempotency_key_in_use", kind="idempotency_error")
    reply = session.get(SandboxReply, (request.merchant.ref, key))
    if reply is None:
        return None
    if reply.request_sha256 != _digest(request):
        message = "Keys for idempotent requests can only be used with the same parameters they were first used with."
        raise Fault(400, message, kind="idempotency_error")
    return Answer(status=reply.status, content=reply.body, is_replayed=True)


def lock_of(merchant: str, key: str) -> int:
    """The advisory lock that a request holds while it works under an idempotency key."""
    return int.from_bytes(sha256(f"{merchant}\0{key}".encode()).digest()[:8], signed=True)


def _reply(request: Request, key: str, status: int, content: str) -> SandboxReply:
    return SandboxReply(
        merchant=request.merchant.ref,
        key=key,
        request_sha256=_digest(request),
        status=status,
        body=content,
        request_id=request.cause.request_id or "",
        created_at=request.now,
    )


def _digest(request: Request) -> bytes:
    return sha256(f"{request.method}\0{request.path}\0{request.encoded}".encode()).digest()
