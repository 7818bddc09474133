"""One output item of a Responses stream while it grows: which texts came and what is left.

Servers send deltas, or the whole at once, or both; each text is taken once. Must not know events'
names.
"""

from __future__ import annotations

from dataclasses import replace

from masterplan.core.errors import DialectError
from masterplan.core.message import (
    Json,
    Opaque,
    Part,
    PartDelta,
    Reasoning,
    StreamEvent,
    Text,
    ToolCall,
)
from masterplan.dialects.loss import kept
from masterplan.dialects.openai_responses.content import DIALECT
from masterplan.dialects.openai_responses.item import Origin, message_note, parse_item
from masterplan.dialects.openai_responses.response import is_refusal, signed
from masterplan.dialects.sequence import Sequencer
from masterplan.dialects.wire import Node

_WHOLE = -1  # the place of an item that has no content parts


def mistake(what: str) -> DialectError:
    """Return the error for a stream that is out of order."""
    return DialectError("dialect.stream_order", f"the provider's stream is out of order: {what}")


class GrowingItem:
    """An item that began; its parts are opened, grown and closed in ``parts``."""

    def __init__(self, node: Node, origin: Origin, model: str, parts: Sequencer) -> None:
        self.kind = str(node.object().get("type"))
        self.is_done = False
        self.has_refusal = False
        self.has_annotations = False
        self._origin = origin
        self._model = model
        self._parts = parts
        self._key: tuple[int, int] | None = None
        self._texts: list[str] = []
        self._note = message_note(node, origin) if self.kind == "message" else {}

    def begin(self, node: Node) -> list[StreamEvent]:
        """Open the part of an item that can grow; others open with their content or their end."""
        if self.kind not in ("function_call", "custom_tool_call", "reasoning"):
            return []
        return self._open(_WHOLE, _emptied(self._read(node)))

    def content(self, place: int, *, is_refusal: bool = False) -> list[StreamEvent]:
        """Open a content part of a message, where it is new."""
        if self._key is not None and self._key[1] == place and self._parts.is_open(self._key):
            return []
        if self._key is not None and place <= self._key[1]:
            raise mistake("a content part grew after it was whole")
        own: dict[str, Json] = {"is_refusal": True} if is_refusal else {}
        if self._note and place == 0:
            own["_item"] = self._note
        self.has_refusal = self.has_refusal or is_refusal
        return self._open(place, Text("", extra=kept(DIALECT, own)))

    def grow(self, text: str) -> list[StreamEvent]:
        """Add to the part that is open."""
        self._texts.append(text)
        return self._parts.grow(self._opened(), PartDelta(0, text))

    def annotate(self, annotation: Json) -> list[StreamEvent]:
        """Add an annotation to the text that is open."""
        self.has_annotations = True
        extra = kept(DIALECT, {"annotations": [annotation]})
        return self._parts.grow(self._opened(), PartDelta(0, extra=extra))

    def rest(self, whole: str) -> list[StreamEvent]:
        """Add what of a whole text has not come yet."""
        so_far = self.so_far
        if not whole or whole == so_far:
            return []
        if not whole.startswith(so_far):
            raise mistake("an output item is not what its deltas were")
        return self.grow(whole[len(so_far) :])

    @property
    def has_text(self) -> bool:
        """Tell whether anything came for the part that is open."""
        return bool(self._texts)

    @property
    def so_far(self) -> str:
        """The text that came for the part that is open."""
        return "".join(self._texts)

    def end(self, node: Node) -> list[StreamEvent]:
        """Complete the item with what it says whole, and close it."""
        self.is_done = True
        if self.kind == "message":
            return self._end_message(node)
        part = self._read(node)
        if self._key is None:
            events = self._open(_WHOLE, part)
            return [*events, *self._parts.close(self._opened())]
        if not self._parts.is_open(self._key):
            return self._end_late(part)
        events = []
        if isinstance(part, ToolCall):
            events = self.rest("" if part.arguments == "{}" else part.arguments)
        elif isinstance(part, Reasoning):
            events = self.rest(part.text) if part.text.startswith(self.so_far) else []
            if part.signature or part.extra:
                delta = PartDelta(0, "", part.signature, part.extra)
                events += self._parts.grow(self._key, delta)
        return [*events, *self._parts.close(self._key)]

    def _end_late(self, part: Part) -> list[StreamEvent]:
        """Accept the end of an item behind which another began, where nothing is missing."""
        if isinstance(part, ToolCall) and part.arguments != self.so_far:
            raise mistake("a tool call grew after it was whole")
        return []

    def _end_message(self, node: Node) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for place, part in enumerate(parse_item(node, self._origin)):
            if not isinstance(part, Text):
                continue
            if self._key is None or self._key[1] < place:
                self.has_refusal = self.has_refusal or is_refusal(part)
                events += self._open(place, replace(part, text=""))
                events += self.rest(part.text)
            elif self._key[1] == place and self._parts.is_open(self._key):
                events += [*self.rest(part.text), *self._said_beside(part)]
        if self._key is not None and self._parts.is_open(self._key):
            events += self._parts.close(self._key)
        return events

    def _said_beside(self, part: Text) -> list[StreamEvent]:
        """Return what the whole message says beside its text and no event said before."""
        known = {"is_refusal", "_item"} | ({"annotations"} if self.has_annotations else set())
        own = {k: v for k, v in part.extra.get(DIALECT, {}).items() if k not in known}
        return self._parts.grow(self._opened(), PartDelta(0, extra={DIALECT: own})) if own else []

    def _read(self, node: Node) -> Part:
        parts = parse_item(node, self._origin)
        return signed(parts[0], self._model) if parts else Opaque(DIALECT, node.value)

    def _open(self, place: int, part: Part) -> list[StreamEvent]:
        self._key, self._texts = (self._origin[1], place), []
        return self._parts.open(self._key, part)

    def _opened(self) -> tuple[int, int]:
        if self._key is None or not self._parts.is_open(self._key):
            raise mistake("an output item grew after it was whole")
        return self._key


def _emptied(part: Part) -> Part:
    """Return a part as it begins: what it holds comes as deltas or with the whole item."""
    if isinstance(part, ToolCall):
        return replace(part, arguments="")
    if isinstance(part, Reasoning):
        return replace(part, text="", signature=None)
    return part
