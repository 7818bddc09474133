"""A request's attempts: the one retry layer around the one client. (Door; body follows.)"""

from __future__ import annotations

from collections.abc import AsyncIterator

from masterplan.core.message import Request, Response, StreamEvent
from masterplan.providers.attempt import AttemptHooks, Limits
from masterplan.providers.registry import Registry


class Caller:
    """Sends requests to providers. Use it as an async context manager; it owns its connections."""

    def __init__(self, registry: Registry, limits: Limits | None = None) -> None:
        self._registry = registry
        self._limits = limits or Limits()

    async def __aenter__(self) -> Caller:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""

    async def complete(
        self, provider: str, request: Request, *, on_attempt: AttemptHooks
    ) -> Response:
        """Return the whole answer; raises ``ProviderError`` where no attempt gave one.

        An answer that stopped at a limit or was refused is returned; see ``Response.stop``.
        """
        raise NotImplementedError

    def stream(
        self, provider: str, request: Request, *, on_attempt: AttemptHooks
    ) -> AsyncIterator[StreamEvent]:
        """Yield the answer's events. Close the iterator (``aclose``) to cancel it.

        Before the first content a failure is retried, then raised as ``ProviderError``; after it
        the last event is ``Failed``.
        """
        raise NotImplementedError
