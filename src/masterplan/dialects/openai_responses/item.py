"""Items of the Responses protocol, read into parts: messages, calls, outputs, reasoning.

What only says how an item came (ids, a status, a namespace) is a note to the writer of the same
dialect. Must not know requests, answers or streams.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from masterplan.core.message import (
    Extra,
    Json,
    Media,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from masterplan.dialects.loss import kept
from masterplan.dialects.names import made_id
from masterplan.dialects.openai_responses.content import DIALECT, parse_content
from masterplan.dialects.wire import Fields, Node, dump_text

Origin = tuple[str, int]
"""The id of an answer and an item's place in it; of these our own item ids are made."""

KINDS = {
    "message": "msg",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "reasoning": "rs",
}


def item_id(kind: str, origin: Origin) -> str:
    """Return the id of an item that came without one; the same origin gives the same id."""
    seed = f"{origin[0]}/{origin[1]}"
    return f"{KINDS[kind]}_{hashlib.sha256(seed.encode()).hexdigest()[:32]}"


def joined_name(namespace: str | None, name: str) -> str:
    """Return the name of a tool outside its namespace.

    >>> joined_name("agents", "spawn"), joined_name(None, "read")
    ('agents__spawn', 'read')
    """
    return f"{namespace}__{name}" if namespace else name


def parse_item(node: Node, origin: Origin | None = None) -> list[Part]:
    """Read one item as parts; a kind that is not known stays as it came."""
    fields = node.fields()
    kind = fields.text("type") or "message"
    reader = _READERS.get(kind)
    if reader is None:
        return [Opaque(DIALECT, node.value)]
    item = _item(fields, kind, origin)
    return reader(fields, item, origin)


def message_note(node: Node, origin: Origin) -> dict[str, Json]:
    """Return what a message item says of itself before its content comes."""
    fields = node.fields()
    for name in ("type", "role", "content"):
        fields.take(name)
    item = _item(fields, "message", origin)
    return {**item, **fields.rest}


def noted(rest: dict[str, Json], **notes: Json) -> Extra:
    """Return unread fields and the notes that say something."""
    said = {f"_{name}": value for name, value in notes.items() if value}
    return kept(DIALECT, {**rest, **said})


def _item(fields: Fields, kind: str, origin: Origin | None) -> dict[str, Json]:
    """Take what belongs to the item and not to its content; a usual status is understood."""
    nodes = {name: fields.take(name) for name in ("id", "status", "phase")}
    said = {name: node.value for name, node in nodes.items() if node is not None}
    if said.get("status") in ("completed", "in_progress"):
        del said["status"]
    if origin is not None and kind in KINDS and said.get("id") == item_id(kind, origin):
        del said["id"]
    return said


def _message(fields: Fields, item: dict[str, Json], _: Origin | None) -> list[Part]:
    fields.take("role")
    content = fields.take("content")
    parts = [] if content is None else parse_content(content)
    item = {**item, **fields.rest}
    if item and parts:
        parts[0] = with_note(parts[0], "_item", item)
    return parts


def with_note(part: Part, name: str, note: Json) -> Part:
    """Return the text or medium with a note; other parts have no place for one."""
    if not isinstance(part, Text | Media):
        return part
    own = {**part.extra.get(DIALECT, {}), name: note}
    return replace(part, extra={**part.extra, DIALECT: own})


def _function_call(fields: Fields, item: dict[str, Json], origin: Origin | None) -> list[Part]:
    name, namespace = fields.need_text("name"), fields.text("namespace")
    arguments = fields.text("arguments") or "{}"
    call = {"namespace": namespace, "name": name} if namespace else {}
    call_id = fields.text("call_id") or _made(origin, name)
    extra = noted(fields.rest, item=item, call=call)
    return [ToolCall(call_id, joined_name(namespace, name), arguments, extra=extra)]


def _custom_call(fields: Fields, item: dict[str, Json], origin: Origin | None) -> list[Part]:
    name, namespace = fields.need_text("name"), fields.text("namespace")
    arguments = custom_arguments(fields.text("input") or "")
    call = {"type": "custom_tool_call"}
    if namespace:
        call |= {"namespace": namespace, "name": name}
    call_id = fields.text("call_id") or _made(origin, name)
    extra = noted(fields.rest, item=item, call=call)
    return [ToolCall(call_id, joined_name(namespace, name), arguments, extra=extra)]


def _made(origin: Origin | None, name: str) -> str:
    return made_id(*map(str, origin or ("", 0)), name)


def custom_arguments(text: str) -> str:
    """Return the arguments that stand for a custom tool's free text."""
    return dump_text({"input": text})


def _function_output(fields: Fields, item: dict[str, Json], _: Origin | None) -> list[Part]:
    return [_output(fields, item, {})]


def _custom_output(fields: Fields, item: dict[str, Json], _: Origin | None) -> list[Part]:
    return [_output(fields, item, {"type": "custom_tool_call_output"})]


def _output(fields: Fields, item: dict[str, Json], call: dict[str, Json]) -> ToolResult:
    call_id, name = fields.need_text("call_id"), fields.text("name")
    content = fields.take("output")
    parts = [] if content is None else parse_content(content)
    simple = tuple(part for part in parts if isinstance(part, Text | Media))
    rest = fields.rest
    if content is not None and len(simple) != len(parts):
        rest["output"] = content.value
    if name is not None:
        call = {**call, "name": name}
    return ToolResult(call_id, simple, name=name, extra=noted(rest, item=item, call=call))


def _reasoning(fields: Fields, item: dict[str, Json], _: Origin | None) -> list[Part]:
    summary, content = fields.take("summary"), fields.take("content")
    shown = [] if summary is None else [_said(node) for node in summary.items()]
    inner = [] if content is None else [_said(node) for node in content.items()]
    raw: dict[str, Json] = {}
    if inner or len(shown) > 1:
        # More than one text: the division is kept beside the whole.
        raw["summary"] = [] if summary is None else summary.value
        if inner and content is not None:
            raw["content"] = content.value
    signature = fields.text("encrypted_content") or None
    extra = noted(fields.rest, item=item, texts=raw)
    text = "\n\n".join(shown or inner)
    return [Reasoning(text, signature, dialect=DIALECT, extra=extra)]


def _said(node: Node) -> str:
    return node.fields().text("text") or ""


_READERS: dict[str, Callable[[Fields, dict[str, Json], Origin | None], list[Part]]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_output,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _custom_output,
    "reasoning": _reasoning,
}
