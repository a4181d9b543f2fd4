"""Holds JSON objects against the type annotations of the official SDK's own classes.

An unknown field, a missing one that may not be null, a wrong type or a word outside an enumeration is a fault. The
SDK writes open enumerations as `Literal[...] | str`; here they are closed, since the sandbox must not invent words.
"""

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
    if kind == "event":
        found += faults_of(body["data"]["object"])
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


def _resolved(wanted: Any) -> Any:
    """A name that the SDK leaves to type checkers, looked up in its own module."""
    name = wanted.__forward_arg__ if isinstance(wanted, ForwardRef) else wanted
    if not isinstance(name, str):
        return wanted
    found: Any = stripe
    for part in name.removeprefix("stripe.").split("."):
        found = getattr(found, part, Any)
    return found
