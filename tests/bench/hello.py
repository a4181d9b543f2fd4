"""The references: Flask saying hello, and Flask views that only verify and parse a signed message."""

import json
import os

import stripe
from flask import Flask, request

from donate.clock import now
from donate.payments.signature import require_signature

app = Flask("hello")


@app.get("/")
def hello() -> str:
    return "hello, world"


@app.post("/verify")
def verify() -> str:
    body = request.get_data()
    require_signature(body, request.headers["Stripe-Signature"], [os.environ["BENCH_WEBHOOK_SECRET"]], now())
    json.loads(body)
    return "verified"


@app.post("/verify-by-sdk")
def verify_by_sdk() -> str:
    """As the provider's own examples do it."""
    stripe.Webhook.construct_event(
        request.get_data(), request.headers["Stripe-Signature"], os.environ["BENCH_WEBHOOK_SECRET"]
    )
    return "verified"
