"""What the sandbox answers when it refuses: Stripe's error envelope."""

from typing import Any


class NoAnswer(Exception):
    """The connection ends without an answer, whether the call was carried out or not."""


class HungAnswer(NoAnswer):
    """The connection stays open and nothing comes: only the caller's own patience ends it."""


class Fault(Exception):
    """An error answer. `is_kept`: execution had begun, so a retry under the same idempotency key meets it again."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        is_kept: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind
        self.is_kept = is_kept

    def envelope(self) -> dict[str, Any]:
        error: dict[str, Any] = {"message": self.message, "type": self.kind}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param is not None:
            error["param"] = self.param
        return {"error": error}


def missing(param: str) -> Fault:
    return Fault(400, f"Missing required param: {param}.", code="parameter_missing", param=param)


def unknown(param: str) -> Fault:
    return Fault(400, f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


def not_found(kind: str, object_id: str, param: str) -> Fault:
    return Fault(404, f"No such {kind}: '{object_id}'", code="resource_missing", param=param)
