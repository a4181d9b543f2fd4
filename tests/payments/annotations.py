"""Holds JSON objects against the type annotations of the official SDK's own classes.

An unknown field, a missing one that may not be null, a wrong type or a word outside an enumeration is a fault. The
SDK writes open enumerations as `Literal[...] | str`; here they are closed, since the sandbox must not invent words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from types import UnionType
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import stripe
from stripe._stripe_object import UntypedStripeObject

CLASSES: dict[str, Any] = {
    "checkout.session": stripe.checkout.Session,
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "balance_transaction": stripe.BalanceTransaction,
    "event": stripe.Event,
    "item": stripe.LineItem,
    "balance": stripe.Balance,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "payout": stripe.Payout,
    "radar.early_fraud_warning": stripe.radar.EarlyFraudWarning,
    "account": stripe.Account,
    "payment_method_configuration": stripe.PaymentMethodConfiguration,
    "webhook_endpoint": stripe.WebhookEndpoint,
    "customer": stripe.Customer,
    "subscription": stripe.Subscription,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
}


def faults_of(body: dict[str, Any]) -> list[str]:
    """Every place where `body` is not what the SDK says its kind of object is."""
    kind = body.get("object")
    if kind == "list":
        return [fault for item in body["data"] for fault in faults_of(item)]
    if kind not in CLASSES:
        return [f"unknown kind of object {kind!r}"]
    found = _object(body, CLASSES[kind], kind)
    data = body.get("data") if kind == "event" else None
    if isinstance(data, dict) and isinstance(data.get("object"), dict):
        found += faults_of(data["object"])
    return found


def _object(value: Any, wanted: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no {wanted.__name__}"]
    shape = {name: kind for name, kind in _shape(wanted).items() if not name.startswith("_")}
    found = [f"{path}.{name}: unknown" for name in value if name not in shape]
    for name, kind in shape.items():
        if name in value:
            found += _value(value[name], kind, f"{path}.{name}")
        elif not _may_be_null(kind) and name != "deleted":
            found.append(f"{path}.{name}: missing")
    return found


def _shape(wanted: Any) -> dict[str, Any]:
    """The fields of a class: its own annotations, without those of the SDK's base classes."""
    shape: dict[str, Any] = {}
    for part in reversed(wanted.__mro__):
        if part.__module__.startswith("stripe.") and part.__name__ not in _BASES:
            shape |= {name: kind for name, kind in vars(part).get("__annotations__", {}).items() if name.islower()}
    return shape


_BASES = {
    part.__name__
    for part in (
        *stripe.StripeObject.__mro__,
        stripe.APIResource,
        stripe.ListableAPIResource,
        stripe.CreateableAPIResource,
        stripe.UpdateableAPIResource,
        stripe.SearchableAPIResource,
    )
}


