"""Network failures, told apart and said in words without addresses' secrets.

Must not know what is done about them.
"""

from __future__ import annotations

import aiohttp

from masterplan.core.errors import ProviderError
from masterplan.providers.attempt import Limits, WasSent

_LATER = "try again, or let the policy use another provider"
_WORDS: dict[str, tuple[str, str]] = {
    "provider.dns": (
        "its host name cannot be resolved",
        "check that this machine is online and reaches it without a proxy, and base_url's spelling",
    ),
    "provider.tls": ("its certificate or TLS handshake is refused", "check base_url and the clock"),
    "provider.refused_connection": ("it refuses the connection", "check that the server runs"),
    "provider.connect_timeout": ("it cannot be reached in time", "check the network"),
    "provider.first_byte_timeout": ("it did not begin to answer in time", _LATER),
    "provider.reset": ("the connection was lost", _LATER),
    "provider.cut": ("its answer broke off", _LATER),
    "provider.bad_answer": ("its answer is not valid HTTP", "check base_url"),
}


def classify(error: Exception, provider: str, limits: Limits, was_sent: WasSent) -> ProviderError:
    """Return what a network failure means; ``is_ambiguous`` where it may have been executed."""
    code = _code(error, was_sent)
    what, mend = _WORDS[code]
    if code == "provider.first_byte_timeout":
        what = f"{what} ({limits.first_byte_s:g} s)"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        what = what.replace("host name", f"host name {error.host!r}")
    return ProviderError(
        code,
        f"provider {provider!r}: {what}",
        mend=mend,
        provider=provider,
        is_ambiguous=was_sent == "ambiguous",
    )


def _code(error: Exception, was_sent: WasSent) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "provider.dns"
    if isinstance(error, aiohttp.ClientSSLError):
        return "provider.tls"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "provider.connect_timeout"
    if isinstance(error, TimeoutError):
        return (
            "provider.first_byte_timeout"
            if was_sent == "ambiguous"
            else ("provider.connect_timeout")
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return "provider.refused_connection"
    if was_sent == "yes":
        return "provider.cut"
    if isinstance(error, aiohttp.ClientResponseError):
        return "provider.bad_answer"
    return "provider.reset"
