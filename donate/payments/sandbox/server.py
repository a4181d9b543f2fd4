"""The sandbox over HTTP, for a client outside this process: loopback only, one thread a call.

    with serving(database, secret_key, base_url) as base:
        stripe.StripeClient(key, base_addresses={"api": base}, stripe_version=API_VERSION)

The key of an account is `keys.api_key(secret_key, merchant)`; `donate sandbox serve` prints them. A call that gets no
answer (`trouble.Breakage.UNREACHED`, `LOST`) finds its connection closed; one that hangs (`HUNG`) finds it open and waits.
"""

import select
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from donate.db import Database, bind
from donate.payments.sandbox.api import SandboxApi
from donate.payments.sandbox.faults import HungAnswer, NoAnswer
from donate.payments.sandbox.wsgi import call

HOST = "127.0.0.1"
_LONGEST_BODY = 1 << 20
_LONGEST_SILENCE = 60  # seconds; far longer than our own client waits


class SandboxServer(ThreadingHTTPServer):
    """Answers on `address` until `shutdown` is called. Port 0 takes a free one."""

    daemon_threads = True

    def __init__(self, database: Database, secret_key: str, base_url: str, port: int = 0) -> None:
        super().__init__((HOST, port), _Handler)
        self.database = database
        self.api = SandboxApi(secret_key, base_url)

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SandboxServer
    timeout = 30

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit() or int(length) > _LONGEST_BODY:
            self.close_connection = True
            self.send_error(413)
            return
        body = self.rfile.read(int(length))
        bind(self.server.database)  # a thread begins without one
        try:
            status, headers, content = call(self.server.api, self.command, self.path, dict(self.headers), body)
        except HungAnswer:
            self.close_connection = True
            select.select([self.connection], [], [], _LONGEST_SILENCE)  # until the caller has gone
            return
        except NoAnswer:
            self.close_connection = True
            return
        self._send(status, headers, content)

    def _send(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response_only(status)  # the sandbox has dated its answer itself
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing of a request is logged here: it may hold an address."""


@contextmanager
def serving(database: Database, secret_key: str, base_url: str, port: int = 0) -> Iterator[str]:
    """A server in a thread of its own, ended with the block; gives its address."""
    server = SandboxServer(database, secret_key, base_url, port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
