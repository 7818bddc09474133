"""The canonical request, written for generateContent.

Calls that another model made get the documented dummy signature where one is needed. Must not
know how a request is read, except to see whether what came is still what is meant.
"""

from __future__ import annotations

from masterplan.core.message import Json, Loss, Message, Request, Text, Tool, ToolCall
from masterplan.dialects.codec import WireRequest
from masterplan.dialects.gate import built_in, is_built_in
from masterplan.dialects.gemini.family import EFFORT_BUDGET, family_of, level_of
from masterplan.dialects.gemini.part import DUMMY_SIGNATURE, PartWriter
from masterplan.dialects.gemini.reference import inlined
from masterplan.dialects.gemini.request_read import read_thinking
from masterplan.dialects.gemini.schema import to_gemini
from masterplan.dialects.loss import Losses
from masterplan.dialects.names import wire_name
from masterplan.dialects.pairing import BEGINNING, paired
from masterplan.dialects.wire import Node, dump_json, without_none


def write(request: Request) -> tuple[WireRequest, tuple[Loss, ...]]:
    """Return the bytes for a provider and what they could not carry."""
    writer = _Writer(request)
    verb = "streamGenerateContent?alt=sse" if request.is_stream else "generateContent"
    model = request.model.removeprefix("models/")
    path = f"/v1beta/models/{model}:{verb}"
    headers = {"content-type": "application/json"}
    wire = WireRequest(path, headers, dump_json(writer.body()), request.is_stream)
    return wire, writer.losses.as_tuple()


