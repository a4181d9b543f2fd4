"""The quick way of the provider's messages: past the hallway, which costs more than verifying one.

A message needs no session, no locale, no page and no route to be found: it is read, taken and answered here, with the
hallway's own headers and log line. Whatever cannot be answered with success goes on into the hallway, which knows how
each refusal is told; it finds the refusal there and does not try again.
"""

import io
import secrets
import time
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask

from donate import db
from donate.db import Database
from donate.payments.inbox import Outcome
from donate.settings import Settings
from donate.web_answers import FORM_BYTES, fixed_headers, wrap
from donate.webhooks import REFUSED_BEFORE, SIGNATURE_HEADER, Take

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/webhooks/"
_SIGNATURE = f"HTTP_{SIGNATURE_HEADER.upper().replace('-', '_')}"

log = structlog.get_logger("donate.web")


class QuickDoor:
    """WSGI middleware that answers POST `<prefix><provider>/<merchant>` with what `take` says became of the message."""

    def __init__(
        self, app: "WSGIApplication", take: Take, settings: Settings, database: Database, prefix: str = PREFIX
    ) -> None:
        self._app = app
        self._take = take
        self._database = database
        self._prefix = prefix
        # As the hallway's own JSON: the keys are few, so each answer is written once.
        self._bodies = {outcome: f'{{"outcome":"{outcome.value}"}}\n'.encode() for outcome in Outcome}
        self._headers = {
            outcome: [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                *fixed_headers(settings).items(),
            ]
            for outcome, body in self._bodies.items()
        }

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        names, length = self._names(environ), environ.get("CONTENT_LENGTH") or ""
        if names is None or not length.isdecimal() or int(length) > FORM_BYTES:
            return self._app(environ, start_response)
        began = time.perf_counter()
        db.bind(self._database)
        body: bytes = environ["wsgi.input"].read(int(length))
        try:
            outcome = self._take(*names, body, environ.get(_SIGNATURE, ""))
        except Exception as error:  # whatever it is, the hallway tells it, and logs it, as it does everywhere
            environ[REFUSED_BEFORE] = error
            environ["wsgi.input"] = io.BytesIO(body)
            return self._app(environ, start_response)
        log.info(
            "request",
            request_id=secrets.token_hex(8),
            method="POST",
            endpoint="webhooks.receive",
            rule="/webhooks/<provider>/<merchant>",
            status=200,
            milliseconds=round((time.perf_counter() - began) * 1000, 1),
        )
        start_response("200 OK", self._headers[outcome])
        return (self._bodies[outcome],)

    def _names(self, environ: "WSGIEnvironment") -> tuple[str, str] | None:
        """Provider and merchant account; None where this is no message."""
        path: Any = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] != "POST" or not path.startswith(self._prefix):
            return None
        provider, _, merchant = path[len(self._prefix) :].partition("/")
        return (provider, merchant) if provider and merchant and "/" not in merchant else None


def install(app: Flask, take: Take, settings: Settings, database: Database) -> None:
    """Called last, so that nothing else stands before it."""
    wrap(app, QuickDoor(app.wsgi_app, take, settings, database))
