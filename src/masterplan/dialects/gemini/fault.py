"""Errors of the Gemini protocol, read and written.

Must not know which errors may be tried again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from masterplan.core.errors import DialectError, MasterplanError, ProviderError
from masterplan.core.message import Json
from masterplan.dialects.fault import Wording, provider_error
from masterplan.dialects.wire import dump_json, parse_json

_STATUSES: dict[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    402: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_NUMBERS = {402: 429, 529: 503}
"""Statuses that this protocol does not have, and the nearest it has."""
_WORDS = "exceeds the maximum number of tokens"
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")


def parse(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Read an error answer, whatever its body is."""
    return provider_error(status, headers, body, wording_of(body))


def wording_of(body: bytes) -> Wording:
    """Read the error object, if there is one; ``RetryInfo`` states the wait."""
    try:
        raw = parse_json(body)
    except DialectError:
        return Wording()
    if isinstance(raw, list) and raw:
        raw = raw[0]
    error = raw.get("error") if isinstance(raw, dict) else None
    if not isinstance(error, dict):
        return Wording()
    details = error.get("details")
    kinds = [str(error.get("status", ""))]
    wait: float | None = None
    for detail in details if isinstance(details, list) else []:
        if not isinstance(detail, dict):
            continue
        found = _DELAY.fullmatch(str(detail.get("retryDelay", "")))
        wait = float(found.group(1)) if found else wait
        for violation in detail.get("violations") or []:
            kinds.append(str(violation.get("quotaId", "") if isinstance(violation, dict) else ""))
    return Wording(str(error.get("message", "")), " ".join(kinds), wait)


def write(error: MasterplanError, status: int) -> bytes:
    """Return the error body; a provider's own wording goes through unchanged."""
    said = ""
    if isinstance(error, ProviderError) and error.body:
        said = wording_of(error.body.encode()).message
    return dump_json({"error": error_object(status, worded(error.code, said or str(error)))})


def worded(code: str, message: str) -> str:
    """Return the message as clients of this protocol know it: they compact by these words."""
    if code == "provider.context_overflow" and _WORDS not in message:
        return f"The input token count {_WORDS} allowed: {message}"
    return message


def error_object(status: int, message: str) -> Json:
    """Return the wire form of an error."""
    name = _STATUSES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    return {"code": _NUMBERS.get(status, status), "message": message, "status": name}
