"""The canonical request, written for a server that speaks Messages.

What the named model does not take (see ``family``) is left out and reported. Must not know how a
request is read, except to see whether what came is still what is meant.
"""

from __future__ import annotations

from masterplan.core.message import (
    Json,
    Loss,
    Message,
    Reasoning,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from masterplan.dialects.anthropic.block import BlockWriter, cache_control
from masterplan.dialects.anthropic.family import EFFORT_BUDGET, Family, family_of
from masterplan.dialects.anthropic.request_read import read_thinking
from masterplan.dialects.caching import limited
from masterplan.dialects.codec import WireRequest
from masterplan.dialects.gate import built_in, is_built_in
from masterplan.dialects.loss import Losses
from masterplan.dialects.names import wire_name
from masterplan.dialects.pairing import BEGINNING, paired
from masterplan.dialects.parameters import object_schema
from masterplan.dialects.wire import Node, dump_json, without_none

VERSION = "2023-06-01"
DEFAULT_MAX_TOKENS = 8192
LEAST_BUDGET = 1024


def write(request: Request) -> tuple[WireRequest, tuple[Loss, ...]]:
    """Return the bytes for a provider and what they could not carry."""
    writer = _Writer(request)
    body = writer.body()
    headers = {"content-type": "application/json", "anthropic-version": VERSION}
    headers |= writer.losses.notes(request.extra).get("headers", {})
    wire = WireRequest("/v1/messages", headers, dump_json(body), request.is_stream)
    return wire, writer.losses.as_tuple()


class _Writer:
    def __init__(self, request: Request) -> None:
        self.request = request
        self.losses = Losses("anthropic")
        self.family = family_of(request.model)
        self.blocks = BlockWriter(self.losses, request.model)

    def body(self) -> dict[str, Json]:
        request = self.request
        extra = dict(self.losses.own(request.extra, "$"))
        extra.pop("output_config", None)  # its note holds the whole of it
        notes = self.losses.notes(request.extra)
        raw = {name: notes.get(name) for name in ("thinking", "output_config")}
        system, turns = self._split_system()
        if request.seed is not None:
            self.losses.add("seed", "$.seed")
        fields: dict[str, Json] = {
            "model": request.model,
            "max_tokens": self._max_tokens(),
            "system": system or None,
            "messages": turns,
            "tools": [*map(self._tool, range(len(request.tools)))] or None,
            "tool_choice": self._tool_choice(),
            "stop_sequences": [*request.stop] or None,
            "stream": True if request.is_stream else None,
            **self._sampling(),
            **self._thinking(raw),
        }
        if isinstance(fields["tools"], list):
            fields["tools"] = [tool for tool in fields["tools"] if tool is not None] or None
        body = {**without_none(fields), **extra}
        limited(body, self.losses)
        return body

    def _max_tokens(self) -> int:
        return self.request.max_output_tokens or DEFAULT_MAX_TOKENS

    def _split_system(self) -> tuple[list[Json], list[Json]]:
        system: list[Json] = []
        turns: list[Json] = []
        for index, message in enumerate(paired(self.request.messages, self.losses)):
            where = f"$.messages[{index}]"
            own = self.losses.own(message.extra, where)
            blocks = self._content(message, where)
            if message.role == "system" and not turns:
                system += blocks
            elif blocks:
                turns.append({**self._turn(message, blocks, where), **own})
        if turns and turns[0]["role"] == "assistant":
            self.losses.add("conversation that begins with an answer", "$.messages[0]", "replaced")
            turns.insert(0, {"role": "user", "content": BEGINNING})
        return system, turns

    def _content(self, message: Message, where: str) -> list[Json]:
        blocks: list[Json] = []
        for index, part in enumerate(message.parts):
            place = f"{where}.parts[{index}]"
            if isinstance(part, Text) and not part.text.strip():
                if part.text:
                    self.losses.add("blank text", place)
                continue  # the API refuses empty and blank text blocks, and they say nothing
            block = self.blocks.block(part, place)
            if block is not None:
                blocks.append(block)
        return self._results_first(blocks, where) if message.role == "user" else blocks

    def _results_first(self, blocks: list[Json], where: str) -> list[Json]:
        """Put tool results before all else in their turn: the API refuses another order."""
        results = [block for block in blocks if block["type"] == "tool_result"]
        if not results or blocks[: len(results)] == results:
            return blocks
        self.losses.add("place of a tool result", where, "replaced")
        return [*results, *(block for block in blocks if block["type"] != "tool_result")]

    def _turn(self, message: Message, blocks: list[Json], where: str) -> dict[str, Json]:
        if message.role != "system" or self.family.takes_inline_system:
            return {"role": message.role, "content": blocks}
        self.losses.add("system message inside the conversation", where, "replaced")
        opened: Json = {"type": "text", "text": "<system>"}
        return {"role": "user", "content": [opened, *blocks, {"type": "text", "text": "</system>"}]}

    def _tool(self, index: int) -> Json | None:
        tool: Tool = self.request.tools[index]
        where = f"$.tools[{index}]"
        if is_built_in(tool):
            return built_in(tool, self.losses, where)
        own = self.losses.own(tool.extra, where)
        fields = {
            "name": wire_name(tool.name, "anthropic"),
            "description": tool.description or None,
            "input_schema": object_schema(tool.parameters, self.losses, where),
            "strict": True if tool.is_strict else None,
            "cache_control": cache_control(tool.cache),
        }
        return {**without_none(fields), **own}

    def _tool_choice(self) -> Json | None:
        choice = self.request.tool_choice
        if choice is None:
            return None
        fields: dict[str, Json] = {"type": choice.mode}
        if choice.mode == "tool":
            fields["name"] = wire_name(choice.name or "", "anthropic")
        if choice.is_parallel is not None and choice.mode != "none":
            fields["disable_parallel_tool_use"] = not choice.is_parallel
        return fields

    def _sampling(self) -> dict[str, Json]:
        request = self.request
        fields = without_none(
            {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.top_k}
        )
        if fields and not self.family.takes_sampling:
            for name in fields:
                self.losses.add(name, f"$.{name}")
            return {}
        return fields

    def _thinking(self, raw: dict[str, Json]) -> dict[str, Json]:
        request = self.request
        config = dict(raw["output_config"] or {})
        shape = request.schema
        if shape is None:
            config.pop("format", None)
        elif config.get("format", {}).get("schema") != shape.schema:
            config["format"] = {"type": "json_schema", "schema": shape.schema}
        if self._is_as_it_came(raw):
            fields = without_none({"thinking": raw["thinking"], "output_config": config or None})
        else:
            thinking, effort = self._derived()
            if raw["thinking"] not in (None, thinking) or config.pop("effort", effort) != effort:
                self.losses.add("thinking as the client asked for it", "$.effort", "replaced")
            if effort is not None:
                config["effort"] = effort
            fields = without_none({"thinking": thinking, "output_config": config or None})
        return self._without_conflicts(fields)

    def _is_as_it_came(self, raw: dict[str, Json]) -> bool:
        """Tell whether the client's own fields still say what is meant and the model takes them."""
        if raw["thinking"] is None and raw["output_config"] is None:
            return False
        nodes = [Node(value) if value is not None else None for value in raw.values()]
        thought = read_thinking(*nodes)
        request = self.request
        if (thought.effort, thought.tokens) != (request.effort, request.reasoning_tokens):
            return False
        kind = (raw["thinking"] or {}).get("type")
        effort = (raw["output_config"] or {}).get("effort")
        return _takes(self.family, kind, effort)

    def _derived(self) -> tuple[Json | None, str | None]:
        request, family = self.request, self.family
        effort = request.effort
        if effort == "none":
            return {"type": "disabled"}, None
        if effort is None and request.reasoning_tokens is None:
            return None, None
        wire = self._wire_effort()
        if family.takes_adaptive and (effort is not None or not family.takes_budget):
            if effort is None:
                self.losses.add("reasoning_tokens", "$.reasoning_tokens", "replaced")
            return {"type": "adaptive"}, wire
        if request.reasoning_tokens is None and wire is not None:
            return None, wire
        budget = request.reasoning_tokens or EFFORT_BUDGET[effort or "medium"]
        return self._budget(budget), wire

    def _wire_effort(self) -> str | None:
        effort = self.request.effort
        if effort is None or not self.family.efforts:
            return None
        if effort in self.family.efforts:
            return effort
        self.losses.add(f"effort {effort}", "$.effort", "replaced")
        return self.family.efforts[-1]

    def _budget(self, wanted: int) -> Json | None:
        room = self._max_tokens() - 1
        budget = max(min(wanted, room), LEAST_BUDGET)
        if budget > room:
            self.losses.add("reasoning (max_tokens leaves no room)", "$.reasoning_tokens")
            return None
        if budget != wanted:
            self.losses.add("reasoning_tokens", "$.reasoning_tokens", "replaced")
        return {"type": "enabled", "budget_tokens": budget}

    def _without_conflicts(self, fields: dict[str, Json]) -> dict[str, Json]:
        if (fields.get("thinking") or {}).get("type") != "enabled":
            return fields
        choice: ToolChoice | None = self.request.tool_choice
        is_forced = choice is not None and choice.mode in ("any", "tool")
        if is_forced or _loop_lacks_reasoning(self.request):
            self.losses.add("reasoning (not possible with this request)", "$.reasoning_tokens")
            del fields["thinking"]
        elif self.request.temperature not in (None, 1):
            self.losses.add("reasoning (not possible with a temperature)", "$.reasoning_tokens")
            del fields["thinking"]
        return fields


def _takes(family: Family, kind: str | None, effort: str | None) -> bool:
    if kind == "adaptive" and not family.takes_adaptive:
        return False
    if kind == "enabled" and not family.takes_budget:
        return False
    return effort is None or effort in family.efforts


def _loop_lacks_reasoning(request: Request) -> bool:
    """Tell whether a running tool loop began without reasoning, which the API then refuses."""
    turns = [m for m in request.messages if m.role != "system"]
    if not turns or not any(isinstance(part, ToolResult) for part in turns[-1].parts):
        return False
    before = next((m for m in reversed(turns) if m.role == "assistant"), None)
    if before is None or not any(isinstance(part, ToolCall) for part in before.parts):
        return False
    first = before.parts[0]
    return not (isinstance(first, Reasoning) and first.signature and first.dialect == "anthropic")
