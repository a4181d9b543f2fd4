"""What every request and every answer has in common: size limits, the locale, security headers, the request log."""

import secrets
import time
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

import structlog
from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from donate.log_lines import configure_log_lines
from donate.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LOCALES = ("zh", "en")
FORM_BYTES = 256 * 1024
UPLOAD_BYTES = 13 * 1024 * 1024  # a photo of 12 MB and the form around it
# Where a hosted payment page lives. Browsers apply form-action to the redirect that follows a form, too.
PROVIDER_HOSTS = "https://checkout.stripe.com"

PRIVATE_AUDIENCES = frozenset({"donor", "session", "user", "organiser", "reviewer", "staff", "auditor"})
UPLOADING_AUDIENCES = frozenset({"organiser"})

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'{provider}; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # same-origin, not no-referrer: a browser that sends no referrer also sends `Origin: null` with our own forms.
    # Secret links leak to nobody either way.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}

log = structlog.get_logger("donate.web")


def configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SETTINGS=settings,
        MAX_CONTENT_LENGTH=FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=FORM_BYTES,
        MAX_FORM_PARTS=200,
    )
    configure_log_lines(settings)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        wrap(app, ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops))
    else:
        app.before_request(_warn_of_a_proxy())
    app.url_value_preprocessor(_take_locale)
    app.url_defaults(_put_locale_back(app))
    app.before_request(_begin)
    app.after_request(_finish(settings))


def _warn_of_a_proxy() -> Callable[[], None]:
    """One line a process where a proxy stands in front that the settings do not tell of."""
    first = Lock()  # taken once and never given back

    def warn() -> None:
        if "X-Forwarded-For" in request.headers and first.acquire(blocking=False):
            log.warning(
                "proxy_not_trusted",
                problem="requests carry X-Forwarded-For, and DONATE_TRUSTED_PROXIES is 0: all clients look like one",
            )

    return warn


def wrap(app: Flask, middleware: "WSGIApplication") -> None:
    """Put `middleware` around the app (Flask's own idiom assigns to a method, which the type checker refuses)."""
    vars(app)["wsgi_app"] = middleware


def _take_locale(_endpoint: str | None, values: dict[str, object] | None) -> None:
    """The locale of the address; where an address has none, that of its path or of the reader's browser."""
    given = values.pop("locale", None) if values else None
    g.locale = str(given) if given else locale_wanted()


def locale_wanted() -> str:
    first = request.path.split("/", 2)[1] if "/" in request.path else ""
    return first if first in LOCALES else request.accept_languages.best_match(LOCALES, default="zh")


def _put_locale_back(app: Flask) -> Callable[[str, dict[str, object]], None]:
    def put_back(endpoint: str, values: dict[str, object]) -> None:
        if "locale" not in values and app.url_map.is_endpoint_expecting(endpoint, "locale"):
            values["locale"] = g.get("locale", "zh")

    return put_back


def _begin() -> None:
    g.began = time.perf_counter()
    g.request_id = secrets.token_hex(8)
    if request.blueprint in UPLOADING_AUDIENCES:
        request.max_content_length = UPLOAD_BYTES


def fixed_headers(settings: Settings) -> dict[str, str]:
    """The headers of every answer that says nothing else about them."""
    headers = _HEADERS | {"Content-Security-Policy": _POLICY.format(provider="")}
    if settings.is_production:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def _finish(settings: Settings) -> Callable[[Response], Response]:
    plain = fixed_headers(settings)
    giving = plain
    if not settings.is_sandbox:
        giving = plain | {"Content-Security-Policy": _POLICY.format(provider=f" {PROVIDER_HOSTS}")}

    def finish(response: Response) -> Response:
        for name, value in (giving if request.blueprint == "donor" else plain).items():
            response.headers.setdefault(name, value)
        if request.blueprint in PRIVATE_AUDIENCES:
            response.headers["Cache-Control"] = "no-store"
        _log_request(response)
        return response

    return finish


def _log_request(response: Response) -> None:
    """Ids and the rule, never the path: a path may hold a secret link, a query string what somebody typed."""
    began: float = g.get("began", time.perf_counter())
    log.info(
        "request",
        request_id=g.get("request_id"),
        method=request.method,
        endpoint=request.endpoint,
        rule=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        milliseconds=round((time.perf_counter() - began) * 1000, 1),
    )
