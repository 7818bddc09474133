"""Canonical events, written as a Messages stream for a client.

Blocks get their own unbroken numbering. Must not know who made the events.
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
from masterplan.core.usage import Usage
from masterplan.dialects.anthropic.block import BlockWriter, sealed_call
from masterplan.dialects.anthropic.fault import TYPES, error_object, worded
from masterplan.dialects.anthropic.response import write_stop
from masterplan.dialects.anthropic.usage import write_usage
from masterplan.dialects.carrier import seal
from masterplan.dialects.fault import status_of
from masterplan.dialects.loss import Losses
from masterplan.dialects.size import estimate_input_tokens
from masterplan.dialects.wire import dump_json


class MessagesWriter:
    """Writes one stream; see ``StreamWriter``."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._losses = Losses("anthropic")
        self._blocks = BlockWriter(self._losses, None)
        self._indexes: dict[int, int] = {}
        self._parts: dict[int, Part] = {}
        self._heads: dict[int, bytes] = {}
        self._count = 0

    @property
    def losses(self) -> list[Loss]:
        """What could not be carried so far."""
        return self._losses.found

    def write(self, event: StreamEvent) -> bytes:
        """Return the bytes for one event, possibly none."""
        if isinstance(event, PartDelta):
            return self._part_delta(event)
        if isinstance(event, Started):
            return self._started(event)
        if isinstance(event, PartStarted):
            return self._part_started(event)
        if isinstance(event, PartEnded):
            return self._part_ended(event.index)
        if isinstance(event, Finished):
            return self._finished(event)
        if isinstance(event, Failed):
            return self.fail(event.code, event.message)
        if isinstance(event, Ping):
            return _event("ping", {})
        return b""

    def fail(self, code: str, message: str) -> bytes:
        """Return the error event."""
        kind = TYPES.get(status_of(code), "api_error")
        return _event("error", error_object(kind, worded(code, message)))

    def _started(self, event: Started) -> bytes:
        usage = event.usage
        if usage is None or not usage.input_tokens:
            # Clients size their context by this count: an estimate serves them, zero misleads.
            usage = Usage(input_tokens=estimate_input_tokens(self._request))
        message: dict[str, Json] = {
            "id": event.id,
            "type": "message",
            "role": "assistant",
            "model": event.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(usage),
            **self._losses.own(event.extra, "$"),
        }
        return _event("message_start", {"message": message})

    def _part_started(self, event: PartStarted) -> bytes:
        part = event.part
        block = self._block(part, event.index)
        if block is None:
            return b""
        out = self._sealed_call(part)
        index = self._indexes[event.index] = self._count
        self._count += 1
        self._parts[event.index] = part
        out += _event("content_block_start", {"index": index, "content_block": block})
        self._heads[event.index] = _delta_head(index, part)
        if isinstance(part, ToolCall) and part.arguments:
            out += self._heads[event.index] + dump_json(part.arguments) + b"}}\n\n"
        return out

    def _block(self, part: Part, index: int) -> Json | None:
        if isinstance(part, Reasoning) and part.dialect != "anthropic" and not part.is_redacted:
            # Its seal is known when it is whole: it comes as the signature at the end.
            return {"type": "thinking", "thinking": part.text, "signature": ""}
        return self._blocks.block(part, f"$.parts[{index}]")

    def _sealed_call(self, part: Part) -> bytes:
        block = sealed_call(part)
        if block is None:
            return b""
        index = self._count
        self._count += 1
        out = _event("content_block_start", {"index": index, "content_block": block})
        return out + _event("content_block_stop", {"index": index})

    def _part_ended(self, at: int) -> bytes:
        index, part = self._indexes.get(at), self._parts.get(at)
        if index is None:
            return b""
        out = b""
        if isinstance(part, Reasoning) and part.dialect != "anthropic" and not part.is_redacted:
            signature = seal(part, has_text=False)
            out = self._delta(index, {"type": "signature_delta", "signature": signature})
        return out + _event("content_block_stop", {"index": index})

    def _part_delta(self, event: PartDelta) -> bytes:
        head = self._heads.get(event.index)
        if head is None:
            return b""
        out = head + dump_json(event.text) + b"}}\n\n" if event.text else b""
        return out if event.signature is None and not event.extra else out + self._beside(event)

    def _beside(self, event: PartDelta) -> bytes:
        """Return the events for what comes beside a text."""
        index, part = self._indexes[event.index], self._parts[event.index]
        out = b""
        for citation in event.extra.get("anthropic", {}).get("citations", []):
            out += self._delta(index, {"type": "citations_delta", "citation": citation})
        if event.signature is not None:
            out += self._signature(event, part, event.signature)
        elif isinstance(part, Reasoning) and event.extra:
            self._parts[event.index] = replace(part, extra={**part.extra, **event.extra})
        return out

    def _signature(self, event: PartDelta, part: Part, signature: str) -> bytes:
        index = self._indexes[event.index]
        if isinstance(part, Reasoning) and part.dialect == "anthropic":
            return self._delta(index, {"type": "signature_delta", "signature": signature})
        if isinstance(part, Reasoning):
            whole = (part.signature or "") + signature
            extra = {**part.extra, **event.extra}
            self._parts[event.index] = replace(part, signature=whole, extra=extra)
        else:
            self._losses.add("thought signature", f"$.parts[{event.index}]")
        return b""

    def _delta(self, index: int, delta: Json) -> bytes:
        return _event("content_block_delta", {"index": index, "delta": delta})

    def _finished(self, event: Finished) -> bytes:
        delta = write_stop(event.stop, event.stop_detail, self._losses)
        own = self._losses.own(event.extra, "$")
        fields = {"delta": delta, "usage": write_usage(event.usage), **own}
        return _event("message_delta", fields) + _event("message_stop", {})


def _delta_head(index: int, part: Part) -> bytes:
    """Return what is alike in all deltas of a block, up to their text."""
    kinds = {Text: ("text_delta", "text"), Reasoning: ("thinking_delta", "thinking")}
    kind, field = kinds.get(type(part), ("input_json_delta", "partial_json"))
    whole = _event("content_block_delta", {"index": index, "delta": {"type": kind, field: ""}})
    return whole.removesuffix(b'""}}\n\n')


def _event(name: str, fields: dict[str, Json]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + dump_json({"type": name, **fields}) + b"\n\n"