def _value(value: Any, wanted: Any, path: str) -> list[str]:
    wanted = _resolved(wanted)
    if wanted is Any:
        return []
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        return _one_of(value, arguments, path)
    if origin is Literal:
        return [] if value in arguments else [f"{path}: {value!r} is none of its words"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [fault for index, item in enumerate(value) for fault in _value(item, arguments[0], f"{path}[{index}]")]
    if origin is UntypedStripeObject:
        return [] if isinstance(value, dict) else [f"{path}: {value!r} is no object"]
    if origin is stripe.ListObject:
        return [fault for item in value["data"] for fault in _value(item, arguments[0], path)]
    if isinstance(wanted, type) and issubclass(wanted, stripe.StripeObject):
        return _object(value, wanted, path)
    right = str if wanted is Decimal else wanted
    return [] if type(value) is right else [f"{path}: {value!r} is no {right.__name__}"]


def _one_of(value: Any, choices: tuple[Any, ...], path: str) -> list[str]:
    kinds = [_resolved(choice) for choice in choices]
    closed = any(get_origin(kind) is Literal for kind in kinds)
    tried = [kind for kind in kinds if not (closed and kind is str)]
    attempts = [_value(value, kind, path) if kind is not type(None) else _null(value, path) for kind in tried]
    return min(attempts, key=len) if all(attempts) else []


def _null(value: Any, path: str) -> list[str]:
    return [] if value is None else [f"{path}: {value!r} is not null"]


def _may_be_null(wanted: Any) -> bool:
    return type(None) in get_args(_resolved(wanted))


class UnknownName(LookupError):
    """The SDK's annotations name something that is neither its own nor known here: say below what it is."""


# Names that the SDK gives its classes for type checkers only, where their own would collide with a nested class.
_ALIASES: dict[str, Any] = {
    "Any": Any,
    "Authorization": stripe.issuing.Authorization,
    "CardResource": stripe.Card,
    "Cardholder": stripe.issuing.Cardholder,
    "CreditBalanceTransaction": stripe.billing.CreditBalanceTransaction,
    "CreditGrant": stripe.billing.CreditGrant,
    "DiscountResource": stripe.Discount,
    "DisputeResource": stripe.Dispute,
    "FeedbackOption": stripe.billing.FeedbackOption,
    "IssuingDisputeResource": stripe.issuing.Dispute,
    "TaxIdResource": stripe.TaxId,
    "TestClock": stripe.test_helpers.TestClock,
    "Transaction": stripe.issuing.Transaction,
}


def _resolved(wanted: Any) -> Any:
    """A name that the SDK leaves to type checkers, looked up in its own module. Raises UnknownName."""
    name = wanted.__forward_arg__ if isinstance(wanted, ForwardRef) else wanted
    if not isinstance(name, str):
        return wanted
    if name in _ALIASES:
        return _ALIASES[name]
    found: Any = stripe
    for part in name.removeprefix("stripe.").split("."):
        found = getattr(found, part, None)
    if found is None:
        raise UnknownName(name)
    return found


def names_without_meaning() -> list[str]:
    """What the annotations of all classes in reach name and nobody can look up, whether a value was met there or not."""
    unknown, seen, waiting = set(), set(), list(CLASSES.values())
    while waiting:
        try:
            wanted = _resolved(waiting.pop())
        except UnknownName as error:
            unknown.add(str(error))
            continue
        if get_origin(wanted) is not Literal:
            waiting += [part for part in get_args(wanted) if part is not Ellipsis]
        if isinstance(wanted, type) and issubclass(wanted, stripe.StripeObject) and wanted not in seen:
            seen.add(wanted)
            waiting += [kind for name, kind in _shape(wanted).items() if not name.startswith("_")]
    return sorted(unknown)


Place = tuple[str | int, ...]


def objects_in(body: dict[str, Any]) -> Iterator[tuple[Place, Any]]:
    """Where in a healthy body an object of the SDK stands, with its class; the body itself first, at no place."""
    yield from _objects_in(body, CLASSES[body["object"]], ())


def _objects_in(value: Any, wanted: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    wanted = _resolved(wanted)
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        fitting = next((kind for kind in arguments if kind is not type(None) and not _value(value, kind, "")), None)
        if value is not None and fitting is not None:
            yield from _objects_in(value, fitting, place)
    elif origin is list or origin is stripe.ListObject:
        inside: Place = place if origin is list else (*place, "data")
        for index, item in enumerate(value if origin is list else value["data"]):
            yield from _objects_in(item, arguments[0], (*inside, index))
    elif isinstance(wanted, type) and issubclass(wanted, stripe.StripeObject) and not get_args(wanted):
        yield place, wanted
        for name, kind in _shape(wanted).items():
            if name in value and not name.startswith("_"):
                yield from _objects_in(value[name], kind, (*place, name))


def fields_of(wanted: Any) -> dict[str, "Field"]:
    """The fields of a class, as a planted fault needs to know them."""
    shape = {name: kind for name, kind in _shape(wanted).items() if not name.startswith("_")}
    return {name: Field.of(name, kind) for name, kind in shape.items()}


@dataclass(frozen=True, slots=True)
class Field:
    """Whether a field must be there, and whether its words are counted."""

    is_required: bool
    has_words: bool

    @classmethod
    def of(cls, name: str, kind: Any) -> "Field":
        resolved = _resolved(kind)
        choices = get_args(resolved) if get_origin(resolved) in (Union, UnionType) else (resolved,)
        words = any(get_origin(_resolved(choice)) is Literal for choice in choices)
        return cls(not _may_be_null(kind) and name != "deleted", words)
