"""The point behind which an attempt is not repeated: the first content that is handed on.

Owns what waits before it. Must not know sockets, money or who takes the answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from masterplan.core.errors import ProviderError
from masterplan.providers.exchange import Exchange

T = TypeVar("T")


class TurnedAwayError(Exception):
    """Who takes the answer does not want it: no failure of the exchange's."""

    def __init__(self, error: ProviderError) -> None:
        super().__init__()
        self.error = error


class Gate(Generic[T]):
    """Holds back what an attempt gives until it shows content: from there on it is not repeated."""

    def __init__(self, exchange: Exchange, deliver: Callable[[T], Awaitable[None]]) -> None:
        self._exchange, self._deliver = exchange, deliver
        self._held: list[T] = []

    async def take(self, item: T) -> None:
        """Deliver an item, or hold it."""
        try:
            if self._exchange.has_content:
                await self._deliver(item)
                return
            self._held.append(item)
            if self._exchange.shows_content:
                self._exchange.note_content()
                await self.open()
        except ProviderError as error:
            raise TurnedAwayError(error) from None

    async def open(self) -> None:
        """Deliver all that is held."""
        held, self._held = self._held, []
        for item in held:
            await self._deliver(item)
