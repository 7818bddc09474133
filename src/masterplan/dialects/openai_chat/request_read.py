"""A Chat Completions request, read into the canonical one.

Messages of role ``tool`` that follow each other become one user turn of tool results. Must not
know how a request is written.
"""

from __future__ import annotations

from typing import Literal

from masterplan.core.message import (
    Extra,
    Json,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Request,
    ResponseSchema,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from masterplan.dialects.loss import kept
from masterplan.dialects.openai.family import FROM_WIRE
from masterplan.dialects.openai.shape import split_data_url
from masterplan.dialects.wire import Fields, Node, parse_json

_ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


def parse(body: bytes, *, path: str = "") -> Request:
    """Read the body; raises ``DialectError`` with a JSON path."""
    fields = Node(parse_json(body)).fields()
    model = fields.need_text("model")
    messages = _messages(fields.need("messages"))
    extra: dict[str, Json] = {}
    limit = _limit(fields, extra)
    effort = fields.text("reasoning_effort")
    if effort is not None and effort not in ("none", "low", "medium", "high"):
        extra["_reasoning_effort"] = effort
    options = fields.take("stream_options")
    if options is not None:
        extra["_stream_options"] = options.object()
    stop = fields.take("stop")
    is_stream = fields.boolean("stream") or False
    shape = _schema(fields, extra)
    store = fields.boolean("store")
    if store is not None:
        extra["_store"] = store
    return Request(
        model=model,
        messages=messages,
        tools=tuple(_tool(node) for node in fields.list("tools")),
        tool_choice=_tool_choice(fields, extra),
        max_output_tokens=limit,
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k"),
        seed=fields.integer("seed"),
        stop=_stop(stop),
        effort=FROM_WIRE.get(effort or ""),
        schema=shape,
        is_stream=is_stream,
        extra=kept("openai_chat", {**fields.rest, **extra}),
    )


def _limit(fields: Fields, extra: dict[str, Json]) -> int | None:
    new, old = fields.integer("max_completion_tokens"), fields.integer("max_tokens")
    if old is not None and new is None:
        extra["_max_tokens_field"] = "max_tokens"
    elif new is not None:
        extra["_max_tokens_field"] = "max_completion_tokens"
    return old if new is None else new


def _stop(node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ()
    if isinstance(node.value, str):
        return (node.value,)
    return tuple(item.text() for item in node.items())


def _messages(node: Node) -> tuple[Message, ...]:
    turns: list[Message] = []
    results: list[Part] = []
    for item in node.items():
        fields = item.fields()
        role = fields.need("role")
        if role.value == "tool":
            results.append(_tool_result(fields))
            continue
        if results:
            turns.append(Message("user", tuple(results)))
            results = []
        if role.text() not in _ROLES:
            role.fail("one of system, developer, user, assistant, tool")
        turns.append(_message(fields, role.text()))
    if results:
        turns.append(Message("user", tuple(results)))
    return tuple(turns)


def _message(fields: Fields, role: str) -> Message:
    parts: list[Part] = []
    if role == "assistant":
        parts += read_reasoning(fields)
    content = fields.take("content")
    if content is not None:
        parts += read_content(content)
    if role == "assistant":
        calls = fields.list("tool_calls")
        parts += [read_tool_call(node) for node in calls]
    extra = fields.rest
    if role == "developer":
        extra["_role"] = "developer"
    return Message(_ROLES[role], tuple(parts), kept("openai_chat", extra))


def read_reasoning(fields: Fields) -> list[Part]:
    """Take the reasoning text that some servers give, and remember what they call it."""
    found: list[Part] = []
    for name in ("reasoning_content", "reasoning"):
        node = fields.take(name)
        if node is not None and isinstance(node.value, str) and node.value and not found:
            extra: Extra = (
                {} if name == "reasoning_content" else kept("openai_chat", {"_field": name})
            )
            found.append(Reasoning(node.value, dialect="openai_chat", extra=extra))
    return found


def read_content(node: Node) -> list[Part]:
    """Read a message's content: a string or a list of parts."""
    if isinstance(node.value, str):
        return [Text(node.value)] if node.value else []
    return [_part(item) for item in node.items()]


def _part(node: Node) -> Part:
    fields = node.fields()
    kind = fields.need_text("type")
    if kind == "text":
        return Text(fields.need_text("text"), extra=kept("openai_chat", fields.rest))
    if kind == "image_url":
        image = fields.need("image_url").fields()
        url = image.need_text("url")
        extra = kept("openai_chat", {**image.rest, **fields.rest})
        media_type, data = split_data_url(url)
        if data is None:
            return Media("image", "image/*", url=url, extra=extra)
        return Media("image", media_type, data=data, extra=extra)
    if kind == "file":
        file = fields.need("file").fields()
        media_type, data = split_data_url(file.text("file_data") or "")
        if data is not None:
            name = file.text("filename")
            extra = kept("openai_chat", {**file.rest, **fields.rest})
            return Media("document", media_type, data=data, name=name, extra=extra)
    return Opaque("openai_chat", node.value)


def read_tool_call(node: Node) -> Part:
    """Read one whole tool call; a kind that is not ``function`` stays as it came."""
    fields = node.fields()
    if fields.text("type") not in (None, "function"):
        return Opaque("openai_chat", node.value)
    function = fields.need("function").fields()
    return ToolCall(
        fields.text("id") or "",
        function.need_text("name"),
        function.text("arguments") or "{}",
        signature_of(fields),
        extra=kept("openai_chat", fields.rest),
    )


def signature_of(fields: Fields) -> str | None:
    """Take a call's thought signature from where Google's own Chat endpoint puts it."""
    node = fields.take("extra_content")
    inner = node.value.get("google") if node and isinstance(node.value, dict) else None
    found = inner.get("thought_signature") if isinstance(inner, dict) else None
    return found if isinstance(found, str) and found else None


def _tool_result(fields: Fields) -> ToolResult:
    content = fields.take("content")
    parts = [] if content is None else read_content(content)
    simple = tuple(part for part in parts if isinstance(part, Text | Media))
    call_id = fields.need_text("tool_call_id")
    name = fields.text("name")
    return ToolResult(call_id, simple, name=name, extra=kept("openai_chat", fields.rest))


def _tool(node: Node) -> Tool:
    fields = node.fields()
    kind = fields.need_text("type")
    if kind != "function":
        named = node.value.get(kind)
        name = named.get("name") if isinstance(named, dict) else fields.text("name")
        return Tool(str(name or kind), "", None, extra={"openai_chat": node.object()})
    function = fields.need("function").fields()
    parameters = function.take("parameters")
    return Tool(
        name=function.need_text("name"),
        description=function.text("description") or "",
        parameters={"type": "object"} if parameters is None else parameters.object(),
        is_strict=function.boolean("strict") or False,
        extra=kept("openai_chat", function.rest),
    )


def _tool_choice(fields: Fields, extra: dict[str, Json]) -> ToolChoice | None:
    node = fields.take("tool_choice")
    is_parallel = fields.boolean("parallel_tool_calls")
    if node is None:
        return None if is_parallel is None else ToolChoice("auto", None, is_parallel)
    if node.value == "required":
        return ToolChoice("any", None, is_parallel)
    if node.value == "none":
        return ToolChoice("none", None, is_parallel)
    if isinstance(node.value, dict) and node.value.get("type") == "function":
        function = node.fields().need("function").fields()
        return ToolChoice("tool", function.need_text("name"), is_parallel)
    if node.value != "auto":
        extra["tool_choice"] = node.value
    return ToolChoice("auto", None, is_parallel)


def _schema(fields: Fields, extra: dict[str, Json]) -> ResponseSchema | None:
    node = fields.take("response_format")
    if node is None:
        return None
    shape = node.object().get("json_schema")
    if node.object().get("type") != "json_schema" or not isinstance(shape, dict):
        extra["response_format"] = node.value
        return None
    inner = Node(shape, f"{node.path}.json_schema").fields()
    schema = inner.take("schema")
    return ResponseSchema(
        inner.text("name") or "answer",
        {} if schema is None else schema.object(),
        inner.boolean("strict") or False,
    )
