"""Errors of the Messages protocol, read and written.

Must not know which errors may be tried again.
"""

from __future__ import annotations

from collections.abc import Mapping

from masterplan.core.errors import DialectError, MasterplanError, ProviderError
from masterplan.core.message import Json
from masterplan.dialects.fault import Wording, provider_error
from masterplan.dialects.wire import dump_json, parse_json

TYPES: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def parse(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Read an error answer, whatever its body is."""
    return provider_error(status, headers, body, wording_of(body))


def wording_of(body: bytes) -> Wording:
    """Read the error object, if there is one."""
    try:
        raw = parse_json(body)
    except DialectError:
        return Wording()
    error = raw.get("error") if isinstance(raw, dict) else None
    if not isinstance(error, dict):
        return Wording()
    return Wording(str(error.get("message", "")), str(error.get("type", "")))


def write(error: MasterplanError, status: int) -> bytes:
    """Return the error body; a provider's own wording goes through unchanged."""
    message = worded(error.code, _said(error))
    return dump_json(error_object(TYPES.get(status, "api_error"), message))


def worded(code: str, message: str) -> str:
    """Return the message as clients of this protocol look for it: they compact by these words."""
    if code == "provider.context_overflow" and "prompt is too long" not in message.lower():
        return f"prompt is too long: {message}"
    return message


def error_object(kind: str, message: str) -> Json:
    """Return the wire form of an error."""
    return {"type": "error", "error": {"type": kind, "message": message}}


def _said(error: MasterplanError) -> str:
    if isinstance(error, ProviderError) and error.body:
        return wording_of(error.body.encode()).message or str(error)
    return str(error)
