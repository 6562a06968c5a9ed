"""Which error becomes which status code, and the one shape that every refusal has."""

from typing import Any

from starlette.exceptions import HTTPException

from galaxy_memory_rules.errors import BundleRefused, InvalidMessage, PredictionUnavailable, UnknownTool

from . import logs

# The first that fits counts.
_OF_OURS: tuple[tuple[type[Exception], int, str], ...] = (
    (InvalidMessage, 422, "invalid"),
    (UnknownTool, 404, "unknown_tool"),
    (BundleRefused, 503, "bundle_refused"),
    (PredictionUnavailable, 503, "not_ready"),
)
_OF_HTTP = {
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_encoding",
}
INTERNAL = "the service failed; its log tells why, under the same request id"


def describe(error: Exception) -> tuple[int, dict[str, Any]]:
    """Return status code and content of a refusal, as it also stands in a batch.

    Parameters
    ----------
    error : Exception
        One of ours, or of HTTP; of any other nothing is told.
    """
    for kind, status, code in _OF_OURS:
        if isinstance(error, kind):
            content = {"error": code, "message": _text(str(error))}
            return status, {**content, "field": _text(error.path)} if isinstance(error, InvalidMessage) else content
    if isinstance(error, HTTPException):
        code = _OF_HTTP.get(error.status_code, "http")
        return error.status_code, {"error": code, "message": _text(str(error.detail))}
    return 500, {"error": "internal", "message": INTERNAL}


def refusal(error: Exception) -> tuple[int, dict[str, Any]]:
    """Return status code and content of the answer to a request."""
    status, content = describe(error)
    return status, {**content, "request_id": logs.request_id.get()}


def headers_of(error: Exception) -> dict[str, str]:
    """Return what a refusal says in headers: ``Allow``, ``WWW-Authenticate``."""
    return dict(error.headers or {}) if isinstance(error, HTTPException) else {}


def _text(text: str) -> str:
    # a lone surrogate, which JSON may spell, cannot be written as UTF-8
    return text.encode("utf-8", "backslashreplace").decode()
