"""One sample for every rule that names something, and who may enter which audience. A rule without a sample is a fault."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flask import Flask
from werkzeug.routing import Rule

from tests.laws.world import World

Sample = Callable[[World], dict[str, object]]

# Who of the world's people a guarded audience lets in; everybody else is refused.
LETS_IN: dict[str, frozenset[str]] = {
    "user": frozenset(
        (
            "nobody",
            "editor",
            "treasurer",
            "owner",
            "owner elsewhere",
            "reviewer",
            "reviewer elsewhere",
            "admin",
            "auditor",
        )
    ),
    "organiser": frozenset(("editor", "treasurer", "owner", "owner elsewhere")),
    "reviewer": frozenset(("reviewer", "reviewer elsewhere", "admin")),
    "staff": frozenset(("admin",)),
    "auditor": frozenset(("admin", "auditor")),
}
# Open to everybody. `donor` pages are found by a form's own reference or by a secret link.
OPEN = frozenset(("site", "public", "donor", "session", "webhooks", "api"))
# Whose object it is: of these people with the right role, the first gets in and the second is a stranger.
OWN_AND_STRANGER = {"organiser": ("owner", "owner elsewhere"), "reviewer": ("reviewer", "reviewer elsewhere")}


def _campaign(world: World) -> dict[str, object]:
    return {"ref": world.things.campaign}


def _submitted(world: World) -> dict[str, object]:
    return {"ref": world.things.submitted}


def _update(world: World) -> dict[str, object]:
    return {"ref": world.things.campaign, "update_id": world.things.update_id}


def _photo(world: World) -> dict[str, object]:
    return _update(world) | {"photo_id": world.things.photo_id}


def _file(world: World) -> dict[str, object]:
    return {"sha256": world.things.sha256, "extension": "jpg"}


def _recorded(world: World) -> dict[str, object]:
    return {"public_id": world.recorded.waiting}


def _sent_back(world: World) -> dict[str, object]:
    return {"public_id": world.recorded.sent_back}


def _batch(world: World) -> dict[str, object]:
    return {"public_id": world.recorded.batch}


def _payment(world: World) -> dict[str, object]:
    return {"public_id": world.money_back.payment}


def _refund(world: World) -> dict[str, object]:
    return {"public_id": world.money_back.refund}


def _wish(world: World) -> dict[str, object]:
    return {"public_id": world.money_back.wish}


def _month(world: World) -> dict[str, object]:
    return {"book": world.book, "month": world.month}


def _large(world: World) -> dict[str, object]:
    return {"public_id": world.large.waiting}


SAMPLES: dict[str, Sample] = {
    "static": lambda _: {"name": "css/look.css"},
    "public.campaign": _campaign,
    "public.update": _update,
    "public.organisation": lambda world: {"ref": world.things.host},
    "public.entry": lambda world: {"seq": world.log_index},
    "public.campaign_csv": _campaign,
    "public.download": lambda world: _month(world) | {"size": world.log_index + 1, "name": "ledger.journal"},
    "public.bank_reconciliation": _month,
    "public.file": _file,
    "public.tile": lambda _: {"path": "entries/000.p/1"},
    "public.payment_run": lambda world: {"run_id": world.settled.run},
    "public.complaint": lambda world: {"secret": world.things.complaint_secret},
    "donor.give": _campaign,
    "donor.confirming": lambda world: {"secret": world.secret},
    "donor.monthly": lambda world: {"secret": world.monthly},
    "donor.receipt": lambda world: {"secret": world.secret},
    "donor.proof": lambda world: {"secret": world.secret, "seq": world.log_index},
    "donor.promise_note": lambda world: {"secret": world.secret, "place": 1},
    "donor.recorded_receipt": lambda world: {"secret": world.recorded.secret},
    "donor.recorded_proof_file": lambda world: {"secret": world.recorded.secret},
    "donor.recorded_promise": lambda world: {"secret": world.recorded.secret},
    "donor.official_request": lambda world: {"secret": world.recorded.secret},
    "donor.money_back": lambda world: {"secret": world.money_back.secret},
    "donor.large_ask": _campaign,
    "donor.large": lambda world: {"secret": world.large.secret},
    "donor.pay": lambda world: {"session_id": world.open_session},
    "donor.waiting": lambda world: {"session_id": world.waiting_session},
    "donor.wallet": lambda world: {"code": world.wallet_code},
    "organiser.campaign": _campaign,
    "organiser.campaign_edit": _campaign,
    "organiser.campaign_submit": _campaign,
    "organiser.campaign_withdraw": _submitted,
    "organiser.campaign_cancel": _submitted,
    "organiser.campaign_photo": _campaign,
    "organiser.campaign_price": _campaign,
    "organiser.file": _file,
    "organiser.update_new": _campaign,
    "organiser.update_edit": _update,
    "organiser.update_photos": _update,
    "organiser.photo_remove": _photo,
    "organiser.recorded_one": _recorded,
    "organiser.recorded_proof": _recorded,
    "organiser.recorded_refund_new": lambda world: {"public_id": world.recorded.booked},
    "organiser.recorded_refund": _sent_back,
    "organiser.recorded_batch": _batch,
    "organiser.recorded_discard": _batch,
    "organiser.recorded_verdicts": _batch,
    "organiser.recorded_csv": _batch,
    "organiser.bank_line": lambda world: {"line_id": world.settled.bank_line},
    "organiser.settlement": lambda world: {"settlement_id": world.settled.settlement},
    "organiser.official_one": lambda world: {"public_id": world.recorded.official},
    "organiser.large_one": _large,
    "organiser.payment": _payment,
    "organiser.payment_refund": _payment,
    "organiser.refund": _refund,
    "organiser.refund_wish": _wish,
    "reviewer.campaign": _submitted,
    "reviewer.file": _file,
    "reviewer.large_one": _large,
    "staff.unbooked_one": lambda world: {"unbooked_id": world.money_back.unbooked},
    "staff.payment": _payment,
    "staff.payment_refund": _payment,
    "staff.refund": _refund,
    "staff.refund_wish": _wish,
    "staff.split_alert": lambda world: {"alert_id": world.large.alert},
    "staff.provider_line": lambda world: {"line_id": world.settled.provider_line},
    "staff.complaint": lambda world: {"complaint_id": world.things.complaint_id},
    "webhooks.receive": lambda world: {"provider": "sandbox", "merchant": world.merchant},
}


@dataclass(frozen=True, slots=True)
class Address:
    """One rule of the app, filled with what exists in the world."""

    endpoint: str
    audience: str
    path: str
    methods: tuple[str, ...]
    names_something: bool


def missing_samples(app: Flask) -> list[str]:
    """Rules that name something and have no sample here, and audiences that nobody has decided on."""
    found = []
    for rule in app.url_map.iter_rules():
        audience = rule.endpoint.partition(".")[0]
        if "." in rule.endpoint and audience not in LETS_IN and audience not in OPEN:
            found.append(f"{rule.endpoint}: the audience {audience} is neither guarded nor declared open")
        if rule.arguments - {"locale"} and rule.endpoint not in SAMPLES:
            found.append(f"{rule.endpoint} {rule.rule}: no sample")
    return found


def addresses(world: World) -> Iterator[Address]:
    """Every rule, with its sample where it names something; `missing_samples` tells of those that have none."""
    for rule in world.app.url_map.iter_rules():
        if rule.arguments - {"locale"} and rule.endpoint not in SAMPLES:
            continue
        values = SAMPLES[rule.endpoint](world) if rule.endpoint in SAMPLES else {}
        yield Address(
            endpoint=rule.endpoint,
            audience=rule.endpoint.partition(".")[0],
            path=_path(world.app, rule, values),
            methods=tuple(sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"})),
            names_something=bool(rule.arguments - {"locale"}),
        )


def _path(app: Flask, rule: Rule, values: dict[str, object]) -> str:
    locale = {"locale": "en"} if "locale" in rule.arguments else {}
    with app.test_request_context():
        built = rule.build({**values, **locale})
    assert built is not None, f"{rule.endpoint} cannot be built from {values}"
    return built[1]
