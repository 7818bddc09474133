"""The Gemini stream, chunk by chunk, into canonical events.

There is no last event: a finish reason with its usage ends the stream, or a finish reason and
the end of the bytes. Must not know how a stream ends in general (see ``reading``).
"""

from __future__ import annotations

from dataclasses import replace

from masterplan.core.message import (
    Failed,
    Finished,
    Part,
    PartDelta,
    Reasoning,
    Started,
    Stop,
    StreamEvent,
    Text,
    ToolCall,
)
from masterplan.core.usage import Usage
from masterplan.dialects.fault import stream_code
from masterplan.dialects.gemini.part import both, parse_part
from masterplan.dialects.gemini.response import blocked, parse_usage, produced, read_stop
from masterplan.dialects.names import made_id
from masterplan.dialects.sequence import Sequencer, checked_stop
from masterplan.dialects.sse import SseEvent
from masterplan.dialects.wire import Fields, Node, parse_json


class GenerateDecoder:
    """Decodes one stream; see ``reading.Decoder``."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.served_model: str | None = None
        self.parts = Sequencer()
        self._identity = ""
        self._seen = 0
        self._stop: Stop | None = None
        self._detail: str | None = None

    @property
    def is_literal(self) -> bool:
        """False: every event counts its tokens anew."""
        return False

    def event(self, event: SseEvent) -> list[StreamEvent]:
        """Return the canonical events of one chunk."""
        fields = Node(parse_json(event.data)).fields()
        error = fields.take("error")
        if error is not None:
            return [_failure(error)]
        events = self._start(fields)
        usage = fields.take(*both("usageMetadata"))
        if usage is not None:
            # Counts are cumulative, and only whole once the answer is.
            self.usage = replace(parse_usage(usage), source="unknown")
        reason = blocked(fields)
        if reason is not None:
            self._stop, self._detail = "refusal", reason
        for node in fields.list("candidates"):
            candidate = node.fields()
            if candidate.count("index") == 0:
                events += self._candidate(candidate)
        if self._stop is not None and usage is not None:
            self.usage = parse_usage(usage)
            events += self._finish()
        return events

    def at_end(self) -> list[StreamEvent]:
        """End a stream whose finish reason came without usage."""
        return self._finish() if self._stop is not None else []

    def _start(self, fields: Fields) -> list[StreamEvent]:
        model, identity = fields.text(*both("modelVersion")), fields.text(*both("responseId"))
        if self.served_model is not None:
            return []
        self.served_model = model or ""
        self._identity = identity or ""
        return [Started(self._identity, self.served_model)]

    def _candidate(self, fields: Fields) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        content = fields.take("content")
        for node in [] if content is None else content.fields().list("parts"):
            seed = made_id(self._identity, str(self._seen))
            self._seen += 1
            events += self._part(produced(parse_part(node, seed), self.served_model or ""))
        reason = fields.text(*both("finishReason"))
        if reason is not None and reason != "FINISH_REASON_UNSPECIFIED":
            self._stop, self._detail = read_stop(reason)
        return events

    def _part(self, part: Part) -> list[StreamEvent]:
        if isinstance(part, Text):
            delta = PartDelta(0, part.text, extra=part.extra)
            if not part.text and not part.extra:
                return []
            return self._grow("text", Text(""), delta)
        if isinstance(part, Reasoning):
            delta = PartDelta(0, part.text, part.signature, part.extra)
            return self._grow("thought", replace(part, text="", signature=None, extra={}), delta)
        key = ("part", self._seen)
        if isinstance(part, ToolCall):
            events = self.parts.open(key, replace(part, arguments=""))
            events += self.parts.grow(key, PartDelta(0, part.arguments))
            return [*events, *self.parts.close(key)]
        return [*self.parts.open(key, part), *self.parts.close(key)]

    def _grow(self, key: str, part: Part, delta: PartDelta) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        if self.parts.last_key != key:
            events += self.parts.open(key, part)
        return [*events, *self.parts.grow(key, delta)]

    def _finish(self) -> list[StreamEvent]:
        events = self.parts.close_all()
        stop = checked_stop(
            self._stop or "other",
            is_malformed=self.parts.is_malformed,
            has_tool_call=self.parts.has_tool_call,
        )
        return [*events, Finished(stop, self.usage, self._detail)]


def _failure(node: Node) -> Failed:
    value = node.value if isinstance(node.value, dict) else {}
    kind = str(value.get("status") or "server_error")
    message = str(value.get("message") or "the provider gave no message")
    return Failed(stream_code(kind, message), message, node.value)
