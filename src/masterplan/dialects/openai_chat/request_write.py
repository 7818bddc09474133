"""The canonical request, written for a server that speaks Chat Completions.

Usage is always asked for in streams, as the books need it. Must not know how a request is read.
"""

from __future__ import annotations

from dataclasses import replace

from masterplan.core.message import (
    Json,
    Loss,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Request,
    Tool,
    ToolCall,
    ToolResult,
)
from masterplan.dialects.codec import WireRequest
from masterplan.dialects.gate import built_in, is_built_in
from masterplan.dialects.loss import Losses
from masterplan.dialects.names import wire_id, wire_name
from masterplan.dialects.openai.family import is_openai
from masterplan.dialects.openai.shape import (
    CHOICES,
    is_strict_there,
    with_shared,
    written_effort,
)
from masterplan.dialects.openai_chat.part import PartWriter
from masterplan.dialects.pairing import paired
from masterplan.dialects.parameters import object_schema
from masterplan.dialects.wire import dump_json, without_none


def write(request: Request) -> tuple[WireRequest, tuple[Loss, ...]]:
    """Return the bytes for a provider and what they could not carry."""
    writer = _Writer(request)
    headers = {"content-type": "application/json"}
    headers |= writer.losses.notes(request.extra).get("headers", {})
    body = dump_json(writer.body())
    wire = WireRequest("/chat/completions", headers, body, request.is_stream)
    return wire, writer.losses.as_tuple()