class _Writer:
    def __init__(self, request: Request) -> None:
        self.request = request
        self.losses = Losses("gemini")
        self.family = family_of(request.model)
        calls = [
            part
            for message in request.messages
            for part in message.parts
            if isinstance(part, ToolCall)
        ]
        names = {call.id: call.name for call in calls}
        self.parts = PartWriter(self.losses, names, takes_media=self.family.takes_media_in_results)

    def body(self) -> dict[str, Json]:
        request = self.request
        extra = dict(self.losses.own(request.extra, "$"))
        raw_thinking = self.losses.notes(request.extra).get("thinkingConfig")
        raw_config = extra.pop("generationConfig", {})
        raw_choice = extra.pop("toolConfig", None)
        system, contents = self._contents()
        shape = request.schema
        config: dict[str, Json] = {
            "maxOutputTokens": request.max_output_tokens,
            "temperature": request.temperature,
            "topP": request.top_p,
            "topK": request.top_k,
            "seed": request.seed,
            "stopSequences": [*request.stop] or None,
            "responseMimeType": None if shape is None else "application/json",
            "responseJsonSchema": None if shape is None else self._schema(shape.schema, "$.schema"),
            "thinkingConfig": self._thinking(raw_thinking),
        }
        fields: dict[str, Json] = {
            "contents": contents,
            "systemInstruction": {"parts": system} if system else None,
            "tools": self._tools() or None,
            "toolConfig": raw_choice or self._choice(),
            "generationConfig": {**without_none(config), **raw_config} or None,
        }
        return {**without_none(fields), **extra}

    def _contents(self) -> tuple[list[Json], list[Json]]:
        system: list[Json] = []
        contents: list[Json] = []
        for index, message in enumerate(paired(self.request.messages, self.losses)):
            where = f"$.messages[{index}]"
            own = self.losses.own(message.extra, where)
            parts = self._parts(message, where)
            if message.role == "system" and not contents:
                system += parts
            elif message.role == "system":
                self.losses.add("system message inside the conversation", where, "replaced")
                wrapped = [{"text": "<system>"}, *parts, {"text": "</system>"}]
                contents.append({"role": "user", "parts": wrapped})
            elif parts:
                role = "model" if message.role == "assistant" else "user"
                _add(contents, {"role": role, "parts": parts, **own})
        if contents and contents[0]["role"] == "model":
            self.losses.add("conversation that begins with an answer", "$.messages[0]", "replaced")
            contents.insert(0, {"role": "user", "parts": [{"text": BEGINNING}]})
        return system, contents

    def _parts(self, message: Message, where: str) -> list[Json]:
        parts: list[Json] = []
        for index, part in enumerate(message.parts):
            if isinstance(part, Text) and not part.text and not part.extra:
                continue  # says nothing, and an empty part is refused
            parts += self.parts.parts(part, f"{where}.parts[{index}]")
        first = next((part for part in parts if "functionCall" in part), None)
        if first is not None and self.family.needs_signatures and "thoughtSignature" not in first:
            first["thoughtSignature"] = DUMMY_SIGNATURE
        return parts

    def _tools(self) -> list[Json]:
        declared: list[Json] = []
        own_tools: list[Json] = []
        for index, tool in enumerate(self.request.tools):
            where = f"$.tools[{index}]"
            if is_built_in(tool):
                own_tools += [own] if (own := built_in(tool, self.losses, where)) else []
                continue
            if tool.cache is not None:
                self.losses.add("cache breakpoint", where)
            own = self.losses.own(tool.extra, where)
            declared.append({**self._declaration(tool, where), **own})
        return [*([{"functionDeclarations": declared}] if declared else []), *own_tools]

    def _declaration(self, tool: Tool, where: str) -> dict[str, Json]:
        if tool.is_strict:
            self.losses.add("strict tool", where)
        fields = {
            "name": wire_name(tool.name, "gemini"),
            "description": tool.description or None,
            "parametersJsonSchema": self._schema(tool.parameters, f"{where}.parameters"),
        }
        return without_none(fields)

    def _schema(self, schema: Json, where: str) -> Json:
        return to_gemini(inlined(schema, self.losses, where), self.losses, where)

    def _choice(self) -> Json | None:
        choice = self.request.tool_choice
        if choice is None:
            return None
        if choice.is_parallel is not None:
            self.losses.add("parallel tool use", "$.tool_choice.is_parallel")
        mode = {"auto": "AUTO", "any": "ANY", "none": "NONE", "tool": "ANY"}[choice.mode]
        config: dict[str, Json] = {"mode": mode}
        if choice.mode == "tool":
            config["allowedFunctionNames"] = [wire_name(choice.name or "", "gemini")]
        return {"functionCallingConfig": config}

    def _thinking(self, raw: Json) -> Json | None:
        request, family = self.request, self.family
        if raw is not None:
            thought = read_thinking(Node(raw))
            meant = (request.effort, request.reasoning_tokens)
            has_level = "thinkingLevel" in raw or "thinking_level" in raw
            if (thought.effort, thought.tokens) == meant and (family.levels or not has_level):
                return raw
        if request.reasoning_tokens is not None:
            return self._budget(request.reasoning_tokens)
        if request.effort is None:
            return None
        if not family.levels:
            return self._budget(EFFORT_BUDGET.get(request.effort, 0))
        level, is_exact = level_of(request.effort, family.levels)
        if not is_exact:
            self.losses.add(f"effort {request.effort}", "$.effort", "replaced")
        shown = {} if request.effort == "none" else {"includeThoughts": True}
        return {"thinkingLevel": level, **shown}

    def _budget(self, wanted: int) -> Json:
        budget = min(max(wanted, self.family.least_budget), self.family.most_budget)
        if budget != wanted:
            self.losses.add("reasoning_tokens", "$.reasoning_tokens", "replaced")
        return {"thinkingBudget": budget, **({"includeThoughts": True} if wanted else {})}


def _add(contents: list[Json], turn: dict[str, Json]) -> None:
    """Add a turn; it joins the one before where Gemini wants both in one.

    A call must come right behind a user's turn, and the results of parallel calls together.
    """
    before = contents[-1] if contents else None
    is_alike = before is not None and before["role"] == turn["role"]
    if before is not None and is_alike and {*before, *turn} == {"role", "parts"}:
        all_parts = [*before["parts"], *turn["parts"]]
        if turn["role"] == "model" or all("functionResponse" in part for part in all_parts):
            before["parts"] = all_parts
            return
    contents.append(turn)
