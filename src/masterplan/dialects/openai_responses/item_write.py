"""Parts, written as items of the Responses protocol, for a provider or for a client.

Must not know requests, answers or streams.
"""

from __future__ import annotations

from masterplan.core.message import Extra, Json, Reasoning, ToolCall, ToolResult
from masterplan.core.model import is_same_model
from masterplan.dialects.carrier import seal, seal_call
from masterplan.dialects.loss import Losses
from masterplan.dialects.names import wire_id, wire_name
from masterplan.dialects.openai_responses.content import DIALECT, ContentWriter
from masterplan.dialects.wire import is_json_object, parse_json


def note(extra: Extra, name: str) -> dict[str, Json]:
    """Return what this dialect's reader noted under a name; empty where it did not."""
    found = extra.get(DIALECT, {}).get(f"_{name}")
    return found if isinstance(found, dict) else {}


class ItemWriter:
    """Writes parts as items and notes what cannot be carried.

    ``model`` is ``None`` towards a client, who gets reasoning whoever made it.
    """

    def __init__(self, losses: Losses, model: str | None) -> None:
        self._losses = losses
        self._model = model
        self.contents = ContentWriter(losses)

    def call(self, part: ToolCall, where: str) -> dict[str, Json]:
        """Return the item of a tool call, without an id of its own unless it came with one."""
        own = self._losses.own(part.extra, where)
        if part.signature is not None and self._model is not None:
            self._losses.add("thought signature", where)
        if part.cache is not None:
            self._losses.add("cache breakpoint", where)
        item = self.head(part)
        if item["type"] == "custom_tool_call":
            item["input"] = self.custom_input(part.arguments, where)
        else:
            item["arguments"] = part.arguments or "{}"
        return {**item, **note(part.extra, "item"), **own}

    def head(self, part: ToolCall) -> dict[str, Json]:
        """Return the item of a call without what it is called with."""
        form = note(part.extra, "call")
        item: dict[str, Json] = {
            "type": form.get("type", "function_call"),
            "call_id": wire_id(part.id, DIALECT),
            "name": form.get("name") or self._name(part),
        }
        if "namespace" in form:
            item["namespace"] = form["namespace"]
        return item

    def _name(self, part: ToolCall) -> str:
        return part.name if self._model is None else wire_name(part.name, DIALECT)

    def custom_input(self, arguments: str, where: str) -> str:
        """Return the free text for a custom tool out of the arguments that stand for it."""
        raw = parse_json(arguments) if is_json_object(arguments) else {}
        text = raw.get("input")
        if isinstance(text, str):
            if len(raw) > 1:
                self._losses.add("arguments of a custom tool beside its input", where)
            return text
        if arguments.strip():
            self._losses.add("arguments of a custom tool without its input", where, "replaced")
        return arguments

    def output(self, part: ToolResult, where: str) -> dict[str, Json]:
        """Return the item of a tool result."""
        own = self._losses.own(part.extra, where)
        if part.is_error:
            self._losses.add("is_error", where)
        if part.cache is not None:
            self._losses.add("cache breakpoint", where)
        contents: list[Json] = []
        for index, inner in enumerate(part.parts):
            contents += self.contents.content(inner, f"{where}.parts[{index}]")
        item = {
            "type": "function_call_output",
            "call_id": wire_id(part.call_id, DIALECT),
            "output": _flat(contents),
        }
        return {**item, **note(part.extra, "call"), **note(part.extra, "item"), **own}

    def reasoning(self, part: Reasoning, where: str) -> dict[str, Json] | None:
        """Return the item of reasoning, or None where this model did not make it."""
        own = self._losses.own(part.extra, where)
        is_ours = part.dialect == DIALECT
        is_same = part.producer is None or is_same_model(part.producer, self._model or "")
        if self._model is not None and not (is_ours and is_same):
            self._losses.add("reasoning that this model did not make", where)
            return None
        item: dict[str, Json] = {"type": "reasoning", **_summary(part)}
        if is_ours and part.signature is not None:
            item["encrypted_content"] = part.signature
        elif not is_ours and part.dialect is not None:
            item["encrypted_content"] = seal(part, has_text=False)
        return {**item, **note(part.extra, "item"), **own}

    def sealed_call(self, part: ToolCall) -> dict[str, Json]:
        """Return a reasoning item that brings a call's signature back with the client's echo."""
        return {"type": "reasoning", "summary": [], "encrypted_content": seal_call(part)}


def _summary(part: Reasoning) -> dict[str, Json]:
    texts = note(part.extra, "texts")
    if texts:
        return texts
    return {"summary": [{"type": "summary_text", "text": part.text}] if part.text else []}


def _flat(contents: list[Json]) -> Json:
    """Return a lone plain text as a string, as it mostly comes, else the list."""
    if not contents:
        return ""
    if len(contents) == 1 and set(contents[0]) == {"type", "text"}:
        return contents[0]["text"]
    return contents
