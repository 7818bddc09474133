"""The output items of one Responses stream on its way to a client: begun, grown, made whole.

Must not know how a stream begins or ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from masterplan.core.message import Json, Part, PartDelta, PartStarted, Reasoning, Text, ToolCall
from masterplan.dialects.fold import Growing
from masterplan.dialects.loss import Losses
from masterplan.dialects.openai_responses.content import DIALECT
from masterplan.dialects.openai_responses.response import OutputWriter, is_refusal
from masterplan.dialects.wire import dump_json


@dataclass(slots=True)
class _Open:
    """The part that grows: the item it becomes, and what stands before each of its deltas."""

    growing: Growing
    part: Part
    place: dict[str, Json]
    delta: bytes = b""
    has_text: bool = False
    annotations: int = 0


class ItemStream:
    """Writes the events of items, numbered in order."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._writer = OutputWriter(losses, "")
        self._open: dict[int, _Open] = {}
        self._sequence = 0
        self.has_refusal = False

    @property
    def output(self) -> list[Json]:
        """The items that are whole."""
        return self._writer.output

    def start(self, response_id: str) -> None:
        """Take the id of the answer, of which the items' ids are made."""
        self._writer = OutputWriter(self._losses, response_id)

    def event(self, name: str, fields: dict[str, Json]) -> bytes:
        """Return one event with the next number."""
        body = {"type": name, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return b"event: " + name.encode() + b"\ndata: " + dump_json(body) + b"\n\n"

    def begin(self, event: PartStarted) -> bytes:
        """Return the events with which a part's item begins."""
        part = event.part
        out = b""
        if isinstance(part, ToolCall) and part.signature is not None:
            out = self._at_once(self._writer.add_sealed(part))
            part = replace(part, signature=None)
        item = self._writer.begun(part)
        place = {"item_id": item["id"], "output_index": len(self.output)} if item else {}
        open_part = self._open[event.index] = _Open(Growing(part), part, place)
        if item is None:
            return out
        added = {"output_index": len(self.output), "item": {**item, "status": "in_progress"}}
        out += self.event("response.output_item.added", added)
        if isinstance(part, Text):
            self.has_refusal = self.has_refusal or is_refusal(part)
            place["content_index"] = 0
            out += self.event("response.content_part.added", {**place, "part": _content(part, "")})
        open_part.delta = _delta_head(part, place)
        text = part.arguments if isinstance(part, ToolCall) else getattr(part, "text", "")
        return out + self._text(open_part, text) if text else out

    def delta(self, event: PartDelta) -> bytes:
        """Return the events for more of a part."""
        open_part = self._open.get(event.index)
        if open_part is None:
            return b""
        open_part.growing.add(event)
        out = self._text(open_part, event.text) if event.text else b""
        for annotation in event.extra.get(DIALECT, {}).get("annotations", ()):
            number = open_part.annotations
            open_part.annotations += 1
            said = {**open_part.place, "annotation_index": number, "annotation": annotation}
            out += self.event("response.output_text.annotation.added", said)
        return out

    def _text(self, open_part: _Open, text: str) -> bytes:
        if not open_part.delta:
            return b""  # it is told when it is whole
        out = b""
        if isinstance(open_part.part, Reasoning) and not open_part.has_text:
            open_part.has_text = True
            part = {"type": "summary_text", "text": ""}
            fields = {**open_part.place, "summary_index": 0, "part": part}
            out = self.event("response.reasoning_summary_part.added", fields)
        number = str(self._sequence).encode()
        self._sequence += 1
        return b"".join((out, open_part.delta, number, b',"delta":', dump_json(text), b"}\n\n"))

    def end(self, index: int) -> bytes:
        """Return the events with which a part is whole."""
        open_part = self._open.pop(index, None)
        if open_part is None:
            return b""
        part = open_part.growing.whole()
        signature = part.signature if isinstance(part, ToolCall) else None
        if isinstance(part, ToolCall):
            part = replace(part, signature=None)
        items = self._writer.add(part, f"$.parts[{index}]")
        if not open_part.place:
            return self._at_once(items)
        out = b"".join(self.event(*done) for done in _whole(open_part, part, items[0]))
        out += self._done(items[0])
        if isinstance(part, ToolCall) and signature is not None:
            out += self._at_once(self._writer.add_sealed(replace(part, signature=signature)))
        return out

    def _at_once(self, items: list[Json]) -> bytes:
        """Return the events of items that were just added whole."""
        out = b""
        for item in items:
            place = {"output_index": len(self.output) - 1, "item": item}
            out += self.event("response.output_item.added", place) + self._done(item)
        return out

    def _done(self, item: Json) -> bytes:
        place = {"output_index": len(self.output) - 1, "item": item}
        return self.event("response.output_item.done", place)


def _content(part: Text, text: str) -> dict[str, Json]:
    if is_refusal(part):
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": []}


def _delta_head(part: Part, place: dict[str, Json]) -> bytes:
    """Return what is alike in all deltas of a part, up to their number; empty where none come."""
    fields = place
    if isinstance(part, Text) and is_refusal(part):
        name = "response.refusal.delta"
    elif isinstance(part, Text):
        name, fields = "response.output_text.delta", {**place, "logprobs": []}
    elif isinstance(part, Reasoning):
        name, fields = "response.reasoning_summary_text.delta", {**place, "summary_index": 0}
    elif isinstance(part, ToolCall) and not is_custom(part):
        name = "response.function_call_arguments.delta"
    else:
        return b""
    head = dump_json({"type": name, **fields})[:-1]
    return b"event: " + name.encode() + b"\ndata: " + head + b',"sequence_number":'


def is_custom(part: ToolCall) -> bool:
    """Tell whether a call is one of a custom tool: its free text is told when it is whole."""
    call = part.extra.get(DIALECT, {}).get("_call", {})
    return bool(call.get("type") == "custom_tool_call")


def _whole(open_part: _Open, part: Part, item: Json) -> list[tuple[str, dict[str, Json]]]:
    """Return the events that stand before an item's own last one."""
    place = open_part.place
    if isinstance(part, Text):
        content = item["content"][0] if item["content"] else _content(part, "")
        kind = "refusal" if is_refusal(part) else "output_text"
        text = {"refusal": part.text} if is_refusal(part) else {"text": part.text, "logprobs": []}
        return [
            (f"response.{kind}.done", {**place, **text}),
            ("response.content_part.done", {**place, "part": content}),
        ]
    if isinstance(part, Reasoning) and open_part.has_text:
        place = {**place, "summary_index": 0}
        summary = {"type": "summary_text", "text": part.text}
        return [
            ("response.reasoning_summary_text.done", {**place, "text": part.text}),
            ("response.reasoning_summary_part.done", {**place, "part": summary}),
        ]
    if isinstance(part, ToolCall) and is_custom(part):
        said = [("response.custom_tool_call_input.delta", {**place, "delta": item["input"]})]
        done = {**place, "input": item["input"]}
        return [*said, ("response.custom_tool_call_input.done", done)]
    if isinstance(part, ToolCall):
        whole = {**place, "name": item["name"], "arguments": item["arguments"]}
        return [("response.function_call_arguments.done", whole)]
    return []
