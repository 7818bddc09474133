"""The books for many callers at once: all that wait share one transaction and one sync.

Owns the queue, the one thread that writes, and what a cancelled caller leaves behind. Must not
know what a movement of money writes: that is the ledger's, and is the same as for single calls.
"""

from __future__ import annotations

import asyncio

from masterplan.ledger.ledger import Ledger
from masterplan.ledger.record import Intent, Room, Settlement


class Group:
    """An async door to a ledger; any number of tasks may wait at it at the same time."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def reserve(self, intent: Intent) -> str:
        """Hold the worst case of a call, durably; return the attempt's id.

        Raises BudgetError where a cap has no room, LedgerError where the row is not durable.
        """
        return await asyncio.to_thread(self._ledger.reserve, intent)

    async def settle(self, attempt: str, settlement: Settlement) -> None:
        """Record how an attempt ended, durably and exactly once; raises LedgerError."""
        await asyncio.to_thread(self._ledger.settle, attempt, settlement)

    async def room(self, intent: Intent) -> list[Room]:
        """Return what each of the intent's caps has spent, reserved and left right now."""
        return await asyncio.to_thread(self._ledger.room, intent)

    def close(self) -> None:
        """Take nothing more and end the writing thread; the ledger stays open."""
