"""Errors are pages in the reader's language, or problem+json for programs. Never a trace."""

from collections.abc import Iterable

import structlog
from flask import Flask, Response, g, json, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from donate.errors import N_, DonateError
from donate.log_lines import fault_of
from donate.people import signin
from donate.same_site import came_from
from donate.settings import Settings
from donate.translations import gettext, translated
from donate.web_answers import FORM_BYTES

RETRY_AFTER_SECONDS = 5
PROGRAM_AUDIENCES = frozenset({"webhooks", "api"})

TITLES = {
    400: N_("This request is not complete"),
    401: N_("Please sign in"),
    403: N_("This part is not open to you"),
    404: N_("There is nothing here"),
    405: N_("This address does not take that"),
    409: N_("This was changed in the meantime"),
    413: N_("This is too large"),
    422: N_("Something needs to be corrected"),
    429: N_("Too many attempts"),
    500: N_("Something broke on our side"),
    503: N_("We are too busy at the moment"),
}
SENTENCES = {
    400: N_("Something in what was sent cannot be read. Please go back, reload the page and try again."),
    404: N_("There is nothing here under this address. It may have been typed wrongly, or the page has moved."),
    405: N_("This address exists, but it does not take what was sent to it. Please start from our pages."),
    413: N_("What was sent is larger than the %(most)s KB that a form takes. Please go back and shorten it."),
    429: N_("There were too many attempts. Please wait some minutes and try again."),
    500: N_("Something broke on our side, and we have made a note of it. Nothing that was booked is lost."),
    503: N_("We cannot answer at the moment. Please try again in a few seconds; nothing was booked twice."),
}
UPLOAD_TOO_LARGE = N_(
    "What was sent is larger than the %(most)s MB that are taken at once. A photo may have 12 MB: choose a smaller one, "
    "or let the phone send it reduced."
)
# Where a photo is sent from a page of its own, after its text.
TEXT_IS_SAVED = N_("The text is saved already; only this photo was not taken.")
AFTER_THE_TEXT = frozenset({"organiser.update_photos", "organiser.campaign_photo"})
FORM_EXPIRED = N_(
    "This form has grown too old, or you signed in again meanwhile. Please go back, reload and send it again."
)

log = structlog.get_logger("donate.web")


def install(app: Flask, settings: Settings) -> None:
    app.register_error_handler(DonateError, _told)
    app.register_error_handler(CSRFError, _form_expired)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(PoolTimeout, _busy)
    app.register_error_handler(OperationalError, _busy)
    app.register_error_handler(DataError, _unreadable)

    def broken(error: BaseException) -> ResponseReturnValue:
        original = getattr(error, "original_exception", None) or error
        fault = fault_of(original, with_words=not settings.is_production)
        log.error("broken", request_id=g.get("request_id"), endpoint=request.endpoint, **fault)
        try:
            return answer(500)
        except Exception as second:  # the page itself may be what is broken; say so in plain text, whatever it is
            log.error("broken page", request_id=g.get("request_id"), **fault_of(second, with_words=False))
            return Response(SENTENCES[500], 500, mimetype="text/plain", headers={"Cache-Control": "no-store"})

    app.register_error_handler(500, broken)
    # Flask itself would log the address, which may be a secret link, and the error's own words, which may quote a row.
    vars(app)["log_exception"] = lambda _exc_info: None


def _told(error: DonateError) -> ResponseReturnValue:
    if isinstance(error, signin.SignInNeeded | signin.FreshSignInNeeded) and request.method in ("GET", "HEAD"):
        return redirect(url_for("session.sign_in", locale=g.locale, next=signin.wanted_path()), 303)
    headers = [("Retry-After", str(RETRY_AFTER_SECONDS))] if error.status == 503 else []
    return answer(error.status, translated(error), headers=headers)


def _unreadable(_error: DataError) -> ResponseReturnValue:
    """What no column can hold, such as a NUL in an address: the asker's fault, and nothing was written."""
    return answer(400)


def _form_expired(_error: CSRFError) -> ResponseReturnValue:
    return answer(400, gettext(FORM_EXPIRED))


def _refused(error: HTTPException) -> ResponseReturnValue:
    """What Flask and Werkzeug refuse: unknown addresses, wrong methods, too large bodies."""
    if error.response is not None or error.code is None:
        return error
    if error.code == 413:
        saved = gettext(TEXT_IS_SAVED) if request.endpoint in AFTER_THE_TEXT else None
        return answer(413, _too_large(), note=saved)
    kept = [(name, value) for name, value in error.get_headers() if name in ("Allow", "Retry-After")]
    return answer(error.code, headers=kept)


def _too_large() -> str:
    """Which limit was passed: that of the whole upload, or that of the text in a form."""
    most = request.max_content_length or 0
    if most <= FORM_BYTES or (request.content_length or 0) <= most:
        return gettext(SENTENCES[413], most=FORM_BYTES // 1024)
    return gettext(UPLOAD_TOO_LARGE, most=most // 1024 // 1024)


def _busy(error: Exception) -> ResponseReturnValue:
    """No connection was free in time, or the database does not answer."""
    log.warning("busy", request_id=g.get("request_id"), endpoint=request.endpoint, **fault_of(error, with_words=False))
    return answer(503, headers=[("Retry-After", str(RETRY_AFTER_SECONDS))])


def answer(
    status: int, sentence: str | None = None, *, note: str | None = None, headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """The error page of a status, or its problem+json; never kept by a cache."""
    title = gettext(TITLES.get(status, TITLES[400] if status < 500 else TITLES[500]))
    sentence = sentence or gettext(SENTENCES.get(status, SENTENCES[400] if status < 500 else SENTENCES[500]))
    if _asked_by_program():
        problem = {
            "title": title,
            "status": status,
            "detail": sentence,
            "instance": f"urn:request:{g.get('request_id')}",
        }
        response = Response(json.dumps(problem), status, mimetype="application/problem+json")
    else:
        page = render_template(
            "errors/error.html",
            status=status,
            title=title,
            sentence=sentence,
            note=note,
            request_id=g.get("request_id"),
            back=came_from() if request.method == "POST" else None,
        )
        response = Response(page, status, mimetype="text/html")
    response.headers["Cache-Control"] = "no-store"
    response.headers.extend(list(headers))
    return response


def _asked_by_program() -> bool:
    first = request.path.split("/", 2)[1] if "/" in request.path else ""
    if first in PROGRAM_AUDIENCES:
        return True
    wanted = request.accept_mimetypes.best_match(["text/html", "application/json", "application/problem+json"])
    return wanted is not None and wanted != "text/html"
