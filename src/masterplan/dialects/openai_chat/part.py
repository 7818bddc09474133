"""Content parts of Chat Completions, written.

Must not know requests, answers or streams.
"""

from __future__ import annotations

import base64
import binascii

from masterplan.core.message import Json, Media, Opaque, Part, Text
from masterplan.dialects.gate import note_foreign
from masterplan.dialects.loss import Losses
from masterplan.dialects.openai.shape import data_url


class PartWriter:
    """Writes text and media as content parts and notes what cannot be carried."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses

    def content(self, part: Part, where: str) -> list[Json]:
        """Return the content part for a part, or nothing where it cannot be carried."""
        if isinstance(part, Text):
            self._cache(part.cache, where)
            own = self._losses.own(part.extra, where)
            return [{"type": "text", "text": part.text, **own}] if part.text else []
        if isinstance(part, Media):
            self._cache(part.cache, where)
            return self._media(part, where)
        raw = getattr(part, "raw", None)
        if raw is not None and getattr(part, "dialect", None) == "openai_chat":
            return [raw]
        if isinstance(part, Opaque):
            note_foreign(part, self._losses, where)
            return []
        self._losses.add(f"{type(part).__name__} part", where)
        return []

    def _cache(self, cache: str | None, where: str) -> None:
        if cache is not None:
            self._losses.add("cache breakpoint", where)

    def _media(self, part: Media, where: str) -> list[Json]:
        own = self._losses.own(part.extra, where)
        if part.kind == "image":
            if part.name is not None:
                self._losses.add("image name", where)
            return [{"type": "image_url", "image_url": {"url": data_url(part), **own}}]
        if part.url is not None:
            self._losses.add("document by address", where, "replaced")
            return [{"type": "text", "text": f"[document: {part.url}]"}]
        text = _text_of(part)
        if text is not None:
            self._losses.add("document as text", where, "replaced")
            return [{"type": "text", "text": f"[document {part.name or ''}]\n{text}"}]
        file: dict[str, Json] = {"file_data": data_url(part)}
        if part.name is not None:
            file["filename"] = part.name
        return [{"type": "file", "file": {**file, **own}}]


def _text_of(part: Media) -> str | None:
    """Return the text of a plain document: this protocol takes only PDF as a file."""
    if part.data is None or not part.media_type.startswith("text/"):
        return None
    try:
        return base64.b64decode(part.data).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
