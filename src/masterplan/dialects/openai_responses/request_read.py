"""A Responses request, read into the canonical one.

Items that follow each other become one turn of their speaker: what the model said and called, or
the outputs of its calls. Must not know how a request is written.
"""

from __future__ import annotations

from typing import Literal

from masterplan.core.message import (
    Json,
    Message,
    Opaque,
    Part,
    Reasoning,
    Request,
    ResponseSchema,
    Text,
    Tool,
    ToolResult,
)
from masterplan.core.model import Effort
from masterplan.dialects.carrier import SealedCall, joined, unsealed
from masterplan.dialects.loss import kept
from masterplan.dialects.openai.family import FROM_WIRE
from masterplan.dialects.openai_responses.content import DIALECT, parse_content
from masterplan.dialects.openai_responses.item import noted, parse_item, with_note
from masterplan.dialects.openai_responses.item_write import note
from masterplan.dialects.openai_responses.tool import read_choice, read_tools
from masterplan.dialects.wire import Fields, Node, parse_json

Role = Literal["system", "user", "assistant"]
_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user"}
_PLAIN_EFFORTS = ("none", "low", "medium", "high")
_KEPT_THERE = frozenset({"item_reference", "compaction", "compaction_summary"})
"""Items that only the provider which made them can read."""


def parse(body: bytes, *, path: str = "") -> Request:
    """Read the body; raises ``DialectError`` with a JSON path."""
    fields = Node(parse_json(body)).fields()
    model = fields.need("model").text()
    extra: dict[str, Json] = {}
    turns = _Turns()
    instructions = fields.text("instructions")
    if instructions:
        parts = (Text(instructions),)
        turns.turns.append(Message("system", parts, kept(DIALECT, {"_role": "instructions"})))
    turns.read(fields.take("input"), extra)
    tools = [*read_tools(fields.list("tools")), *turns.tools]
    effort = _effort(fields, extra)
    shape = _shape(fields, extra)
    return Request(
        model=model,
        messages=tuple(turns.turns),
        tools=tuple(tools),
        tool_choice=read_choice(fields, extra),
        max_output_tokens=fields.integer("max_output_tokens"),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        effort=effort,
        schema=shape,
        is_stream=fields.boolean("stream") or False,
        extra=kept(DIALECT, {**_rest(fields), **extra}),
    )


def _rest(fields: Fields) -> dict[str, Json]:
    """Return what was not read; ``store`` is a note, as the answer is the same without it."""
    rest = fields.rest
    notes = {f"_{name}": rest.pop(name) for name in ("store", "include") if name in rest}
    if rest.get("background") is False:
        del rest["background"]
    return {**rest, **notes}


def _effort(fields: Fields, extra: dict[str, Json]) -> Effort | None:
    node = fields.take("reasoning")
    if node is None:
        return None
    left = node.fields()
    effort = left.text("effort")
    if effort is not None and effort not in _PLAIN_EFFORTS:
        extra["_effort"] = effort
    if left.rest:
        extra["reasoning"] = left.rest
    return FROM_WIRE.get(effort or "")


def _shape(fields: Fields, extra: dict[str, Json]) -> ResponseSchema | None:
    node = fields.take("text")
    if node is None:
        return None
    left = node.fields()
    form = left.take("format")
    extra.update(left.rest)
    if form is None or form.object().get("type") == "text":
        return None
    if form.object().get("type") != "json_schema":
        extra["format"] = form.value
        return None
    inner = form.fields()
    inner.take("type")
    schema = inner.take("schema")
    name, is_strict = inner.text("name") or "answer", inner.boolean("strict") or False
    if inner.rest:
        extra["_format"] = inner.rest
    return ResponseSchema(name, {} if schema is None else schema.object(), is_strict)


class _Turns:
    """The turns so far; items of one speaker that follow each other are gathered."""

    def __init__(self) -> None:
        self.turns: list[Message] = []
        self.tools: list[Tool] = []
        self._role: Role = "user"
        self._parts: list[Part | SealedCall] = []

    def read(self, node: Node | None, extra: dict[str, Json]) -> None:
        """Read the input: a string or a list of items."""
        if node is None:
            return
        if isinstance(node.value, str):
            extra["_input"] = "text"
            self.turns.append(Message("user", (Text(node.value),)))
            return
        extra["_input"] = "items"
        for item in node.items():
            kind = item.object().get("type") or "message"
            if kind in _KEPT_THERE:
                extra["_kept_there"] = kind
            self._item(item, str(kind))
        self._flush()

    def _item(self, node: Node, kind: str) -> None:
        if kind == "message" and node.object().get("role") != "assistant":
            self._flush()
            self.turns.append(_message(node.fields()))
        elif kind == "additional_tools":
            self._flush()
            self.tools += read_tools(node.fields().list("tools"), is_additional=True)
            self.turns.append(Message("system", (), kept(DIALECT, {"_raw": node.value})))
        else:
            for number, part in enumerate(parse_item(node)):
                self._add(part, is_new=kind == "message" and number == 0)

    def _add(self, part: Part, *, is_new: bool) -> None:
        role: Role = "user" if _is_answer(part) else "assistant"
        if role != self._role:
            self._flush()
            self._role = role
        if is_new and self._parts and isinstance(self._parts[-1], Text):
            part = with_note(part, "_item", note(getattr(part, "extra", {}), "item"))
        self._parts.append(unsealed(part) if isinstance(part, Reasoning) else part)

    def _flush(self) -> None:
        if self._parts:
            self.turns.append(Message(self._role, joined(tuple(self._parts))))
            self._parts = []


def _is_answer(part: Part) -> bool:
    """Tell whether an item is what the client gives back, not what the model did."""
    if isinstance(part, Opaque):
        kind = str(part.raw.get("type", ""))
        return kind.endswith(("_output", "_response", "_reference", "_trigger"))
    return isinstance(part, ToolResult)


def _message(fields: Fields) -> Message:
    fields.take("type")
    role = fields.need("role")
    if role.text() not in _ROLES:
        role.fail("one of system, developer, user, assistant")
    content = fields.take("content")
    parts = [] if content is None else parse_content(content)
    item = {name: fields.take(name) for name in ("id", "status")}
    said = {k: node.value for k, node in item.items() if node and node.value != "completed"}
    extra = noted(fields.rest, item=said, role=None if role.value != "developer" else "developer")
    return Message(_ROLES[role.text()], tuple(parts), extra)
