"""The canonical request, written for a server that speaks Responses.

Everything goes along in ``input``, nothing is left with the provider unless the client wants it.
Must not know how a request is read.
"""

from __future__ import annotations

from masterplan.core.message import (
    Json,
    Loss,
    Message,
    Opaque,
    Part,
    Reasoning,
    Request,
    Text,
    ToolCall,
    ToolResult,
)
from masterplan.dialects.codec import WireRequest
from masterplan.dialects.loss import Losses
from masterplan.dialects.openai.family import is_openai
from masterplan.dialects.openai.shape import is_strict_there, with_shared, written_effort
from masterplan.dialects.openai_responses.content import DIALECT, is_content
from masterplan.dialects.openai_responses.item_write import ItemWriter, note
from masterplan.dialects.openai_responses.tool import ToolWriter
from masterplan.dialects.pairing import paired
from masterplan.dialects.wire import dump_json, without_none

LEAST_OUTPUT_TOKENS = 16
"""What OpenAI's own models take at least as ``max_output_tokens``."""


def write(request: Request) -> tuple[WireRequest, tuple[Loss, ...]]:
    """Return the bytes for a provider and what they could not carry."""
    writer = _Writer(request)
    headers = {"content-type": "application/json", **writer.notes.get("headers", {})}
    wire = WireRequest("/responses", headers, dump_json(writer.body()), request.is_stream)
    return wire, writer.losses.as_tuple()


class _Writer:
    def __init__(self, request: Request) -> None:
        self.request = request
        self.losses = Losses(DIALECT)
        self.items = ItemWriter(self.losses, request.model)
        self.notes = self.losses.notes(request.extra)

    def body(self) -> dict[str, Json]:
        request = self.request
        own = dict(self.losses.own(with_shared(request.extra, DIALECT, request.model), "$"))
        instructions, items = self._input()
        tools = ToolWriter(self.losses, request.model)
        written = tools.tools(request.tools)
        fields: dict[str, Json] = {
            "model": request.model,
            "instructions": instructions,
            "input": items,
            "tools": written or None,
            "max_output_tokens": self._limit(),
            "temperature": request.temperature,
            "top_p": request.top_p,
            "reasoning": self._reasoning(own),
            "text": self._text(own),
            "stream": True if request.is_stream else None,
            "store": self.notes.get("store", None if self._is_own else False),
            "include": self.notes.get("include"),
        }
        if written or self._is_own:
            fields |= tools.choice(request.tool_choice, own, written)
        self._leave_out()
        return {**without_none(fields), **own}

    @property
    def _is_own(self) -> bool:
        """Tell whether the client speaks this dialect too and so says itself what is kept."""
        return "input" in self.notes

    def _leave_out(self) -> None:
        """Note what this protocol has no field for."""
        request = self.request
        left = {"seed": request.seed, "top_k": request.top_k, "stop": request.stop or None}
        for name in without_none(left):
            self.losses.add(name, f"$.{name}")

    def _limit(self) -> int | None:
        wanted = self.request.max_output_tokens
        if wanted is None or wanted >= LEAST_OUTPUT_TOKENS or not is_openai(self.request.model):
            return wanted
        self.losses.add("max_output_tokens", "$.max_output_tokens", "replaced")
        return LEAST_OUTPUT_TOKENS

    def _reasoning(self, own: dict[str, Json]) -> Json | None:
        effort = written_effort(self.request, self.notes.get("effort"), self.losses)
        return {**without_none({"effort": effort}), **own.pop("reasoning", {})} or None

    def _text(self, own: dict[str, Json]) -> Json | None:
        fields = without_none({"verbosity": own.pop("verbosity", None)})
        form = own.pop("format", None)
        shape = self.request.schema
        if shape is not None:
            is_strict = shape.is_strict
            if is_strict and not is_strict_there(shape.schema, self.request.model):
                what = "strict schema (it has optional or open parts)"
                self.losses.add(what, "$.schema", "replaced")
                is_strict = False
            inner = {"name": shape.name, "schema": shape.schema, "strict": is_strict}
            form = {"type": "json_schema", **inner, **self.notes.get("format", {})}
        return {**without_none({"format": form}), **fields} or None

    def _input(self) -> tuple[str | None, Json]:
        messages = self.request.messages
        if not self._is_own:
            messages = paired(messages, self.losses)
        instructions: str | None = None
        items: list[Json] = []
        for index, message in enumerate(messages):
            where = f"$.messages[{index}]"
            if message.extra.get(DIALECT, {}).get("_role") == "instructions":
                instructions = "\n\n".join(p.text for p in message.parts if isinstance(p, Text))
            else:
                items += self._message(message, where)
        return instructions, self._as_it_came(items)

    def _as_it_came(self, items: list[Json]) -> Json:
        """Return the lone text of a client that wrote no items, else the items."""
        if self.notes.get("input") != "text" or len(items) != 1:
            return items
        content = items[0].get("content") or [{}]
        return content[0].get("text", items) if len(content) == 1 else items

    def _message(self, message: Message, where: str) -> list[Json]:
        own = self.losses.own(message.extra, where)
        raw = note(message.extra, "raw")
        if raw:
            return [raw]
        role = message.extra.get(DIALECT, {}).get("_role") or message.role
        turn = _Turn({"type": "message", "role": role, **note(message.extra, "item"), **own})
        for index, part in enumerate(message.parts):
            self._part(turn, part, f"{where}.parts[{index}]")
        return turn.items

    def _part(self, turn: _Turn, part: Part, where: str) -> None:
        if isinstance(part, ToolCall):
            turn.add(self.items.call(part, where))
        elif isinstance(part, ToolResult):
            turn.add(self.items.output(part, where))
        elif isinstance(part, Reasoning):
            if self._is_lost(part):
                self.losses.add("reasoning that the provider did not keep", where)
            else:
                turn.add(self.items.reasoning(part, where))
        elif isinstance(part, Opaque) and part.dialect == DIALECT and not is_content(part.raw):
            turn.add(part.raw)
        else:
            contents = self.items.contents.content(part, where, is_output=turn.is_output)
            is_new = "_item" in getattr(part, "extra", {}).get(DIALECT, {})
            turn.say(contents, note(getattr(part, "extra", {}), "item") if is_new else None)

    def _is_lost(self, part: Reasoning) -> bool:
        """Tell whether only the provider could have kept what this item stands for."""
        has_content = part.signature is not None or "content" in note(part.extra, "texts")
        return not has_content and self.notes.get("store") is False and part.dialect == DIALECT


class _Turn:
    """The items of one message: contents gather in a message item until another item comes."""

    def __init__(self, head: dict[str, Json]) -> None:
        self.items: list[Json] = []
        self.is_output = head["role"] == "assistant"
        self._head = head
        self._open: list[Json] | None = None

    def add(self, item: dict[str, Json] | None) -> None:
        """Add an item of its own, where there is one."""
        if item is not None:
            self.items.append(item)
            self._open = None

    def say(self, contents: list[Json], item: dict[str, Json] | None) -> None:
        """Add contents to the open message item, or to a new one with the fields it came with."""
        if not contents:
            return
        if self._open is None or item is not None:
            self._open = []
            self.items.append({**self._head, **(item or {}), "content": self._open})
        self._open += contents
