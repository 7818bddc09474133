"""Content blocks of the Messages protocol, read and written, one function a kind.

Unknown blocks become ``Opaque`` and come back as they were. Must not know requests or streams.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Literal

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
from masterplan.core.model import is_same_model
from masterplan.dialects.carrier import SealedCall, joined, seal, seal_call, unsealed
from masterplan.dialects.gate import ATTRIBUTION, note_foreign
from masterplan.dialects.loss import Losses, kept
from masterplan.dialects.names import wire_id, wire_name
from masterplan.dialects.wire import (
    Fields,
    Node,
    dump_text,
    is_json_object,
    parse_json,
    without_none,
)

Cache = Literal["5m", "1h"] | None
_SIMPLE = (Text, Media)


def parse_content(node: Node) -> tuple[Part, ...]:
    """Read a message's content: a string or a list of blocks."""
    if isinstance(node.value, str):
        return (Text(node.value),)
    return joined(tuple([_client_block(item) for item in node.items()]))


def _client_block(node: Node) -> Part | SealedCall:
    """Read one block of a client's, who echoes what other protocols' models made."""
    part = parse_block(node)
    if isinstance(part, Text):
        is_theirs = part.text.startswith(ATTRIBUTION)
        return Opaque("anthropic", node.value) if is_theirs else part
    return unsealed(part) if isinstance(part, Reasoning) else part


def parse_block(node: Node) -> Part:
    """Read one block; a kind that is not known stays as it came."""
    raw = node.value
    if isinstance(raw, dict) and len(raw) == 2 and raw.get("type") == "text":
        text = raw.get("text")  # most blocks are this and no more
        if isinstance(text, str):
            return Text(text)
    fields = node.fields()
    kind = fields.need_text("type")
    reader = _READERS.get(kind)
    return reader(fields, node) if reader else Opaque("anthropic", node.value)


def take_cache(fields: Fields) -> tuple[Cache, dict[str, Json]]:
    """Take ``cache_control``; a form that is not known goes into the rest, to be sent again."""
    node = fields.take("cache_control")
    if node is None:
        return None, {}
    raw = node.object()
    if raw.get("type") != "ephemeral":
        return None, {"cache_control": raw}
    ttl = raw.get("ttl", "5m")
    cache: Cache = "1h" if ttl == "1h" else "5m"
    return cache, ({} if set(raw) <= {"type", "ttl"} else {"cache_control": raw})


def _left(fields: Fields, extra: dict[str, Json]) -> Extra:
    """Return what was not read, and what was read only in part."""
    return kept("anthropic", fields.rest | extra)


def cache_control(cache: Cache) -> Json:
    """Return the wire form of a cache breakpoint, or None."""
    if cache is None:
        return None
    return {"type": "ephemeral", "ttl": "1h"} if cache == "1h" else {"type": "ephemeral"}


def _text(fields: Fields, _: Node) -> Part:
    text = fields.need_text("text")
    cache, extra = take_cache(fields)
    return Text(text, cache, _left(fields, extra))


def _image(fields: Fields, node: Node) -> Part:
    source = fields.need("source").fields()
    kind = source.need_text("type")
    cache, extra = take_cache(fields)
    rest = _left(fields, extra)
    if kind == "base64":
        media_type = source.need_text("media_type")
        data = source.need_text("data")
        return Media("image", media_type, data=data, cache=cache, extra=rest)
    if kind == "url":
        return Media("image", "image/*", url=source.need_text("url"), cache=cache, extra=rest)
    return Opaque("anthropic", node.value)


def _document(fields: Fields, node: Node) -> Part:
    source = fields.need("source").fields()
    kind = source.need_text("type")
    name = fields.text("title")
    cache, extra = take_cache(fields)
    rest = _left(fields, extra)
    if kind == "url":
        url = source.need_text("url")
        return Media("document", "application/pdf", None, url, name, cache, rest)
    if kind not in ("base64", "text"):
        return Opaque("anthropic", node.value)
    media_type = source.text("media_type") or "text/plain"
    data = source.need_text("data")
    if kind == "text":
        data = base64.b64encode(data.encode("utf-8", "surrogatepass")).decode()
    return Media("document", media_type, data, None, name, cache, rest)


def _thinking(fields: Fields, _: Node) -> Part:
    text, signature = fields.need_text("thinking"), fields.text("signature") or None
    extra = kept("anthropic", fields.rest)
    return Reasoning(text, signature, dialect="anthropic", extra=extra)


def _redacted(fields: Fields, _: Node) -> Part:
    return Reasoning("", fields.need_text("data"), is_redacted=True, dialect="anthropic")


def _tool_use(fields: Fields, _: Node) -> Part:
    call_id, name = fields.need_text("id"), fields.need_text("name")
    node = fields.take("input")
    arguments = dump_text({} if node is None else node.object())
    cache, extra = take_cache(fields)
    return ToolCall(call_id, name, arguments, None, cache, _left(fields, extra))


def _tool_result(fields: Fields, _: Node) -> Part:
    call_id = fields.need_text("tool_use_id")
    is_error = fields.boolean("is_error") or False
    content = fields.take("content")
    cache, extra = take_cache(fields)
    parts: tuple[Part, ...] = () if content is None else parse_content(content)
    simple = tuple([part if isinstance(part, _SIMPLE) else _told(part) for part in parts])
    if content is not None and simple != parts:
        extra["_content"] = content.value
    return ToolResult(call_id, simple, is_error, None, cache, _left(fields, extra))


