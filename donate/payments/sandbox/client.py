"""The official SDK's way into the sandbox: its HTTP client, without HTTP.

Only a call that is to hang goes over a socket, since waiting cannot be played: the SDK's own HTTP client asks a port of
this machine that never answers, and gives up after the time-outs that were chosen for the real provider.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import stripe

from donate.payments.sandbox.api import SandboxApi
from donate.payments.sandbox.faults import HungAnswer, NoAnswer
from donate.payments.sandbox.wsgi import call
from donate.payments.stripe import patient_client

_no_connection: Any = stripe.APIConnectionError  # the SDK's errors are not annotated


class SandboxClient(stripe.HTTPClient):
    """Hands the SDK's requests to the sandbox as a WSGI call. The SDK looks answer headers up in lower case."""

    name = "sandbox"

    def __init__(self, secret_key: str, base_url: str) -> None:
        super().__init__()
        self._api = SandboxApi(secret_key, base_url)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        body = post_data.encode() if isinstance(post_data, str) else post_data or b""
        try:
            status, answered, content = call(self._api, method, url, headers or {}, body)
        except HungAnswer:
            with _silence() as address:
                patient_client().request(method, address, headers, post_data)
            raise _no_connection("The silence answered.", should_retry=True) from None
        except NoAnswer:
            raise _no_connection("The sandbox did not answer.", should_retry=True) from None
        return content.decode(), status, answered

    def close(self) -> None:
        """Nothing is held open."""


@contextmanager
def _silence() -> Iterator[str]:
    """A port of this machine that takes every call and answers none."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
