"""What a webhook costs and whose the cost is: its pieces, measured one by one in one process and one run.

Our door does not call the provider's SDK at all: the check of the signature and the reading of the message are our own.
So the plain answer is “all of it is ours”, which is said with what was seen of the SDK while messages were booked. What the
SDK's way of verifying would add in the same place is measured beside it.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import FrameType

import stripe

from donate import create_app
from donate.payments.gateway import Gateway
from donate.payments.sandbox.wsgi import call
from tests.bench.figures import Figure
from tests.bench.site import Site

Message = tuple[str, str]  # signature and body
ROUNDS = 5
_SDK = str(Path(stripe.__file__).parent)


def measure_pieces(
    world: Site, messages: Sequence[Message], path: str, gateway: Gateway, secret: str
) -> Iterator[Figure]:
    """`messages` are signed and new, each about an open checkout of its own; `path` is where they are posted to."""
    app = create_app(world.settings, world.database)

    def books(signature: str, body: str) -> None:
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        status, _, _ = call(app.wsgi_app, "POST", path, headers, body.encode())
        assert status == 200, status

    def checks(signature: str, body: str) -> None:
        gateway.verify(body.encode(), signature)

    def checks_by_sdk(signature: str, body: str) -> None:
        stripe.Webhook.construct_event(body.encode(), signature, secret)  # type: ignore[no-untyped-call]

    warm, watched, *rest = _parts(messages, ROUNDS + 2)
    with _unheard():
        _seconds(books, warm)
        calls = _calls_into_sdk(lambda: _seconds(books, watched))
        rounds = [(_seconds(books, part), _seconds(checks, part), _seconds(checks_by_sdk, part)) for part in rest]
    whole, own_check, sdk_check = (median(times) * 1000 for times in zip(*rounds, strict=True))
    yield _figure(
        "of a webhook's cost",
        0.0 if calls == 0 else None,
        f"{whole:.2f} ms a message in one thread, {own_check:.2f} ms of it verifying and parsing by our own check; "
        f"{calls} calls into the SDK in {len(watched)} messages",
    )
    with_sdk = whole - own_check + sdk_check
    yield _figure(
        "were it verified by the SDK, of a webhook's cost",
        sdk_check / with_sdk,
        f"{sdk_check:.2f} ms by construct_event in place of {own_check:.2f} ms: {with_sdk:.2f} ms a message",
    )


def _figure(name: str, share: float | None, detail: str) -> Figure:
    if share is None:  # the SDK was called after all: then its part has to be measured, and is not 0
        return Figure(f"{name} some is the SDK's", 1, "share", detail, ceiling=0)
    return Figure(
        f"{name} {100 * (1 - share):.0f} % is ours and {100 * share:.0f} % the SDK's", share, "share of the SDK", detail
    )


def _parts(messages: Sequence[Message], count: int) -> list[Sequence[Message]]:
    size = len(messages) // count
    return [messages[first * size : (first + 1) * size] for first in range(count)]


def _seconds(do: Callable[[str, str], None], messages: Sequence[Message]) -> float:
    """How long one of them takes."""
    began = time.perf_counter()
    for signature, body in messages:
        do(signature, body)
    return (time.perf_counter() - began) / len(messages)


@contextmanager
def _unheard() -> Iterator[None]:
    """The log lines of the door are written, as its cost, and read by nobody."""
    kept = [os.dup(stream) for stream in (1, 2)]
    with open(os.devnull, "wb") as nowhere:
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
    try:
        yield
    finally:
        for stream, before in zip((1, 2), kept, strict=True):
            os.dup2(before, stream)
            os.close(before)


def _calls_into_sdk(do: Callable[[], object]) -> int:
    """How many of the SDK's own functions were entered meanwhile, in this thread."""
    entered = 0

    def watch(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal entered
        entered += event == "call" and frame.f_code.co_filename.startswith(_SDK)

    sys.setprofile(watch)
    try:
        do()
    finally:
        sys.setprofile(None)
    return entered
