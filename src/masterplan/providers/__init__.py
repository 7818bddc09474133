"""The way out to providers: endpoints, one client, one retry layer, and the scripted provider.

``Caller`` is the door: one request in, a response or a stream out, each attempt bracketed by the
caller's hooks. Must not know policies, prices or ledgers.
"""

from __future__ import annotations

from masterplan.providers.attempt import AttemptHooks, AttemptResult, Limits, NoHooks, WasSent
from masterplan.providers.call import Caller
from masterplan.providers.endpoint import Endpoint, Secret
from masterplan.providers.registry import Registry
from masterplan.providers.upstream import Upstream

__all__ = [
    "AttemptHooks",
    "AttemptResult",
    "Caller",
    "Endpoint",
    "Limits",
    "NoHooks",
    "Registry",
    "Secret",
    "Upstream",
    "WasSent",
]
