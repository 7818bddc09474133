"""Canonical events, written as a Gemini stream for a client.

Tool calls are held until they are whole: this protocol knows no pieces of them. Must not know
who made the events.
"""

from __future__ import annotations

from dataclasses import replace

from masterplan.core.message import (
    Failed,
    Finished,
    Json,
    Loss,
    Part,
    PartDelta,
    PartEnded,
    PartStarted,
    Ping,
    Reasoning,
    Request,
    Started,
    StreamEvent,
    Text,
    ToolCall,
)
from masterplan.dialects.fault import status_of
from masterplan.dialects.gemini.fault import error_object, worded
from masterplan.dialects.gemini.response import client_writer, write_stop, write_usage
from masterplan.dialects.loss import Losses
from masterplan.dialects.wire import dump_json


class GenerateWriter:
    """Writes one stream; see ``StreamWriter``."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._losses = Losses("gemini")
        self._writer = client_writer(self._losses)
        self._head: dict[str, Json] = {}
        self._parts: dict[int, Part] = {}
        self._arguments: dict[int, list[str]] = {}

    @property
    def losses(self) -> list[Loss]:
        """What could not be carried so far."""
        return self._losses.found

    def write(self, event: StreamEvent) -> bytes:
        """Return the bytes for one event, possibly none."""
        if isinstance(event, Started):
            own = self._losses.own(event.extra, "$")
            self._head = {"modelVersion": event.model, "responseId": event.id, **own}
            return b""
        if isinstance(event, PartStarted):
            return self._part_started(event)
        if isinstance(event, PartDelta):
            return self._part_delta(event)
        if isinstance(event, PartEnded):
            return self._part_ended(event)
        if isinstance(event, Finished):
            return self._finished(event)
        if isinstance(event, Failed):
            return self.fail(event.code, event.message)
        return b": ping\n\n" if isinstance(event, Ping) else b""

    def fail(self, code: str, message: str) -> bytes:
        """Return the error chunk."""
        return _event({"error": error_object(status_of(code), worded(code, message))})

    def _part_started(self, event: PartStarted) -> bytes:
        part = event.part
        self._parts[event.index] = part
        if isinstance(part, ToolCall):
            self._arguments[event.index] = [part.arguments]
            return b""
        if isinstance(part, Text) and not part.text and not part.extra:
            return b""
        if isinstance(part, Reasoning) and part.dialect != "gemini":
            return self._shown(part.text)
        if isinstance(part, Reasoning) and not part.text and part.signature is None:
            return b""
        return self._chunk(part, event.index)

    def _part_delta(self, event: PartDelta) -> bytes:
        part = self._parts.get(event.index)
        if isinstance(part, ToolCall):
            self._arguments[event.index].append(event.text)
            if event.signature is not None:
                self._parts[event.index] = replace(part, signature=event.signature)
            return b""
        if isinstance(part, Text) and (event.text or event.extra):
            return self._chunk(Text(event.text, extra=event.extra), event.index)
        if isinstance(part, Reasoning) and part.dialect != "gemini":
            self._parts[event.index] = _grown(part, event)
            return self._shown(event.text)
        if isinstance(part, Reasoning) and (event.text or event.signature):
            said = replace(part, text=event.text, signature=event.signature, extra=event.extra)
            return self._chunk(said, event.index)
        return b""

    def _part_ended(self, event: PartEnded) -> bytes:
        part = self._parts.get(event.index)
        if isinstance(part, Reasoning) and part.dialect != "gemini":
            return self._wire([self._writer.sealed(part, has_text=False)])
        if not isinstance(part, ToolCall):
            return b""
        arguments = "".join(self._arguments.pop(event.index))
        return self._chunk(replace(part, arguments=arguments), event.index)

    def _chunk(self, part: Part, index: int) -> bytes:
        return self._wire(self._writer.parts(part, f"$.parts[{index}]"))

    def _shown(self, text: str) -> bytes:
        return self._wire([{"text": text, "thought": True}]) if text else b""

    def _wire(self, parts: list[Json]) -> bytes:
        if not parts:
            return b""
        candidate = {"index": 0, "content": {"role": "model", "parts": parts}}
        return _event({"candidates": [candidate], **self._head})

    def _finished(self, event: Finished) -> bytes:
        reason = write_stop(event.stop, event.stop_detail, self._losses)
        self._losses.own(event.extra, "$")
        candidate = {"index": 0, "content": {"role": "model", "parts": []}, "finishReason": reason}
        usage = write_usage(event.usage, self._losses)
        return _event({"candidates": [candidate], "usageMetadata": usage, **self._head})


def _grown(part: Reasoning, event: PartDelta) -> Reasoning:
    signature = part.signature if event.signature is None else event.signature
    extra = {**part.extra, **event.extra}
    return replace(part, text=part.text + event.text, signature=signature, extra=extra)


def _event(body: Json) -> bytes:
    return b"data: " + dump_json(body) + b"\n\n"
