"""Content of the Responses protocol's messages and tool outputs, read and written.

A kind that is not known, or that points at a file the provider keeps, becomes ``Opaque``. Must not
know items.
"""

from __future__ import annotations

import mimetypes
from typing import Final

from masterplan.core.message import Json, Media, Opaque, Part, Text
from masterplan.core.model import Dialect
from masterplan.dialects.gate import note_foreign
from masterplan.dialects.loss import Losses, kept
from masterplan.dialects.openai.shape import data_url, split_data_url
from masterplan.dialects.wire import Fields, Node

DIALECT: Final[Dialect] = "openai_responses"
_TEXTS = frozenset({"input_text", "output_text", "text"})
_NAMELESS = "document"  # a file needs a name, and most other protocols give it none


def parse_content(node: Node) -> list[Part]:
    """Read a content: a string or a list of parts."""
    if isinstance(node.value, str):
        return [Text(node.value)] if node.value else []
    return [read_part(item) for item in node.items()]


def read_part(node: Node) -> Part:
    """Read one content part."""
    fields = node.fields()
    kind = fields.need_text("type")
    if kind in _TEXTS:
        text = fields.need_text("text")
        return Text(text, extra=kept(DIALECT, _said(fields)))
    if kind == "refusal":
        said = fields.need_text("refusal")
        return Text(said, extra=kept(DIALECT, {"is_refusal": True, **fields.rest}))
    if kind == "input_image":
        return _image(fields) or Opaque(DIALECT, node.value)
    if kind == "input_file":
        return _file(fields) or Opaque(DIALECT, node.value)
    return Opaque(DIALECT, node.value)


def is_content(raw: Json) -> bool:
    """Tell whether something opaque belongs inside a message and is no item of its own."""
    return str(raw.get("type", "")).startswith(("input_", "output_"))


def _said(fields: Fields) -> dict[str, Json]:
    """Return what stands beside a text; empty lists of annotations say nothing."""
    return {name: value for name, value in fields.rest.items() if value != []}


def _image(fields: Fields) -> Media | None:
    url = fields.text("image_url")
    if url is None:
        return None
    extra = kept(DIALECT, fields.rest)
    media_type, data = split_data_url(url)
    if data is None:
        return Media("image", "image/*", url=url, extra=extra)
    return Media("image", media_type, data=data, extra=extra)


def _file(fields: Fields) -> Media | None:
    address, content = fields.text("file_url"), fields.text("file_data")
    if address is None and content is None:
        return None
    name = fields.text("filename")
    extra = kept(DIALECT, fields.rest)
    if content is None:
        return Media("document", "application/pdf", None, address, name, None, extra)
    media_type, data = split_data_url(content)
    if data is None:  # bare base64 is taken as well
        guess, _ = mimetypes.guess_type(name or "")
        media_type, data = guess or "application/pdf", content
    return Media("document", media_type, data, None, name, None, extra)


class ContentWriter:
    """Writes texts and media as content parts and notes what cannot be carried."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses

    def content(self, part: Part, where: str, *, is_output: bool = False) -> list[Json]:
        """Return the content part for a part, or nothing where it cannot be carried.

        ``is_output`` writes what the model said, else what it is given.
        """
        if isinstance(part, Text):
            return self._text(part, where, is_output=is_output)
        if isinstance(part, Media) and not is_output:
            return [self._media(part, where)]
        if getattr(part, "dialect", None) == DIALECT and hasattr(part, "raw"):
            return [part.raw]
        if isinstance(part, Opaque):
            note_foreign(part, self._losses, where)
            return []
        self._losses.add(f"{type(part).__name__} part", where)
        return []

    def _text(self, part: Text, where: str, *, is_output: bool) -> list[Json]:
        self._cache(part.cache, where)
        own = dict(self._losses.own(part.extra, where))
        if not part.text:
            return []
        if own.pop("is_refusal", False) and is_output:
            return [{"type": "refusal", "refusal": part.text, **own}]
        if is_output:
            return [{"type": "output_text", "text": part.text, "annotations": [], **own}]
        return [{"type": "input_text", "text": part.text, **own}]

    def _media(self, part: Media, where: str) -> Json:
        self._cache(part.cache, where)
        own = self._losses.own(part.extra, where)
        if part.kind == "image":
            if part.name is not None:
                self._losses.add("image name", where)
            return {"type": "input_image", "image_url": data_url(part), **own}
        if part.url is not None:
            if part.name is not None:
                self._losses.add("document name", where)
            return {"type": "input_file", "file_url": part.url, **own}
        name = part.name or _NAMELESS
        return {"type": "input_file", "filename": name, "file_data": data_url(part), **own}

    def _cache(self, cache: str | None, where: str) -> None:
        if cache is not None:
            self._losses.add("cache breakpoint", where)
