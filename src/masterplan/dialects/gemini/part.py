"""Parts of Gemini contents, read and written; call ids where Gemini gives none.

Signatures are siblings of what they sign and stay with it. Must not know requests or streams.
"""

from __future__ import annotations

import re
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
from masterplan.dialects.carrier import seal
from masterplan.dialects.gate import note_foreign
from masterplan.dialects.loss import Losses, kept
from masterplan.dialects.names import made_id, wire_id, wire_name
from masterplan.dialects.wire import Fields, Node, dump_text, is_json_object, parse_json

DUMMY_SIGNATURE = "skip_thought_signature_validator"
"""What Google documents for calls in a history that another model made."""

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def both(name: str) -> tuple[str, str]:
    """Return a field's two spellings: the API takes camelCase and snake_case.

    >>> both("maxOutputTokens")
    ('maxOutputTokens', 'max_output_tokens')
    """
    return name, _HUMP.sub("_", name).lower()


def parse_part(node: Node, seed: str) -> Part:
    """Read one part; ``seed`` makes the id of a call that has none."""
    fields = node.fields()
    signature = fields.text(*both("thoughtSignature"))
    text = fields.take("text")
    if text is not None:
        return _text(fields, text.text(), signature)
    call = fields.take(*both("functionCall"))
    if call is not None:
        return _call(call.fields(), seed, signature, kept("gemini", fields.rest))
    result = fields.take(*both("functionResponse"))
    if result is not None:
        return _result(result, seed)
    inline = fields.take(*both("inlineData"))
    if inline is not None:
        return _media(inline.fields(), _signed(fields, signature))
    file = fields.take(*both("fileData"))
    if file is not None:
        inner = file.fields()
        media_type = inner.text(*both("mimeType")) or "application/octet-stream"
        uri = inner.need(*both("fileUri")).text()
        extra = _signed(fields, signature)
        return Media(_kind(media_type), media_type, url=uri, extra=extra)
    return Opaque("gemini", node.value)


def _text(fields: Fields, text: str, signature: str | None) -> Part:
    if fields.boolean("thought"):
        return Reasoning(text, signature, dialect="gemini", extra=kept("gemini", fields.rest))
    return Text(text, extra=_signed(fields, signature))


def _signed(fields: Fields, signature: str | None) -> Extra:
    own = {} if signature is None else {"thoughtSignature": signature}
    return kept("gemini", {**fields.rest, **own})


def _call(fields: Fields, seed: str, signature: str | None, extra: Extra) -> ToolCall:
    name = fields.need("name").text()
    args = fields.take("args")
    arguments = dump_text({} if args is None else args.object())
    call_id = fields.text("id") or made_id(seed, name)
    return ToolCall(call_id, name, arguments, signature, extra=extra)


def _result(node: Node, seed: str) -> ToolResult:
    fields = node.fields()
    name = fields.need("name").text()
    answer = fields.take("response")
    raw = {} if answer is None else answer.object()
    inner: list[Text | Media] = []
    text, is_error = _said(raw)
    if text:
        inner.append(Text(text))
    for item in fields.list("parts"):
        part = parse_part(item, seed)
        if isinstance(part, Text | Media):
            inner.append(part)
    call_id = fields.text("id") or ""
    extra = fields.rest
    if _answer(text, is_error) != raw:
        extra["response"] = raw
    return ToolResult(call_id, tuple(inner), is_error, name, extra=kept("gemini", extra))


def _said(raw: dict[str, Json]) -> tuple[str, bool]:
    if set(raw) == {"output"} and isinstance(raw["output"], str):
        return raw["output"], False
    if set(raw) == {"error"} and isinstance(raw["error"], str):
        return raw["error"], True
    return dump_text(raw), "error" in raw


def _answer(text: str, is_error: bool) -> dict[str, Json]:
    return {"error" if is_error else "output": text}


def _media(fields: Fields, extra: Extra) -> Media:
    media_type = fields.need(*both("mimeType")).text()
    data = fields.need("data").text()
    name = fields.text(*both("displayName"))
    return Media(_kind(media_type), media_type, data=data, name=name, extra=extra)


def _kind(media_type: str) -> Literal["image", "document"]:
    return "image" if media_type.startswith("image/") else "document"


