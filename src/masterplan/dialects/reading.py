"""The half of a stream reader that is alike in every dialect: ends, cuts, mistakes, emptiness.

A dialect brings a ``Decoder``; this decides how the stream ended. Must not know any wire format.
"""

from __future__ import annotations

from typing import Protocol

from masterplan.core.errors import DialectError
from masterplan.core.message import Failed, Finished, Outcome, PartDelta, StreamEvent
from masterplan.core.usage import Usage
from masterplan.dialects.codec import outcome_of
from masterplan.dialects.sequence import Sequencer
from masterplan.dialects.sse import SseEvent, SseParser


class Decoder(Protocol):
    """What a dialect knows of its own events. The last event it gives is its terminal one."""

    usage: Usage
    served_model: str | None
    parts: Sequencer

    @property
    def is_literal(self) -> bool:
        """True while an event's text goes into its part as it stands and changes nothing else."""
        ...

    def event(self, event: SseEvent) -> list[StreamEvent]:
        """Return the canonical events of one server-sent event; may raise ``DialectError``."""
        ...

    def at_end(self) -> list[StreamEvent]:
        """Return what the end of the bytes completes, where the dialect has no last event."""
        ...


class SseStreamReader:
    """Reads one stream of server-sent events with a dialect's decoder."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._parser = SseParser()
        self.outcome: Outcome | None = None

    @property
    def usage(self) -> Usage:
        """What was reported so far; see ``StreamReader``."""
        return self._decoder.usage

    @property
    def served_model(self) -> str | None:
        """The model the provider says it serves."""
        return self._decoder.served_model

    @property
    def content_chars(self) -> int:
        """Characters of text, reasoning and tool arguments so far."""
        return self._decoder.parts.content_chars

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that these bytes complete; nothing comes after the last one."""
        if self.outcome is not None:
            return []
        events: list[StreamEvent] = []
        try:
            for event in self._parser.events(data):
                events += self._checked(self._decoder.event(event))
                if self.outcome is not None:
                    break
        except DialectError as error:
            events.append(self._fail("protocol_error", error.code, str(error.message)))
        return events

    def skim(self, text: str) -> bool:
        """Take one more event like the last but for its text; see ``StreamReader``."""
        decoder = self._decoder
        if self.outcome is not None or not decoder.is_literal:
            return False
        return bool(decoder.parts.grown(decoder.parts.last_key, text))

    def end(self) -> list[StreamEvent]:
        """Return the last event, if the stream has not had it: usually that it was cut."""
        if self.outcome is not None:
            return []
        if self._parser.is_between_events:
            events = self._checked(self._decoder.at_end())
            if self.outcome is not None:
                return events
        return [self._fail("cut", "provider.cut", "the stream ended before its last event")]

    def _checked(self, events: list[StreamEvent]) -> list[StreamEvent]:
        last = events[-1] if events else None
        if isinstance(last, PartDelta):
            return events
        if isinstance(last, Failed):
            self.outcome = "provider_error"
        elif isinstance(last, Finished):
            if last.stop == "end_turn" and not self._decoder.parts.has_content:
                failure = self._fail("provider_error", "provider.empty", "the answer is empty")
                return [*events[:-1], failure]
            self.outcome = outcome_of(last.stop)
        return events

    def _fail(self, outcome: Outcome, code: str, message: str) -> Failed:
        self.outcome = outcome
        return Failed(code, message)
