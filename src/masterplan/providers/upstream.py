"""The one client that sends bytes to providers. (Door; body follows.)"""

from __future__ import annotations

from masterplan.providers.attempt import Limits


class Upstream:
    """One connection pool over aiohttp; use it as an async context manager."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    async def __aenter__(self) -> Upstream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
