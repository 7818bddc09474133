"""What a dialect or a model cannot take at all, seen before a request is written for it.

``refusal`` names why a route must not be taken; ``without_media`` makes a request that a model
without eyes can read. Must not know which models exist.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace

from masterplan.core.message import (
    Json,
    Loss,
    Media,
    Opaque,
    Part,
    Request,
    Text,
    Tool,
    ToolResult,
)
from masterplan.core.model import Dialect
from masterplan.dialects.loss import Losses

PLACEHOLDER = "DeferredToolPlaceholder"
"""A tool of Claude Code's that does nothing: it only keeps the loading of tools switched on."""

ATTRIBUTION = "x-anthropic-billing-header:"
"""How the block begins that Claude Code writes for Anthropic alone; its place must not change."""

_STATE: dict[Dialect, dict[str, str]] = {
    "openai_responses": {
        "previous_response_id": "conversation kept by the provider",
        "conversation": "conversation kept by the provider",
        "prompt": "prompt kept by the provider",
        "background": "background answer",
        "_kept_there": "item kept by the provider",
    },
    "anthropic": {"container": "container kept by the provider"},
    "gemini": {"cachedContent": "content kept by the provider"},
}
"""Fields that point at what only the provider has: without it the request means something else."""


def refusal(request: Request, dialect: Dialect) -> str | None:
    """Return what makes this dialect unable to serve the request, or None.

    Less than that (one built-in tool among many) is a loss and no refusal.
    """
    for owner, fields in _STATE.items():
        if owner != dialect:
            own = request.extra.get(owner, {})
            for name, what in fields.items():
                if own.get(name):
                    return f"{what} ({name.removeprefix('_')})"
    foreign = [t for t in request.tools if is_built_in(t) and dialect not in t.extra]
    foreign = [tool for tool in foreign if tool.name != PLACEHOLDER]
    choice = request.tool_choice
    is_forced = choice is not None and choice.mode == "tool"
    for tool in foreign:
        is_only = all(is_built_in(other) and dialect not in other.extra for other in request.tools)
        if is_only or (is_forced and choice is not None and choice.name == tool.name):
            return f"built-in tool {tool.name}"
    return None


def is_built_in(tool: Tool) -> bool:
    """Tell whether a tool is one that its protocol defines; it has no schema of its own."""
    return tool.parameters is None


def built_in(tool: Tool, losses: Losses, where: str) -> dict[str, Json] | None:
    """Return the wire form of a built-in tool; one of another dialect is a loss."""
    own = tool.extra.get(losses.dialect)
    if own is None and tool.name != PLACEHOLDER:
        losses.add(f"built-in tool {tool.name}", where)
    return own


def with_headers(request: Request, dialect: Dialect, headers: Mapping[str, str]) -> Request:
    """Return the request with what its client said beside the body, for its own dialect alone.

    Fields of a body and the headers that switch them on travel together or not at all.
    """
    own = {**request.extra.get(dialect, {}), "_headers": dict(headers)}
    return replace(request, extra={**request.extra, dialect: own})


def note_foreign(part: Opaque, losses: Losses, where: str) -> None:
    """Note a part that only another dialect understands; what was for its maker alone is none."""
    raw = part.raw if isinstance(part.raw, dict) else {}
    if not str(raw.get("text", "")).startswith(ATTRIBUTION):
        kind = raw.get("type") or next(iter(raw), "unknown")
        losses.add(f"{kind} part (of {part.dialect})", where)


def without_media(request: Request) -> tuple[Request, tuple[Loss, ...]]:
    """Return the request for a model that reads text only: each picture says that it was there."""
    seen = _Blind()
    messages = tuple(
        replace(message, parts=tuple(seen.part(p, f"$.messages[{i}]") for p in message.parts))
        for i, message in enumerate(request.messages)
    )
    return replace(request, messages=messages), tuple(
        Loss(what, where, "replaced", count) for what, (where, count) in seen.met.items()
    )


class _Blind:
    def __init__(self) -> None:
        self.met: dict[str, tuple[str, int]] = {}

    def part(self, part: Part, where: str) -> Part:
        if isinstance(part, Media):
            return self._text(part, where)
        if isinstance(part, ToolResult):
            inner = tuple(
                self._text(item, where) if isinstance(item, Media) else item for item in part.parts
            )
            return replace(part, parts=inner)
        return part

    def _text(self, part: Media, where: str) -> Text:
        name = f" {part.name}" if part.name else ""
        if part.media_type.startswith("text/") and part.data is not None:
            try:
                return Text(base64.b64decode(part.data).decode(), part.cache)
            except (binascii.Error, UnicodeDecodeError):
                pass
        place, count = self.met.get(f"{part.kind} for a model that reads text only", (where, 0))
        self.met[f"{part.kind} for a model that reads text only"] = (place, count + 1)
        return Text(f"[{part.kind}{name}: not shown, this model reads text only]", part.cache)
