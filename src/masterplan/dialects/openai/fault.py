"""Errors of OpenAI's protocols, read and written alike in both.

Must not know which errors may be tried again.
"""

from __future__ import annotations

from collections.abc import Mapping

from masterplan.core.errors import DialectError, MasterplanError, ProviderError
from masterplan.core.message import Failed, Json
from masterplan.dialects.fault import Wording, is_known, provider_error, stream_code
from masterplan.dialects.wire import Node, dump_json, parse_json

_TYPES: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}
_CODES: dict[str, str] = {
    "provider.context_overflow": "context_length_exceeded",
    "provider.quota": "insufficient_quota",
    "provider.rate_limited": "rate_limit_exceeded",
    "provider.key_refused": "invalid_api_key",
    "provider.overloaded": "overloaded",
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
    if isinstance(raw, list) and raw:
        raw = raw[0]
    error = raw.get("error", raw) if isinstance(raw, dict) else None
    if isinstance(error, str):
        return Wording(error)
    if not isinstance(error, dict):
        return Wording()
    kind = f"{error.get('type') or ''} {error.get('code') or ''}".strip()
    return Wording(str(error.get("message") or ""), kind)


def write(error: MasterplanError, status: int) -> bytes:
    """Return the error body; a provider's own wording goes through unchanged."""
    said = ""
    if isinstance(error, ProviderError) and error.body:
        said = wording_of(error.body.encode()).message
    return dump_json({"error": error_object(type_of(status), said or str(error), error.code)})


def type_of(status: int) -> str:
    """Return the type of an error with this status."""
    return _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")


def failed(node: Node) -> Failed:
    """Read an error that comes inside an answer or a stream."""
    if not isinstance(node.value, dict):
        return Failed("provider.server_error", str(node.value), node.value)
    kinds = [str(node.value.get(name) or "") for name in ("code", "type")]
    kind = next((kind for kind in kinds if is_known(kind)), kinds[1] or kinds[0] or "server_error")
    message = str(node.value.get("message") or "the provider gave no message")
    return Failed(stream_code(kind, message), message, node.value)


def error_object(kind: str, message: str, code: str) -> dict[str, Json]:
    """Return the wire form of an error."""
    return {"message": message, "type": kind, "param": None, "code": _CODES.get(code, code)}
