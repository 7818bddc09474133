"""The sub-agents that agents started: their prompts, learnt from the answers that start them.

A sub-agent's own requests do not say its name; the prompt it was given does. Bounded. Must not
know any dialect.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from masterplan.core.message import (
    Message,
    Part,
    PartDelta,
    PartEnded,
    PartStarted,
    StreamEvent,
    ToolCall,
)
from masterplan.routing.lane import spawns

PROMPTS_AT_MOST = 2_000
_ARGUMENT_CHARS = 200_000


class Spawned(OrderedDict[str, str]):
    """Prompts with the sub-agents' names, the oldest forgotten first."""

    def learn(self, parts: Iterable[Part]) -> None:
        """Remember the sub-agents that an answer starts."""
        calls = tuple(part for part in parts if isinstance(part, ToolCall))
        if not calls:
            return
        self.update(spawns((Message("assistant", calls),)))
        while len(self) > PROMPTS_AT_MOST:
            self.popitem(last=False)


class SpawnListener:
    """Hears a stream and remembers the sub-agents it starts."""

    def __init__(self, spawned: Spawned) -> None:
        self._spawned = spawned
        self._open: ToolCall | None = None

    def event(self, event: StreamEvent) -> None:
        """Take the next event; parts come one after the other."""
        if isinstance(event, PartStarted):
            self._open = event.part if isinstance(event.part, ToolCall) else None
        elif self._open is None:
            return
        elif isinstance(event, PartDelta):
            more = self._open.arguments + event.text
            self._open = replace(self._open, arguments=more[:_ARGUMENT_CHARS])
        elif isinstance(event, PartEnded):
            self._spawned.learn((self._open,))
            self._open = None
