"""Tool arguments held against the request's JSON-Schema: only unambiguous repairs, each reported.

Owns the check, whole and streamed; it fails open: what cannot be mended goes through as it came.
Must not know any dialect, nor put a value of the arguments into a note.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from masterplan.core.message import Part, StreamEvent, Tool


@dataclass(frozen=True)
class ArgumentNote:
    """A repair or a violation: the tool, the place in its arguments, and what is wrong there."""

    tool: str
    where: str
    what: str
    is_repaired: bool


class ArgumentCheck:
    """Checks the tool calls of one answer; ``notes`` grows as they pass."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self.notes: list[ArgumentNote] = []

    def events(self, event: StreamEvent) -> list[StreamEvent]:
        """Return what to send on for an event; a call's arguments are held until it is whole."""
        raise NotImplementedError

    def parts(self, parts: Iterable[Part]) -> tuple[Part, ...]:
        """Return the parts of a whole answer with their tool arguments checked."""
        raise NotImplementedError

    def arguments(self, name: str, text: str) -> str:
        """Return one call's arguments, repaired where that is unambiguous."""
        raise NotImplementedError