def _told(part: Part) -> Text:
    """Say in words what a block of a tool result holds that only this protocol has."""
    raw = part.raw if isinstance(part, Opaque) else {}
    if raw.get("type") == "tool_reference":
        return Text(f"The tool {raw.get('tool_name', '')} is loaded and can be called now.")
    if raw.get("type") == "search_result":
        said = [str(raw.get("title", "")), str(raw.get("source", ""))]
        inner = raw.get("content")
        said += [str(b.get("text", "")) for b in inner if isinstance(b, dict)] if inner else []
        return Text("\n".join(line for line in said if line))
    return Text(dump_text(raw) if raw else "")


_READERS: dict[str, Callable[[Fields, Node], Part]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}


class BlockWriter:
    """Writes parts as blocks for ``model`` and notes what cannot be carried.

    ``model`` is ``None`` towards a client, who gets reasoning whoever made it.
    """

    def __init__(self, losses: Losses, model: str | None) -> None:
        self._losses = losses
        self._model = model

    def block(self, part: Part, where: str) -> Json | None:
        """Return the block for a part, or None where it cannot be carried."""
        if isinstance(part, Text):
            fields = {"type": "text", "text": part.text}
            return self._with(fields, part.cache, part.extra, where)
        if isinstance(part, Media):
            return self._media(part, where)
        if isinstance(part, Reasoning):
            return self._reasoning(part, where)
        if isinstance(part, ToolCall):
            return self._tool_call(part, where)
        if isinstance(part, ToolResult):
            return self._tool_result(part, where)
        if part.dialect == "anthropic":
            return dict(part.raw)
        note_foreign(part, self._losses, where)
        return None

    def _with(self, fields: dict[str, Json], cache: Cache, extra: Extra, where: str) -> Json:
        own = self._losses.own(extra, where)
        return {**fields, **without_none({"cache_control": cache_control(cache)}), **own}

    def _media(self, part: Media, where: str) -> Json:
        source: dict[str, Json]
        if part.url is not None:
            source = {"type": "url", "url": part.url}
        elif part.kind == "document" and part.media_type == "text/plain":
            text = base64.b64decode(part.data or "").decode("utf-8", "surrogatepass")
            source = {"type": "text", "media_type": "text/plain", "data": text}
        else:
            source = {"type": "base64", "media_type": part.media_type, "data": part.data or ""}
        fields: dict[str, Json] = {"type": part.kind, "source": source}
        if part.name is not None and part.kind == "document":
            fields["title"] = part.name
        elif part.name is not None:
            self._losses.add("image name", where)
        return self._with(fields, part.cache, part.extra, where)

    def _reasoning(self, part: Reasoning, where: str) -> Json | None:
        if self._model is None:
            return shown_reasoning(part)
        own = self._losses.own(part.extra, where)
        is_ours = part.dialect == "anthropic" and part.signature is not None
        is_same = part.producer is None or is_same_model(part.producer, self._model)
        if is_ours and is_same:
            return _thinking_block(part, part.signature or "", own)
        self._losses.add("reasoning that this model did not sign", where)
        return None

    def _tool_call(self, part: ToolCall, where: str) -> Json:
        if part.signature is not None and self._model is not None:
            self._losses.add("thought signature", where)
        fields = {
            "type": "tool_use",
            "id": wire_id(part.id, "anthropic"),
            "name": part.name if self._model is None else wire_name(part.name, "anthropic"),
            "input": self._input(part, where),
        }
        return self._with(fields, part.cache, part.extra, where)

    def _input(self, part: ToolCall, where: str) -> Json:
        text = part.arguments.strip() or "{}"
        if is_json_object(text):
            return parse_json(text)
        self._losses.add("tool arguments that are not a JSON object", where, "replaced")
        return {"invalid_arguments": part.arguments}

    def _tool_result(self, part: ToolResult, where: str) -> Json:
        fields: dict[str, Json] = {
            "type": "tool_result",
            "tool_use_id": wire_id(part.call_id, "anthropic"),
        }
        blocks = [
            self.block(inner, f"{where}.parts[{index}]") for index, inner in enumerate(part.parts)
        ]
        if blocks:
            fields["content"] = blocks
        content = self._losses.notes(part.extra).get("content")
        if content is not None:
            fields["content"] = [*map(dict, content)]
        if part.is_error:
            fields["is_error"] = True
        return self._with(fields, part.cache, part.extra, where)


def shown_reasoning(part: Reasoning) -> Json:
    """Return the block that shows a client reasoning; what others signed is sealed in it."""
    own = part.extra.get("anthropic", {})
    if part.dialect == "anthropic":
        return _thinking_block(part, part.signature or "", own)
    return _thinking_block(part, seal(part, has_text=False), own)


def sealed_call(part: Part) -> Json | None:
    """Return the block that holds a call's signature for a client, to stand before the call."""
    if isinstance(part, ToolCall) and part.signature is not None:
        return {"type": "redacted_thinking", "data": seal_call(part)}
    return None


def _thinking_block(part: Reasoning, signature: str, own: dict[str, Json]) -> Json:
    if part.is_redacted:
        return {"type": "redacted_thinking", "data": signature, **own}
    return {"type": "thinking", "thinking": part.text, "signature": signature, **own}
