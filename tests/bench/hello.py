"""The references: Flask saying hello, and a Flask view that only verifies and parses a signed message."""

import json
import os

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
