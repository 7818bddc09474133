"""What a provider's error answer means, alike for every dialect: codes, waits, spent quotas.

Reads status, headers and wording. Must not know whether anything is tried again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from masterplan.core.errors import ProviderError

KEPT_BODY_CHARS = 8_192

_CODES: dict[int, str] = {
    400: "provider.invalid_request",
    401: "provider.key_refused",
    402: "provider.quota",
    403: "provider.forbidden",
    404: "provider.not_found",
    408: "provider.timeout",
    409: "provider.conflict",
    413: "provider.too_large",
    422: "provider.invalid_request",
    429: "provider.rate_limited",
    503: "provider.overloaded",
    529: "provider.overloaded",
}
_LATER = "try again later, or let the policy use another provider"
_KINDS: dict[str, str] = {
    "authentication_error": "provider.key_refused",
    "invalid_api_key": "provider.key_refused",
    "unauthenticated": "provider.key_refused",
    "billing_error": "provider.quota",
    "insufficient_quota": "provider.quota",
    "context_length_exceeded": "provider.context_overflow",
    "deadline_exceeded": "provider.timeout",
    "timeout_error": "provider.timeout",
    "failed_precondition": "provider.invalid_request",
    "invalid_argument": "provider.invalid_request",
    "invalid_prompt": "provider.invalid_request",
    "invalid_request_error": "provider.invalid_request",
    "not_found": "provider.not_found",
    "not_found_error": "provider.not_found",
    "permission_denied": "provider.forbidden",
    "permission_error": "provider.forbidden",
    "overloaded": "provider.overloaded",
    "overloaded_error": "provider.overloaded",
    "unavailable": "provider.overloaded",
    "rate_limit_error": "provider.rate_limited",
    "rate_limit_exceeded": "provider.rate_limited",
    "resource_exhausted": "provider.rate_limited",
    "request_too_large": "provider.too_large",
    "api_error": "provider.server_error",
    "internal": "provider.server_error",
    "internal_error": "provider.server_error",
    "internal_server_error": "provider.server_error",
}
"""What providers call an error inside a stream, where there is no status any more."""

_STATUSES: dict[str, int] = {
    "provider.invalid_request": 400,
    "provider.context_overflow": 400,
    "provider.key_refused": 401,
    "provider.quota": 402,
    "provider.forbidden": 403,
    "provider.not_found": 404,
    "provider.too_large": 413,
    "provider.rate_limited": 429,
    "provider.timeout": 504,
    "provider.overloaded": 529,
}
_MENDS: dict[str, str] = {
    "provider.invalid_request": "if it names the model or an option of it, use another model or "
    "effort in the policy; else please report it with these words",
    "provider.key_refused": "check the key in the environment and that it belongs to this provider",
    "provider.forbidden": "check that the key may use this model",
    "provider.not_found": "check the model's name and the provider's base_url",
    "provider.quota": "raise the provider's limit, or let the policy use another provider",
    "provider.context_overflow": "use a model with a larger context, or send less",
    "provider.too_large": "send less, or use another provider",
    "provider.rate_limited": "wait, or let the policy use another provider",
    "provider.overloaded": "wait, or let the policy use another provider",
    "provider.timeout": _LATER,
    "provider.conflict": _LATER,
    "provider.server_error": _LATER,
    "provider.refused": "check base_url and the provider's own words",
}
_QUOTA = re.compile(
    r"insufficient_quota|exceeded your current quota|credit balance is too low|billing_error"
    r"|\blimit: 0\b|per ?day|spend(ing)? limit|usage limit",
    re.IGNORECASE,
)
_OVERFLOW = re.compile(
    r"prompt is too long|context_length_exceeded|maximum context length"
    r"|exceeds? the (maximum|available) (number of tokens|context)|context window",
    re.IGNORECASE,
)
_SECONDS = re.compile(r"\d+(\.\d+)?")


def stream_code(kind: str, message: str) -> str:
    """Return the code of an error inside a stream, by the provider's name for it and its wording.

    >>> stream_code("overloaded_error", "Overloaded"), stream_code("RESOURCE_EXHAUSTED", "slow")
    ('provider.overloaded', 'provider.rate_limited')
    """
    code = _KINDS.get(kind.lower(), f"provider.{kind.lower() or 'server_error'}")
    if code in ("provider.invalid_request", "provider.server_error") and is_overflow(message):
        return "provider.context_overflow"
    if code == "provider.rate_limited" and _QUOTA.search(message):
        return "provider.quota"
    return code


def is_known(kind: str) -> bool:
    """Tell whether an error's name in a stream is one that says what it means."""
    return kind.lower() in _KINDS


def status_of(code: str) -> int:
    """Return the HTTP status that stands for a code where none came: 500 for what is not known."""
    return _STATUSES.get(code, 500)


def is_overflow(wording: str) -> bool:
    """Tell whether an error's wording says that the request does not fit the model's context."""
    return _OVERFLOW.search(wording) is not None


@dataclass(frozen=True)
class Wording:
    """What a dialect reads out of an error body: its message, its own code, a stated wait."""

    message: str = ""
    kind: str = ""
    retry_after_s: float | None = None


def provider_error(
    status: int, headers: Mapping[str, str], body: bytes, wording: Wording
) -> ProviderError:
    """Return the error an answer with this status stands for."""
    text = body.decode(errors="replace")[:KEPT_BODY_CHARS]
    code = _code(status, f"{wording.kind} {wording.message or text}")
    stated = retry_after_s(headers)
    said = wording.message or _first_words(text) or "no explanation"
    return ProviderError(
        code,
        f"the provider answered {status}: {said}",
        mend=_MENDS.get(code, ""),
        status=status,
        body=text,
        retry_after_s=wording.retry_after_s if stated is None else stated,
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the stated wait in seconds; a date counts from the answer's own ``Date``."""
    low = {name.lower(): value.strip() for name, value in headers.items()}
    if _SECONDS.fullmatch(low.get("retry-after-ms", "")):
        return float(low["retry-after-ms"]) / 1000
    stated = low.get("retry-after", "")
    if _SECONDS.fullmatch(stated):
        return float(stated)
    try:
        wait = parsedate_to_datetime(stated) - parsedate_to_datetime(low["date"])
        return max(wait.total_seconds(), 0.0)
    except (KeyError, ValueError, TypeError):
        return None


def _code(status: int, wording: str) -> str:
    if status in (402, 403, 429) and _QUOTA.search(wording):
        return "provider.quota"
    if status in (400, 413, 422) and is_overflow(wording):
        return "provider.context_overflow"
    if status == 400 and "credit balance" in wording:
        return "provider.quota"
    if status in _CODES:
        return _CODES[status]
    return "provider.server_error" if status >= 500 else "provider.refused"


def _first_words(text: str) -> str:
    words = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    return words[:200]