class _Writer:
    def __init__(self, request: Request) -> None:
        self.request = request
        self.losses = Losses("openai_chat")
        self.parts = PartWriter(self.losses)
        self.is_openai = is_openai(request.model)

    def body(self) -> dict[str, Json]:
        request = self.request
        shared = with_shared(request.extra, "openai_chat", request.model)
        extra = self.losses.own(shared, "$")
        notes = self.losses.notes(request.extra)
        turns: list[Json] = []
        for index, message in enumerate(paired(request.messages, self.losses)):
            turns += self._message(message, f"$.messages[{index}]")
        fields: dict[str, Json] = {
            "model": request.model,
            "messages": turns,
            "tools": self._tools(),
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": self._top_k(),
            "seed": request.seed,
            "store": notes.get("store"),
            "stop": [*request.stop] or None,
            "reasoning_effort": written_effort(request, notes.get("reasoning_effort"), self.losses),
            "response_format": self._schema(),
            **self._limit(notes.get("max_tokens_field")),
            **self._choice(),
        }
        if request.is_stream:
            options = notes.get("stream_options") or {}
            fields["stream"] = True
            fields["stream_options"] = {**options, "include_usage": True}
        return {**without_none(fields), **extra}

    def _limit(self, field: str | None) -> dict[str, Json]:
        name = field or ("max_completion_tokens" if self.is_openai else "max_tokens")
        return {name: self.request.max_output_tokens}

    def _top_k(self) -> int | None:
        top_k = self.request.top_k
        if top_k is not None and self.is_openai:
            self.losses.add("top_k", "$.top_k")
            return None
        return top_k

    def _schema(self) -> Json | None:
        shape = self.request.schema
        if shape is None:
            return None
        is_strict = shape.is_strict
        if is_strict and not is_strict_there(shape.schema, self.request.model):
            self.losses.add("strict schema (it has optional or open parts)", "$.schema", "replaced")
            is_strict = False
        inner = {"name": shape.name, "schema": shape.schema, "strict": is_strict}
        return {"type": "json_schema", "json_schema": inner}

    def _choice(self) -> dict[str, Json]:
        choice = self.request.tool_choice
        if choice is None:
            return {}
        fields: dict[str, Json] = {"parallel_tool_calls": choice.is_parallel}
        if choice.mode == "tool":
            name = wire_name(choice.name or "", "openai_chat")
            fields["tool_choice"] = {"type": "function", "function": {"name": name}}
        else:
            fields["tool_choice"] = CHOICES[choice.mode]
        return fields if self.request.tools else {}

    def _tools(self) -> list[Json] | None:
        written = [self._tool(tool, f"$.tools[{i}]") for i, tool in enumerate(self.request.tools)]
        return [tool for tool in written if tool] or None

    def _tool(self, tool: Tool, where: str) -> Json | None:
        if is_built_in(tool):
            return built_in(tool, self.losses, where)
        own = self.losses.own(tool.extra, where)
        if tool.cache is not None:
            self.losses.add("cache breakpoint", where)
        is_strict = tool.is_strict
        if is_strict and not is_strict_there(tool.parameters, self.request.model):
            self.losses.add("strict tool (it has optional or open parts)", where, "replaced")
            is_strict = False
        function = {
            "name": wire_name(tool.name, "openai_chat"),
            "description": tool.description or None,
            "parameters": self._parameters(tool, where),
            "strict": True if is_strict else None,
        }
        return {"type": "function", "function": {**without_none(function), **own}}

    def _parameters(self, tool: Tool, where: str) -> Json:
        if not self.is_openai:
            return tool.parameters
        return object_schema(tool.parameters, self.losses, where)

    def _message(self, message: Message, where: str) -> list[Json]:
        own = self.losses.own(message.extra, where)
        if message.role == "assistant":
            return self._assistant(message, own, where)
        role = self.losses.notes(message.extra).get("role", message.role)
        results: list[Json] = []
        shown: list[Json] = []
        rest: list[Json] = []
        for index, part in enumerate(message.parts):
            place = f"{where}.parts[{index}]"
            if isinstance(part, ToolResult):
                if rest:
                    self.losses.add("place of a tool result", place, "replaced")
                result, media = self._result(part, place)
                results.append(result)
                shown += media
            else:
                rest += self.parts.content(part, place)
        rest = [*shown, *rest]
        if not rest and (results or not message.parts):
            return results
        return [*results, {"role": role, "content": _flat(rest), **own}]

    def _result(self, part: ToolResult, where: str) -> tuple[Json, list[Json]]:
        """Return the tool message, and what of the result only a user message can show."""
        own = self.losses.own(part.extra, where)
        if part.is_error:
            self.losses.add("is_error", where)
        if part.cache is not None:
            self.losses.add("cache breakpoint", where)
        texts: list[Json] = []
        media: list[Json] = []
        for index, inner in enumerate(part.parts):
            place = f"{where}.parts[{index}]"
            if isinstance(inner, Media):
                self.losses.add(f"{inner.kind} in a tool result", place, "replaced")
                note = f"[{inner.kind} {len(media) + 1} of this result is in the next message]"
                texts.append({"type": "text", "text": note})
                media += self.parts.content(inner, place)
            else:
                texts += self.parts.content(inner, place)
        call_id = wire_id(part.call_id, "openai_chat")
        fields = {"role": "tool", "tool_call_id": call_id, "content": _flat(texts)}
        return {**fields, **without_none({"name": part.name}), **own}, media

    def _assistant(self, message: Message, own: dict[str, Json], where: str) -> list[Json]:
        content: list[Json] = []
        calls: list[Json] = []
        fields: dict[str, Json] = {"role": "assistant"}
        for index, part in enumerate(message.parts):
            place = f"{where}.parts[{index}]"
            if isinstance(part, ToolCall) or _is_call(part):
                calls.append(self._call(part, place))
            elif isinstance(part, Reasoning):
                fields.update(self._reasoning(part, place))
            else:
                if calls:
                    self.losses.add("place of a part behind a tool call", place, "replaced")
                content += self.parts.content(part, place)
        if content:
            fields["content"] = _flat(content)
        elif calls:
            fields["content"] = None
        else:
            fields["content"] = ""
        if calls:
            fields["tool_calls"] = calls
        return [{**fields, **own}]

    def _call(self, part: Part, where: str) -> Json:
        if isinstance(part, Opaque):
            return part.raw
        assert isinstance(part, ToolCall)
        own = self.losses.own(part.extra, where)
        if part.signature is not None and "gemini" not in self.request.model:
            self.losses.add("thought signature", where)
            part = replace(part, signature=None)
        if part.cache is not None:
            self.losses.add("cache breakpoint", where)
        name = wire_name(part.name, "openai_chat")
        return write_call(part if name == part.name else replace(part, name=name), own)

    def _reasoning(self, part: Reasoning, where: str) -> dict[str, Json]:
        self.losses.own(part.extra, where)
        if part.dialect != "openai_chat" or self.is_openai:
            self.losses.add("reasoning that this model did not make", where)
            return {}
        field = self.losses.notes(part.extra).get("field", "reasoning_content")
        return {str(field): part.text}


def write_call(part: ToolCall, own: dict[str, Json]) -> dict[str, Json]:
    """Return the wire form of a whole tool call; its name is one that the reader takes."""
    function = {"name": part.name, "arguments": part.arguments or "{}"}
    call_id = wire_id(part.id, "openai_chat")
    return {"id": call_id, "type": "function", "function": function, **signed(part), **own}


def signed(part: ToolCall) -> dict[str, Json]:
    """Return a call's thought signature where Google's own Chat endpoint has it."""
    if part.signature is None:
        return {}
    return {"extra_content": {"google": {"thought_signature": part.signature}}}


def _is_call(part: Part) -> bool:
    return isinstance(part, Opaque) and part.dialect == "openai_chat" and "id" in part.raw


def _flat(content: list[Json]) -> Json:
    """Return a lone plain text as a string, as most servers expect it, else the list."""
    if not content:
        return ""
    if len(content) == 1 and set(content[0]) == {"type", "text"}:
        return content[0]["text"]
    return content
