"""JSON as the sandbox sends it."""

import json
from typing import Any


def as_sent(body: dict[str, Any]) -> str:
    """Indented by two, like Stripe's answers and messages, and in plain Unicode."""
    return json.dumps(body, ensure_ascii=False, indent=2)
