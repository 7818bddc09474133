"""Tools of the Responses protocol, read and written.

A custom (free-form) tool is a function of one text for every other dialect, a namespace's tools
carry its name; both come back as they were. What the provider runs itself stays as it came. Must
not know messages.
"""

from __future__ import annotations

from collections.abc import Iterable

from masterplan.core.message import Json, Tool, ToolChoice
from masterplan.dialects.gate import built_in, is_built_in
from masterplan.dialects.loss import Losses
from masterplan.dialects.names import wire_name
from masterplan.dialects.openai.family import is_openai
from masterplan.dialects.openai.shape import CHOICES, is_strict_there
from masterplan.dialects.openai_responses.content import DIALECT
from masterplan.dialects.openai_responses.item import joined_name, noted
from masterplan.dialects.openai_responses.item_write import note
from masterplan.dialects.parameters import object_schema
from masterplan.dialects.wire import Fields, Node, without_none


def read_tools(nodes: Iterable[Node], *, is_additional: bool = False) -> list[Tool]:
    """Read a list of tools; ``is_additional`` where it stands in an input item."""
    tools: list[Tool] = []
    for node in nodes:
        if node.object().get("type") == "namespace":
            tools += _namespace(node, is_additional)
        else:
            tools.append(_tool(node, {}, is_additional))
    return tools


def _namespace(node: Node, is_additional: bool) -> list[Tool]:
    fields = node.fields()
    inner = fields.list("tools")
    space = {"name": fields.need("name").text(), **fields.rest}
    space.pop("type", None)
    return [_tool(item, space, is_additional) for item in inner]


def _tool(node: Node, space: dict[str, Json], is_additional: bool) -> Tool:
    fields = node.fields()
    kind = fields.need("type").text()
    if kind not in ("function", "custom"):
        return Tool(kind, "", None, extra=noted(node.object(), additional=is_additional))
    name = fields.need("name").text()
    call = {"namespace": space["name"], "name": name} if space else {}
    description = fields.text("description") or ""
    strict = fields.boolean("strict")
    if kind == "custom":
        call = {"type": "custom_tool_call", **call}
        parameters = _free_text(fields.rest.get("format"))
    else:
        schema = fields.take("parameters")
        parameters = {"type": "object"} if schema is None else schema.object()
    unsaid = "unsaid" if strict is None else None
    notes: dict[str, Json] = {
        "call": call,
        "namespace": space,
        "additional": is_additional,
        "strict": unsaid,
    }
    return Tool(
        name=joined_name(space.get("name"), name),
        description=description,
        parameters=parameters,
        is_strict=strict or False,
        extra=noted(fields.rest, **notes),
    )


def _free_text(form: Json) -> Json:
    """Return the schema that stands for a free text; a grammar is told where it can be read."""
    raw = {"type": "string"}
    if isinstance(form, dict) and form.get("type") == "grammar":
        syntax, grammar = form.get("syntax", ""), form.get("definition", "")
        raw["description"] = f"The whole text must follow this {syntax} grammar:\n{grammar}"
    return {
        "type": "object",
        "properties": {"input": raw},
        "required": ["input"],
        "additionalProperties": False,
    }


def read_choice(fields: Fields, extra: dict[str, Json]) -> ToolChoice | None:
    """Take how tools may be used; a form that is not known is ``auto`` and kept as it came."""
    node = fields.take("tool_choice")
    is_parallel = fields.boolean("parallel_tool_calls")
    if node is None:
        return None if is_parallel is None else ToolChoice("auto", None, is_parallel)
    if node.value == "required":
        return ToolChoice("any", None, is_parallel)
    if node.value == "none":
        return ToolChoice("none", None, is_parallel)
    if isinstance(node.value, dict) and node.value.get("type") in ("function", "custom"):
        return ToolChoice("tool", node.fields().need("name").text(), is_parallel)
    if node.value != "auto":
        extra["tool_choice"] = node.value
    return ToolChoice("auto", None, is_parallel)


class ToolWriter:
    """Writes the tools of a request for ``model``."""

    def __init__(self, losses: Losses, model: str) -> None:
        self._losses = losses
        self._model = model

    def tools(self, tools: Iterable[Tool]) -> list[Json]:
        """Return the wire forms; tools of one namespace that follow each other stand in it."""
        written: list[Json] = []
        for index, tool in enumerate(tools):
            if tool.extra.get(DIALECT, {}).get("_additional"):
                continue
            wire = self._tool(tool, f"$.tools[{index}]")
            space = note(tool.extra, "namespace")
            if wire is None:
                continue
            if not space:
                written.append(wire)
            elif written and written[-1].get("name") == space["name"] and "tools" in written[-1]:
                written[-1]["tools"].append(wire)
            else:
                written.append({"type": "namespace", **space, "tools": [wire]})
        return written

    def _tool(self, tool: Tool, where: str) -> dict[str, Json] | None:
        if is_built_in(tool):
            return built_in(tool, self._losses, where)
        own = self._losses.own(tool.extra, where)
        if tool.cache is not None:
            self._losses.add("cache breakpoint", where)
        call = note(tool.extra, "call")
        name = call.get("name") or wire_name(tool.name, DIALECT)
        head = {"name": name, "description": tool.description or None}
        if call.get("type") == "custom_tool_call":
            return {"type": "custom", **without_none(head), **own}
        strict = self._strict(tool, where)
        fields = {**head, "parameters": self._parameters(tool, where), "strict": strict}
        return {"type": "function", **without_none(fields), **own}

    def _parameters(self, tool: Tool, where: str) -> Json:
        if DIALECT in tool.extra or not is_openai(self._model):
            return tool.parameters
        return object_schema(tool.parameters, self._losses, where)

    def _strict(self, tool: Tool, where: str) -> bool | None:
        if tool.extra.get(DIALECT, {}).get("_strict") == "unsaid":
            return None
        if tool.is_strict and not is_strict_there(tool.parameters, self._model):
            self._losses.add("strict tool (it has optional or open parts)", where, "replaced")
            return False
        return tool.is_strict

    def choice(self, choice: ToolChoice | None, own: dict[str, Json], tools: list[Json]) -> Json:
        """Return the fields that say how tools may be used; ``own`` is what the client wrote."""
        raw = own.pop("tool_choice", None)
        if choice is None:
            return {}
        fields: dict[str, Json] = without_none({"parallel_tool_calls": choice.is_parallel})
        if choice.mode == "tool":
            name = choice.name or ""
            is_custom = any(t.get("type") == "custom" and t.get("name") == name for t in tools)
            kind = "custom" if is_custom else "function"
            fields["tool_choice"] = {"type": kind, "name": wire_name(name, DIALECT)}
        else:
            fields["tool_choice"] = raw or CHOICES[choice.mode]
        return fields
