"""The provider's messages: one that books against one that is only verified and parsed, on the same server."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from donate import clock
from donate.giving.merchants import merchant_of
from donate.payments.merchants import gateway_for
from donate.payments.sandbox import deliveries, keys
from donate.payments.signature import sign
from tests.bench.figures import Figure, ratio
from tests.bench.servers import donate_web, reference, requests_per_second
from tests.bench.site import Site, site
from tests.bench.webhook_pieces import measure_pieces
from tests.giving import factories

# wrk sends each prepared message once, in order. For booking, running out would measure repeats, so that is an error;
# only verifying costs the same however often a message comes, so there it starts again.
LUA = """
local lines = {{}}
for line in io.lines("{file}") do lines[#lines + 1] = line end
local next_line = 0
request = function()
  next_line = next_line + 1
  if next_line > #lines then {at_the_end} end
  local tab = string.find(lines[next_line], "\\t", 1, true)
  return wrk.format("POST", nil, {{["Stripe-Signature"] = string.sub(lines[next_line], 1, tab - 1),
    ["Content-Type"] = "application/json"}}, string.sub(lines[next_line], tab + 1))
end
"""


def measure(seconds: float = 5, rounds: int = 5, messages: int = 12_000) -> Iterator[Figure]:
    """What booking costs beside verifying and parsing: in our own door, and in the barest view that can be written.

    The floor is held against what every shop has that only verifies: the SDK's own construct_event. Our check does the same
    in a thirteenth of the time, which would make that reference faster and no booking slower; it is reported beside.
    """
    with site() as world:
        example = example_message(world)
        secret = keys.webhook_secret(world.settings.secret_key, factories.MERCHANT)
        ours = f"sandbox/{factories.MERCHANT}"
        with (
            donate_web(world.environ) as port,
            reference(world.environ, "only_verifies", "/healthz") as door,
            reference({"BENCH_WEBHOOK_SECRET": secret}) as bare,
        ):

            def books() -> float:
                script = _messages(world, example, secret, messages)
                return requests_per_second(port, f"/webhooks/{ours}", seconds=seconds, script=script)

            def only_verifies(server: int, path: str) -> float:
                script = _messages(world, example, secret, messages, at_the_end="next_line = 1")
                return requests_per_second(server, path, seconds=seconds, script=script)

            for name, server, path, floor in (
                ("our own door that only verifies and parses (reported only)", door, f"/only-verifies/{ours}", None),
                ("a bare Flask view that verifies by our own check (reported only)", bare, "/verify", None),
                (
                    "a bare Flask view that only verifies and parses, by the provider's SDK",
                    bare,
                    "/verify-by-sdk",
                    0.25,
                ),
            ):
                reference_rate = partial(only_verifies, server, path)
                yield ratio(f"webhook: books over {name}", books, reference_rate, rounds=rounds, floor=floor)
        gateway = gateway_for(merchant_of(factories.MERCHANT), world.settings)
        yield from measure_pieces(
            world, list(signed_messages(world, example, secret, messages // 4)), f"/webhooks/{ours}", gateway, secret
        )
        yield _all_booked(world)


def example_message(world: Site) -> dict[str, Any]:
    """The body of a real message of the sandbox about a paid checkout."""
    made = factories.paid_in_sandbox(world.settings)
    bodies: list[bytes] = []

    def keep(_path: str, body: bytes, _headers: Any) -> int:
        bodies.append(body)
        return 200

    deliveries.deliver_due(world.settings.secret_key, keep)
    found: dict[str, Any] = next(
        message for message in map(json.loads, bodies) if message["type"] == "checkout.session.completed"
    )
    assert found["data"]["object"]["client_reference_id"] == str(made.public_id)
    return found


def _messages(
    world: Site, example: dict[str, Any], secret: str, count: int, at_the_end: str = 'error("out of messages")'
) -> Path:
    """A wrk script that sends `count` signed messages, each about an open checkout of its own."""
    file = world.folder / f"messages-{uuid4()}.txt"
    with file.open("w") as lines:
        for signature, body in signed_messages(world, example, secret, count):
            lines.write(f"{signature}\t{body}\n")
    script = file.with_suffix(".lua")
    script.write_text(LUA.format(file=file, at_the_end=at_the_end))
    return script


def signed_messages(world: Site, example: dict[str, Any], secret: str, count: int) -> Iterator[tuple[str, str]]:
    """`count` times a signature and a body, each about an open checkout of its own."""
    text_of_example = json.dumps(example)
    subject = example["data"]["object"]
    old = (example["id"], subject["id"], subject["client_reference_id"])
    for reference_, session_id in _open_checkouts(world, subject["client_reference_id"], count):
        body = text_of_example
        for before, after in zip(old, (f"evt_{uuid4().hex}", session_id, reference_), strict=True):
            body = body.replace(before, after)
        yield sign(body.encode(), secret, clock.now()), body


def _open_checkouts(world: Site, example: str, count: int) -> list[tuple[str, str]]:
    """Copies of the example's checkout and donation, each with ids of its own."""
    with world.database.transaction() as session:
        rows = session.execute(
            text(
                """
                WITH made AS (
                  INSERT INTO checkout (public_id, book_id, merchant_account_id, amount_minor, currency, method, secret,
                                        content_sha256, locale, state, session_id, created_at, expires_at,
                                        next_sync_at)
                  SELECT gen_random_uuid(), book_id, merchant_account_id, amount_minor, currency, method,
                         gen_random_uuid()::text, content_sha256, locale, 'open',
                         'cs_test_' || replace(gen_random_uuid()::text, '-', ''), created_at, expires_at,
                         expires_at
                  FROM checkout, generate_series(1, :count) WHERE public_id = CAST(:example AS uuid)
                  RETURNING id, public_id, session_id
                ), given AS (
                  INSERT INTO donation (public_id, checkout_id, campaign_ref, amount_minor, name_is_public)
                  SELECT gen_random_uuid(), made.id, :campaign, 1500, false FROM made
                )
                SELECT public_id::text, session_id FROM made
                """
            ),
            {"count": count, "example": example, "campaign": "yunxi"},
        ).all()
    return [(reference_, session_id) for reference_, session_id in rows]


def _all_booked(world: Site) -> Figure:
    """Whether every message that was answered booked its donation: anything else would make the rate a lie."""
    with world.database.reading() as session:
        handled, booked = session.execute(
            text(
                "SELECT (SELECT count(*) FROM provider_event WHERE outcome = 'handled'), "
                "(SELECT count(*) FROM entry WHERE reason = 'donation')"
            )
        ).one()
    return Figure("webhook: donations booked for each message", booked / max(handled, 1), "ratio", floor=1, ceiling=1)