class PartWriter:
    """Writes parts and notes what cannot be carried. ``names`` finds the tool of a call id.

    In an answer reasoning is shown whoever made it; in a request only Gemini's own is sent.
    """

    def __init__(
        self, losses: Losses, names: dict[str, str], *, takes_media: bool, is_answer: bool = False
    ) -> None:
        self._is_answer = is_answer
        self._losses = losses
        self._names = names
        self._takes_media = takes_media
        self._before_call: Reasoning | None = None

    def parts(self, part: Part, where: str) -> list[Json]:
        """Return the wire parts for a part, none where it cannot be carried."""
        cache = getattr(part, "cache", None)
        if cache is not None:
            self._losses.add("cache breakpoint", where)
        if isinstance(part, Text):
            return [{"text": part.text, **self._losses.own(part.extra, where)}]
        if isinstance(part, Media):
            return [self.media(part, where)]
        if isinstance(part, Reasoning):
            return self._reasoning(part, where)
        if isinstance(part, ToolCall):
            return [self._call(part, where)]
        if isinstance(part, ToolResult):
            return self._result(part, where)
        if part.dialect == "gemini":
            return [part.raw]
        note_foreign(part, self._losses, where)
        return []

    def media(self, part: Media, where: str) -> Json:
        """Return the wire part of an image or a document."""
        own = self._losses.own(part.extra, where)
        if part.url is not None:
            return {"fileData": {"mimeType": part.media_type, "fileUri": part.url}, **own}
        inline = {"mimeType": part.media_type, "data": part.data or ""}
        if part.name is not None:
            inline["displayName"] = part.name
        return {"inlineData": inline, **own}

    def _reasoning(self, part: Reasoning, where: str) -> list[Json]:
        if part.dialect != "gemini" and self._is_answer:
            return [self.sealed(part)]
        own = self._losses.own(part.extra, where)
        if part.dialect != "gemini":
            self._losses.add("reasoning that this model did not make", where)
            return []
        signed: dict[str, Json] = {}
        if part.signature is not None:
            signed["thoughtSignature"] = part.signature
        return [{"text": part.text, "thought": True, **signed, **own}]

    def sealed(self, part: Reasoning, *, has_text: bool = True) -> Json:
        """Return the part that shows a client another protocol's reasoning, sealed for its echo.

        Clients that leave thoughts out of their history still echo the signature of a call, so
        the call behind it carries the whole as well.
        """
        self._before_call = part
        text = part.text if has_text else ""
        return {"text": text, "thought": True, "thoughtSignature": seal(part, has_text=False)}

    def _call(self, part: ToolCall, where: str) -> Json:
        own = self._losses.own(part.extra, where)
        text = part.arguments.strip() or "{}"
        if is_json_object(text):
            args = parse_json(text)
        else:
            self._losses.add("tool arguments that are not a JSON object", where, "replaced")
            args = {"invalid_arguments": part.arguments}
        name = part.name if self._is_answer else wire_name(part.name, "gemini")
        call: Json = {"id": wire_id(part.id, "gemini"), "name": name, "args": args}
        signature = part.signature
        if signature is None and self._before_call is not None:
            signature, self._before_call = seal(self._before_call), None
        signed = {} if signature is None else {"thoughtSignature": signature}
        return {"functionCall": call, **signed, **own}

    def _result(self, part: ToolResult, where: str) -> list[Json]:
        own = dict(self._losses.own(part.extra, where))
        name = part.name or self._names.get(part.call_id)
        if name is None:
            self._losses.add("tool result without its call", where, "replaced")
            name = "unknown_tool"
        texts = [inner.text for inner in part.parts if isinstance(inner, Text)]
        media = [
            self.media(inner, f"{where}.parts[{i}]")
            for i, inner in enumerate(part.parts)
            if isinstance(inner, Media)
        ]
        if len(texts) > 1:
            self._losses.add("division of a tool result into texts", where, "replaced")
        answer = own.pop("response", None) or _answer("\n".join(texts), part.is_error)
        response: dict[str, Json] = {
            "id": wire_id(part.call_id, "gemini"),
            "name": wire_name(name, "gemini"),
            "response": answer,
            **own,
        }
        if media and self._takes_media:
            response["parts"] = media
        elif media:
            self._losses.add("media in a tool result", where, "replaced")
            return [{"functionResponse": response}, *media]
        return [{"functionResponse": response}]
