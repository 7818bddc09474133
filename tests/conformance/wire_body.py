"""Client requests by hand, in each dialect's own words: turns, calls, results, tools, limits.

Independent of our own writers, so that a mistake shared by a reader and a writer shows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from masterplan.core.model import Dialect

Json = Any

PATHS: dict[Dialect, str] = {
    "anthropic": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/asked-model:generateContent",
}
PIXEL = "iVBORw0KGgo="
PLAIN: Json = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}


@dataclass(frozen=True)
class Call:
    """A tool call of a history; Gemini's history may leave the id out."""

    id: str
    name: str = "read"
    arguments: Json = field(default_factory=lambda: {"path": "a"})


@dataclass(frozen=True)
class Result:
    """The answer to a call; ``image`` puts a picture beside the text."""

    call: Call
    text: str
    is_error: bool = False
    image: str | None = None


def user(client: Dialect, text: str) -> list[Json]:
    if client == "gemini":
        return [{"role": "user", "parts": [{"text": text}]}]
    return [{"role": "user", "content": text}]


def system(client: Dialect, text: str) -> list[Json]:
    """A system message where it stands in the conversation; Gemini has none."""
    if client == "openai_responses":
        inner = [{"type": "input_text", "text": text}]
        return [{"type": "message", "role": "developer", "content": inner}]
    return [] if client == "gemini" else [{"role": "system", "content": text}]


def assistant(client: Dialect, text: str, *calls: Call) -> list[Json]:
    if client == "anthropic":
        blocks: list[Json] = [{"type": "text", "text": text}] if text else []
        for call in calls:
            use = {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
            blocks.append(use)
        return [{"role": "assistant", "content": blocks}]
    if client == "openai_chat":
        made = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in calls
        ]
        more = {"tool_calls": made} if made else {}
        return [{"role": "assistant", "content": text or None, **more}]
    if client == "openai_responses":
        inner = [{"type": "output_text", "text": text, "annotations": []}]
        said = [{"type": "message", "role": "assistant", "content": inner}] if text else []
        return [*said, *(_function_call(call) for call in calls)]
    parts: list[Json] = [{"text": text}] if text else []
    for call in calls:
        parts.append({"functionCall": {"name": call.name, "args": call.arguments}})
    return [{"role": "model", "parts": parts}]


def _function_call(call: Call) -> Json:
    arguments = json.dumps(call.arguments)
    return {
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": arguments,
    }


def results(client: Dialect, *found: Result, text: str = "") -> list[Json]:
    """One turn of results, with a text of the user's behind them."""
    if client == "anthropic":
        blocks = [_anthropic_result(result) for result in found]
        return [{"role": "user", "content": blocks + _texts(text)}]
    if client == "openai_chat":
        turns = [
            {"role": "tool", "tool_call_id": one.call.id, "content": one.text} for one in found
        ]
        return [*turns, *(user(client, text) if text else [])]
    if client == "openai_responses":
        items = [
            {"type": "function_call_output", "call_id": one.call.id, "output": _output(one)}
            for one in found
        ]
        return [*items, *(user(client, text) if text else [])]
    parts: list[Json] = [_function_response(one) for one in found]
    return [{"role": "user", "parts": parts + ([{"text": text}] if text else [])}]


def _texts(text: str) -> list[Json]:
    return [{"type": "text", "text": text}] if text else []


def _anthropic_result(result: Result) -> Json:
    content = _texts(result.text)
    if result.image:
        source = {"type": "base64", "media_type": "image/png", "data": result.image}
        content.append({"type": "image", "source": source})
    said = {"type": "tool_result", "tool_use_id": result.call.id, "content": content}
    return {**said, "is_error": True} if result.is_error else said


def _output(result: Result) -> Json:
    if not result.image:
        return result.text
    url = f"data:image/png;base64,{result.image}"
    return [
        {"type": "input_text", "text": result.text},
        {"type": "input_image", "image_url": url},
    ]


def _function_response(result: Result) -> Json:
    answer = {"error" if result.is_error else "output": result.text}
    response: Json = {"name": result.call.name, "response": answer}
    if result.image:
        inline = {"mimeType": "image/png", "data": result.image}
        response["parts"] = [{"inlineData": inline}]
    return {"functionResponse": response}


def tool(client: Dialect, name: str, schema: Json = None, **more: Json) -> Json:
    """One function tool, in the client's form."""
    schema = PLAIN if schema is None else schema
    if client == "anthropic":
        return {"name": name, "description": "d", "input_schema": schema, **more}
    if client == "openai_chat":
        function = {"name": name, "description": "d", "parameters": schema, **more}
        return {"type": "function", "function": function}
    if client == "openai_responses":
        said = {"type": "function", "name": name, "description": "d", "strict": False}
        return {**said, "parameters": schema, **more}
    return {"name": name, "description": "d", "parametersJsonSchema": schema, **more}


def body(client: Dialect, turns: list[Json], *tools: Json, **fields: Json) -> Json:
    """A whole request; ``fields`` are the dialect's own and go in as they are."""
    if client == "gemini":
        declared = {"tools": [{"functionDeclarations": [*tools]}]} if tools else {}
        return {"contents": turns, **declared, **fields}
    offered = {"tools": [*tools]} if tools else {}
    if client == "openai_responses":
        return {"model": "asked-model", "input": turns, **offered, **fields}
    least = {"max_tokens": 20_000} if client == "anthropic" else {}
    return {"model": "asked-model", "messages": turns, **least, **offered, **fields}
