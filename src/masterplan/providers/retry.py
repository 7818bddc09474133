"""What may be tried again: one table, by where it broke, and how long to wait.

Pure: a failure, the attempt's number and a random number in, a wait out. Must not know sockets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from masterplan.core.errors import ProviderError
from masterplan.providers.attempt import Limits, WasSent

Row = Literal["not_sent", "busy", "refused", "ambiguous", "before_content", "after_content"]
"""Where it broke; the rows of the published table."""

TRIED_AGAIN: dict[Row, bool] = {
    "not_sent": True,
    "busy": True,
    "refused": False,
    "ambiguous": False,
    "before_content": True,
    "after_content": False,
}
"""Whether the same provider is tried again; ``ambiguous`` only where the user opted in."""

BUSY_STATUSES = frozenset({408, 409, 429, 500, 502, 503, 529})
_SET_UP_CODES = frozenset(
    {
        "provider.no_key",
        "provider.bad_key",
        "provider.key_refused",
        "provider.authentication_error",
        "provider.quota",
        "provider.billing_error",
        "provider.unknown",
        "provider.plugin",
        "provider.base_url",
        "provider.plain_http",
        "provider.tls",
        "models.not_pulled",
        "models.no_engine",
        "models.engine_failed",
    }
)
_ELSEWHERE = _SET_UP_CODES | {"provider.forbidden", "provider.not_found", "provider.redirect"}
_FINAL_CODES = _SET_UP_CODES | {
    "provider.forbidden",
    "provider.invalid_request",
    "provider.not_found",
    "provider.too_large",
    "provider.invalid_request_error",
    "provider.permission_error",
    "provider.not_found_error",
    "provider.invalid_argument",
    "provider.context_overflow",
    "provider.redirect",
}


@dataclass(frozen=True)
class Retry:
    """Try again after ``wait_s`` seconds."""

    wait_s: float
    row: Row


@dataclass(frozen=True)
class Stop:
    """Do not try again, for this reason."""

    reason: str
    row: Row


def row_of(error: ProviderError, was_sent: WasSent, *, has_content: bool) -> Row:
    """Return the row of the table a failure falls under."""
    if has_content:
        return "after_content"
    if error.code in _FINAL_CODES:
        return "refused"
    if error.status is not None and error.status >= 300:
        return "busy" if error.status in BUSY_STATUSES else "refused"
    if was_sent == "ambiguous":
        return "ambiguous"
    return "not_sent" if was_sent == "no" else "before_content"


def is_final(error: ProviderError) -> bool:
    """Tell whether waiting cannot mend a failure: a person must, or another model."""
    status = error.status
    is_refused = status is not None and 300 <= status < 500 and status not in BUSY_STATUSES
    return is_refused or error.code in _FINAL_CODES


def may_fail_over(error: ProviderError) -> bool:
    """Tell whether another provider of the same model may be asked, where the policy names one.

    A fault of the request is met there too; one of an account, a key or an address is not.
    """
    return not error.is_ambiguous and (not is_final(error) or error.code in _ELSEWHERE)


def is_of_set_up(error: ProviderError) -> bool:
    """Tell whether a failure is of key, account or installation: every call meets it again."""
    return error.code in _SET_UP_CODES


def decide(
    error: ProviderError, row: Row, number: int, limits: Limits, dice: float
) -> Retry | Stop:
    """Return whether to try again; ``number`` counts from 1, ``dice`` lies in [0, 1)."""
    may = TRIED_AGAIN[row] or (row == "ambiguous" and limits.may_resend_ambiguous)
    if not may:
        return Stop(row, row)
    if number >= limits.attempts:
        return Stop(f"{number} attempts were made", row)
    stated = error.retry_after_s
    if stated is not None and stated > limits.stated_wait_s:
        return Stop(f"the provider asks to wait {stated:g} s", row)
    if stated is not None:
        # Behind a stated wait everyone comes back at once: spread them over it and beyond.
        return Retry(stated + dice * max(limits.jitter_s, stated / 4), row)
    return Retry(dice * limits.backoff_s * 2**number, row)


def is_providers_fault(error: ProviderError, row: Row) -> bool:
    """Tell whether a failure counts against the provider's health."""
    if row in ("not_sent", "ambiguous", "before_content", "after_content"):
        return True
    return error.status is not None and (error.status >= 500 or error.status == 408)
