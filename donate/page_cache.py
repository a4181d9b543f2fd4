"""Public pages kept as bytes for a second, in front of the application.

A page that everybody sees alike is drawn once a second and process at most, however many ask. It is found by path and
query alone: no cookie, no session, no language header changes it. Its ETag is the hash of its bytes, so it changes with
every figure, word, template or date on the page and with nothing else, and it agrees between processes.
"""

import gzip
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Event, Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Headers = list[tuple[str, str]]
Key = tuple[str, str]

SECONDS = 1.0
MOST_BYTES = 256 * 1024  # a longer page is passed on and not kept
MOST_KEPT_BYTES = 6 * 1024 * 1024  # of all pages together, a process
NEVER_KEPT = frozenset({"set-cookie", "www-authenticate"})


@dataclass(slots=True)
class Page:
    """One answer, plain and packed, with the header lists as they are sent."""

    until: float
    body: bytes
    packed: bytes
    etag: str
    packed_etag: str
    headers: Headers
    packed_headers: Headers
    same_headers: Headers
    same_packed_headers: Headers

    @property
    def byte_count(self) -> int:
        return len(self.body) + len(self.packed)

    def send(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        is_packed = "gzip" in environ.get("HTTP_ACCEPT_ENCODING", "")
        asked = environ.get("HTTP_IF_NONE_MATCH")
        if asked is not None and _names(asked, self.packed_etag if is_packed else self.etag):
            start_response("304 NOT MODIFIED", self.same_packed_headers if is_packed else self.same_headers)
            return ()
        start_response("200 OK", self.packed_headers if is_packed else self.headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            return ()
        return (self.packed if is_packed else self.body,)


@dataclass(slots=True)
class _Flight:
    """A page being drawn: the others that ask for it wait for its landing."""

    landed: Event = field(default_factory=Event)
    page: Page | None = None


class PageCache:
    """WSGI middleware. `is_page` says of a path whether it leads to a page that is the same for everybody."""

    def __init__(self, app: "WSGIApplication", *, is_page: Callable[[str], bool], seconds: float = SECONDS) -> None:
        self._app = app
        self._is_page = is_page
        self._seconds = seconds
        self._pages: dict[Key, Page] = {}
        self._flights: dict[Key, _Flight] = {}
        self._lock = Lock()
        self._kept_bytes = 0

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self._app(environ, start_response)
        key = (environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
        page = self._pages.get(key)
        if page is not None and page.until > monotonic():
            return page.send(environ, start_response)
        if page is None and not self._is_page(key[0]):
            return self._app(environ, start_response)
        return self._draw_once(key, environ, start_response)

    def clear(self) -> None:
        """Forget every page, as after a test's change that must show at once."""
        with self._lock:
            self._pages.clear()
            self._kept_bytes = 0

    def _draw_once(self, key: Key, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with self._lock:
            flight = self._flights.get(key)
            is_mine = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight()
        if not is_mine:
            flight.landed.wait(10)
            if flight.page is not None:
                return flight.page.send(environ, start_response)
            return self._app(environ, start_response)
        try:
            return self._draw(key, flight, environ, start_response)
        finally:
            with self._lock:
                self._flights.pop(key, None)
            flight.landed.set()

    def _draw(
        self, key: Key, flight: _Flight, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        status, headers, body = _answer(self._app, environ)
        if status != "200 OK" or len(body) > MOST_BYTES or not _may_be_kept(headers):
            start_response(status, headers)
            return () if environ["REQUEST_METHOD"] == "HEAD" else (body,)
        page = _page(headers, body, monotonic() + self._seconds)
        self._keep(key, page)
        flight.page = page
        return page.send(environ, start_response)

    def _keep(self, key: Key, page: Page) -> None:
        """Strange queries must not fill the memory: the pages drawn longest ago make room."""
        with self._lock:
            if (former := self._pages.pop(key, None)) is not None:
                self._kept_bytes -= former.byte_count
            self._pages[key] = page
            self._kept_bytes += page.byte_count
            while self._kept_bytes > MOST_KEPT_BYTES:
                self._kept_bytes -= self._pages.pop(next(iter(self._pages))).byte_count


def _answer(app: "WSGIApplication", environ: "WSGIEnvironment") -> tuple[str, Headers, bytes]:
    """The whole answer to a plain GET for the page, whatever this reader's own conditions are."""
    asked = {
        name: value
        for name, value in environ.items()
        if name not in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_RANGE", "HTTP_COOKIE")
    }
    asked["REQUEST_METHOD"] = "GET"
    began: list[tuple[str, Headers]] = []

    written: list[bytes] = []

    def start(status: str, headers: Headers, _exc_info: Any = None, /) -> Callable[[bytes], object]:
        began[:] = [(status, headers)]
        return written.append

    chunks = app(asked, start)
    try:
        body = b"".join(written) + b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    status, headers = began[0]
    return status, headers, body


def _may_be_kept(headers: Headers) -> bool:
    for name, value in headers:
        if name.lower() in NEVER_KEPT:
            return False
        if name.lower() == "cache-control" and ("no-store" in value or "private" in value):
            return False
        if name.lower() == "content-encoding":
            return False
    return True


def _page(headers: Headers, body: bytes, until: float) -> Page:
    digest = hashlib.sha256(body).hexdigest()[:32]
    etag, packed_etag = f'"{digest}"', f'"{digest}-gzip"'
    packed = gzip.compress(body, 6, mtime=0)
    ours = {"etag", "content-length", "cache-control", "vary"}
    rest = [(name, value) for name, value in headers if name.lower() not in ours]
    kept = [("Cache-Control", "public, max-age=1"), ("Vary", "Accept-Encoding")]
    same = [(name, value) for name, value in rest if name.lower() not in ("content-type", "content-language")] + kept
    return Page(
        until=until,
        body=body,
        packed=packed,
        etag=etag,
        packed_etag=packed_etag,
        headers=[*rest, *kept, ("ETag", etag), ("Content-Length", str(len(body)))],
        packed_headers=[
            *rest,
            *kept,
            ("ETag", packed_etag),
            ("Content-Encoding", "gzip"),
            ("Content-Length", str(len(packed))),
        ],
        same_headers=[*same, ("ETag", etag)],
        same_packed_headers=[*same, ("ETag", packed_etag)],
    )


def _names(asked: str, etag: str) -> bool:
    """Whether an If-None-Match header names this page; weak marks do not matter for reading."""
    return etag in asked or asked.strip() == "*"
