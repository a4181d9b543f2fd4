"""A request to the sandbox, once its key was recognised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from donate.payments.gateway import MerchantRef
from donate.payments.sandbox import parameters
from donate.payments.sandbox.store import Cause


@dataclass(slots=True, kw_only=True)
class Request:
    """Who asks for what. `expand` is filled when the parameters are read."""

    merchant: MerchantRef
    method: str
    path: str
    encoded: str
    base_url: str
    now: datetime
    cause: Cause
    expand: list[str] = field(default_factory=list)

    def params(self, shape: Mapping[str, parameters.Shape], required: tuple[str, ...] = ()) -> dict[str, Any]:
        """The parameters, held to `shape`. Raises Fault."""
        found = parameters.read(self.encoded, shape, required)
        self.expand = found.pop("expand", [])
        return found
